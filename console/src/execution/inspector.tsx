import { useState } from "react";

import { href } from "../route";
import { Json } from "../ui/json";
import { Link } from "../ui/link";
import { Badge, Empty } from "../ui/pieces";
import { duration } from "../ui/time";
import { MapGrid } from "./map-grid";
import type { Run, Thread } from "./runs";
import { Values } from "./values";

type Tab = "output" | "input" | "values" | "attempts" | "variables" | "items" | "definition";

/** Everything about one state of an execution: what went in, what came out, how often it was tried. */
export function Inspector({
  executionArn,
  runs,
  definition,
  actions,
  onClose,
}: {
  executionArn: string;
  /** All runs of one state, in order. */
  runs: Run[];
  /** The state's own text. */
  definition?: string;
  actions?: (run: Run) => React.ReactNode;
  onClose: () => void;
}) {
  const [picked, setPicked] = useState<number>();
  const [tab, setTab] = useState<Tab>();
  const [iteration, setIteration] = useState<Thread>();
  const run = runs.find((run) => run.id === picked) ?? runs.findLast((run) => run.status === "failed") ?? runs.at(-1);
  if (!run) {
    return (
      <Empty title="Not reached">
        <p>The execution has not entered this state.</p>
        <Json text={definition} />
      </Empty>
    );
  }
  const at = runs.indexOf(run);
  const tabs: [Tab, string, boolean][] = [
    ["output", "Output", true],
    ["input", "Input", true],
    ["values", "Values", true],
    ["attempts", `Attempts (${run.attempts.length})`, run.attempts.length > 0],
    ["items", `Items (${run.threads.length})`, run.type === "Map"],
    ["variables", "Variables", !!run.variables],
    ["definition", "Definition", !!definition],
  ];
  const chosen = tab && tabs.some(([name, , there]) => name === tab && there) ? tab : run.type === "Map" ? "items" : "output";
  const nested = run.attempts.at(-1)?.output?.match(/arn:aws[\w-]*:states:[^"]*:execution:[^"]*/)?.[0];
  return (
    <>
      <header>
        <h2 style={{ overflowWrap: "anywhere" }}>{run.state}</h2>
        <Badge status={run.status} />
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      <div className="inspector-facts">
        <span className="soft">{run.type}</span>
        <span className="soft">
          {run.endedAt === undefined ? "running" : duration((run.endedAt - run.enteredAt) * 1000)}
        </span>
        <span className="soft">event {run.id}</span>
        {run.thread.index !== undefined && <span className="soft">item {run.thread.index}</span>}
        {runs.length > 1 && (
          <span className="row">
            <button type="button" className="quiet" disabled={at === 0} onClick={() => setPicked(runs[at - 1]?.id)} aria-label="Run before">
              ‹
            </button>
            {(at + 1).toLocaleString()} of {runs.length.toLocaleString()}
            <button type="button" className="quiet" disabled={at === runs.length - 1} onClick={() => setPicked(runs[at + 1]?.id)} aria-label="Next run">
              ›
            </button>
          </span>
        )}
        {nested && <Link href={href(["executions", nested])}>Open nested execution</Link>}
        {actions?.(run)}
      </div>
      {run.error !== undefined && run.status !== "succeeded" && (
        <div className="notice" style={{ margin: "0 14px 10px" }}>
          <strong>{run.error}</strong>
          {run.cause && <pre className="small">{run.cause}</pre>}
        </div>
      )}
      <div className="tabs" role="tablist">
        {tabs
          .filter(([, , there]) => there)
          .map(([name, title]) => (
            <button key={name} type="button" role="tab" aria-selected={name === chosen} onClick={() => setTab(name)}>
              {title}
            </button>
          ))}
      </div>
      <div className="inspector-body" tabIndex={0} role="tabpanel">
        {chosen === "output" && <Json text={run.output ?? run.attempts.at(-1)?.output} empty={run.status === "running" ? "Still running" : "It has no output."} />}
        {chosen === "values" && <Values executionArn={executionArn} eventId={run.id} key={run.id} />}
        {chosen === "input" && <Json text={run.input} />}
        {chosen === "variables" && <Json text={JSON.stringify(Object.fromEntries(Object.entries(run.variables ?? {}).map(([name, text]) => [name, parsed(text)])))} />}
        {chosen === "definition" && <Json text={definition} />}
        {chosen === "items" && (
          <>
            <MapGrid run={run} chosen={iteration} onChoose={setIteration} />
            {iteration && (
              <div className="grid" style={{ marginTop: 12 }}>
                <strong>Item {iteration.index}</strong>
                {iteration.runs.map((inner) => (
                  <details key={inner.id} open={inner.status === "failed"}>
                    <summary>
                      {inner.state} <Badge status={inner.status} />
                    </summary>
                    {inner.error && <p className="bad">{inner.error}: {inner.cause}</p>}
                    <Json text={inner.input} />
                    <Json text={inner.output} />
                  </details>
                ))}
              </div>
            )}
          </>
        )}
        {chosen === "attempts" &&
          run.attempts.map((attempt, index) => (
            <details key={index} open={index === run.attempts.length - 1} style={{ marginBottom: 10 }}>
              <summary className="row">
                <strong>Attempt {index + 1}</strong> <Badge status={attempt.status} />
                <span className="soft small">
                  {attempt.endedAt === undefined ? "running" : duration((attempt.endedAt - attempt.scheduledAt) * 1000)}
                </span>
              </summary>
              {attempt.error && (
                <div className="notice">
                  <strong>{attempt.error}</strong>
                  {attempt.cause && <pre className="small">{attempt.cause}</pre>}
                </div>
              )}
              {attempt.resource && <p className="mono soft">{attempt.resource}</p>}
              {attempt.parameters && (
                <>
                  <p className="soft small">Sent</p>
                  <Json text={attempt.parameters} />
                </>
              )}
              {attempt.output && (
                <>
                  <p className="soft small">Answered</p>
                  <Json text={attempt.output} />
                </>
              )}
            </details>
          ))}
      </div>
    </>
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
