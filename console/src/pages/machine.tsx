import { useState } from "react";

import { diagram } from "../api/diagram";
import {
  type Status,
  deleteMachine,
  describeMachine,
  listAliases,
  listExecutions,
  listVersions,
  startExecution,
  startSyncExecution,
} from "../api/stepfunctions";
import type { Execution } from "../api/stepfunctions";
import { DiagramView } from "../diagram/view";
import { go, href } from "../route";
import { FormDialog } from "../ui/dialog";
import { Json } from "../ui/json";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Badge, Empty, Problem, nameOf } from "../ui/pieces";
import { Instant, duration } from "../ui/time";

const STATUSES: Status[] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

/** What was last typed as input of a machine, kept in this browser. */
const remembered = (arn: string) => localStorage.getItem(`input ${arn}`) ?? "{}";

export default function MachinePage({ arn }: { arn: string }) {
  const machine = useLoad((signal) => describeMachine(arn, signal), arn, 15_000);
  const definition = machine.value?.definition;
  const picture = useLoad((signal) => (definition ? diagram(definition, signal) : Promise.resolve(undefined)), definition ?? "");
  const [tab, setTab] = useState<"executions" | "definition" | "versions">("executions");
  const [state, setState] = useState<string>();
  const [dialog, setDialog] = useState<"start" | "delete">();
  const [answer, setAnswer] = useState<Execution>();
  if (machine.error && !machine.value) {
    return (
      <div className="page">
        <Problem error={machine.error} />
      </div>
    );
  }
  if (!machine.value) return <div className="page soft">Loading…</div>;
  const { name, type } = machine.value;
  const stateText = state && definition ? stateOf(definition, state) : undefined;
  return (
    <div className="page">
      <div className="head">
        <div className="grow">
          <div className="crumbs">
            <Link href={href(["machines"])}>State machines</Link>
          </div>
          <h1>{name}</h1>
        </div>
        <span className="badge plain">{type === "EXPRESS" ? "Express" : "Standard"}</span>
        {machine.value.status === "DELETING" && <Badge status="DELETING" />}
        <Link className="button" href={href(["machines", arn, "edit"])}>
          Edit
        </Link>
        <button type="button" className="danger" onClick={() => setDialog("delete")}>
          Delete
        </button>
        <button type="button" className="primary" onClick={() => setDialog("start")}>
          Start execution
        </button>
      </div>
      <div className="grid machine-page">
        <div className="card" style={{ height: "min(640px, 70vh)" }}>
          {picture.value && <DiagramView diagram={picture.value} name={name} selected={state} onSelect={(name) => setState(name === state ? undefined : name)} />}
          {picture.error && <div className="body"><Problem error={picture.error} /></div>}
        </div>
        {state && (
          <div className="card">
            <header>
              <h2>{state}</h2>
              <button type="button" className="quiet" onClick={() => setState(undefined)} aria-label="Close">
                ✕
              </button>
            </header>
            <div className="body" style={{ maxHeight: 420, overflow: "auto" }}>
              <Json text={stateText} />
            </div>
          </div>
        )}
      </div>
      <div className="card">
        <div className="tabs" role="tablist">
          {(["executions", "definition", "versions"] as const).map((name) => (
            <button key={name} type="button" role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
              {{ executions: "Executions", definition: "Definition", versions: "Versions and aliases" }[name]}
            </button>
          ))}
        </div>
        {tab === "executions" && (type === "EXPRESS" ? <ExpressNote arn={arn} /> : <ExecutionsOf arn={arn} />)}
        {tab === "definition" && (
          <div className="body grid">
            <dl className="facts">
              <dt>ARN</dt>
              <dd className="mono">{arn}</dd>
              <dt>Role</dt>
              <dd className="mono">{machine.value.roleArn}</dd>
              <dt>Logging</dt>
              <dd>{machine.value.loggingConfiguration?.level ?? "OFF"}</dd>
              <dt>Created</dt>
              <dd>
                <Instant at={machine.value.creationDate} />
              </dd>
            </dl>
            <Json text={definition} />
          </div>
        )}
        {tab === "versions" && <Versions arn={arn} />}
      </div>
      {dialog === "start" && (
        <StartDialog
          arn={arn}
          express={type === "EXPRESS"}
          onAnswer={setAnswer}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === "delete" && (
        <FormDialog
          title={`Delete ${name}?`}
          action="Delete"
          danger
          onClose={() => setDialog(undefined)}
          onSubmit={async () => {
            await deleteMachine(arn);
            go(href(["machines"]));
          }}
        >
          <p>Running executions end at their next transition. Versions and aliases are deleted too.</p>
        </FormDialog>
      )}
      {answer && <AnswerDialog answer={answer} onClose={() => setAnswer(undefined)} />}
    </div>
  );
}

/** The text of one state, wherever in the definition it is. */
export function stateOf(definition: string, name: string): string | undefined {
  type Level = { States?: Record<string, Record<string, unknown>> };
  const find = (level: Level | undefined): unknown => {
    for (const [state, body] of Object.entries(level?.States ?? {})) {
      if (state === name) return body;
      const inner = [...((body.Branches as Level[]) ?? []), body.ItemProcessor as Level, body.Iterator as Level];
      for (const level of inner) {
        const found = level && find(level);
        if (found) return found;
      }
    }
    return undefined;
  };
  try {
    const found = find(JSON.parse(definition) as Level);
    return found === undefined ? undefined : JSON.stringify(found);
  } catch {
    return undefined;
  }
}

export function StartDialog({
  arn,
  express,
  onAnswer,
  onClose,
}: {
  arn: string;
  express: boolean;
  onAnswer: (answer: Execution) => void;
  onClose: () => void;
}) {
  return (
    <FormDialog
      title={`Start ${nameOf(arn)}`}
      action="Start"
      onClose={onClose}
      onSubmit={async (form) => {
        const input = String(form.get("input"));
        const name = String(form.get("name"));
        JSON.parse(input);
        localStorage.setItem(`input ${arn}`, input);
        if (express) onAnswer(await startSyncExecution(arn, input, name));
        else go(href(["executions", (await startExecution(arn, input, name)).executionArn]));
      }}
    >
      <label>
        Input (JSON)
        <textarea name="input" rows={10} defaultValue={remembered(arn)} spellCheck={false} autoFocus />
      </label>
      <label>
        Name (optional)
        <input name="name" maxLength={80} placeholder="a new one is made up" autoComplete="off" />
      </label>
    </FormDialog>
  );
}

function AnswerDialog({ answer, onClose }: { answer: Execution; onClose: () => void }) {
  return (
    <FormDialog title="The execution has ended" action="Close" onClose={onClose} onSubmit={async () => {}}>
      <div className="row">
        <Badge status={answer.status} />
        <span className="soft">{answer.stopDate ? duration((answer.stopDate - answer.startDate) * 1000) : null}</span>
      </div>
      {answer.error && <p><strong>{answer.error}</strong> {answer.cause}</p>}
      <Json text={answer.output} empty="No output" />
    </FormDialog>
  );
}

function ExpressNote({ arn }: { arn: string }) {
  return (
    <Empty title="Express executions are not listed">
      <p>
        AWS lists only Standard executions. Start one above to see its answer, or look into the log group of {nameOf(arn)}.
      </p>
    </Empty>
  );
}

export function ExecutionsOf({ arn }: { arn: string }) {
  const [status, setStatus] = useState<Status>();
  const [shown, setShown] = useState(50);
  const page = useLoad((signal) => listExecutions(arn, status, undefined, shown, signal), `${arn} ${status} ${shown}`, 3_000);
  const executions = page.value?.executions ?? [];
  return (
    <>
      <div className="row" style={{ padding: "10px 14px 0" }} role="group" aria-label="Filter by status">
        <button type="button" className="quiet" aria-pressed={!status} onClick={() => setStatus(undefined)}>
          All
        </button>
        {STATUSES.map((one) => (
          <button key={one} type="button" className="quiet" aria-pressed={status === one} onClick={() => setStatus(one)}>
            {one.toLowerCase().replace("_", " ")}
          </button>
        ))}
      </div>
      {page.error && <div style={{ padding: 14 }}><Problem error={page.error} /></div>}
      {page.value && executions.length === 0 ? (
        <Empty title={status ? "None of them now" : "No executions yet"}>
          <p>What you start appears here at once.</p>
        </Empty>
      ) : (
        <ExecutionTable executions={executions} />
      )}
      {page.value?.nextToken && (
        <div style={{ padding: 14 }}>
          <button type="button" onClick={() => setShown((shown) => Math.min(1000, shown + 200))} disabled={shown >= 1000}>
            Show more
          </button>
        </div>
      )}
    </>
  );
}

export function ExecutionTable({
  executions,
  machine,
}: {
  executions: { executionArn: string; stateMachineArn?: string; name: string; status: string; startDate: number; stopDate?: number; error?: string }[];
  machine?: boolean;
}) {
  const now = Date.now() / 1000;
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Name</th>
            {machine && <th>State machine</th>}
            <th>Status</th>
            <th>Started</th>
            <th>Duration</th>
          </tr>
        </thead>
        <tbody>
          {executions.map((execution) => (
            <tr key={execution.executionArn}>
              <td style={{ overflowWrap: "anywhere" }}>
                <Link href={href(["executions", execution.executionArn])}>{execution.name}</Link>
                {execution.error && <div className="soft small">{execution.error}</div>}
              </td>
              {machine && (
                <td>
                  {execution.stateMachineArn && (
                    <Link href={href(["machines", execution.stateMachineArn])}>{nameOf(execution.stateMachineArn)}</Link>
                  )}
                </td>
              )}
              <td>
                <Badge status={execution.status} />
              </td>
              <td>
                <Instant at={execution.startDate} />
              </td>
              <td className="nowrap">{duration(((execution.stopDate ?? now) - execution.startDate) * 1000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Versions({ arn }: { arn: string }) {
  const versions = useLoad((signal) => listVersions(arn, signal), `versions ${arn}`);
  const aliases = useLoad((signal) => listAliases(arn, signal), `aliases ${arn}`);
  if (versions.value?.length === 0 && aliases.value?.length === 0) {
    return (
      <Empty title="No versions yet">
        <p>A version is published with PublishStateMachineVersion, or with publish = true in Terraform.</p>
      </Empty>
    );
  }
  return (
    <div className="scroll">
      <Problem error={versions.error ?? aliases.error} />
      <table>
        <thead>
          <tr>
            <th>Version or alias</th>
            <th>Made</th>
          </tr>
        </thead>
        <tbody>
          {aliases.value?.map((alias) => (
            <tr key={alias.stateMachineAliasArn}>
              <td>
                <Link href={href(["machines", alias.stateMachineAliasArn])}>{nameOf(alias.stateMachineAliasArn)}</Link>{" "}
                <span className="badge plain">alias</span>
              </td>
              <td>
                <Instant at={alias.creationDate} />
              </td>
            </tr>
          ))}
          {versions.value?.map((version) => (
            <tr key={version.stateMachineVersionArn}>
              <td>
                <Link href={href(["machines", version.stateMachineVersionArn])}>{nameOf(version.stateMachineVersionArn)}</Link>
              </td>
              <td>
                <Instant at={version.creationDate} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
