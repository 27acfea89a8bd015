import { useEffect, useMemo, useRef, useState } from "react";

import { diagram } from "../api/diagram";
import { describeExecution, describeMachineForExecution, redriveExecution, stopExecution } from "../api/stepfunctions";
import { type DiagramHandle, DiagramView } from "../diagram/view";
import { useHistory } from "../execution/history";
import { HistoryTable } from "../execution/history-table";
import { Inspector } from "../execution/inspector";
import { marks } from "../execution/marks";
import type { Run } from "../execution/runs";
import { ResumeDialog } from "../execution/resume";
import { Timeline } from "../execution/timeline";
import { go, href } from "../route";
import { FormDialog } from "../ui/dialog";
import { Json } from "../ui/json";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Badge, Problem, nameOf } from "../ui/pieces";
import { Instant, duration } from "../ui/time";
import { stateOf } from "./machine";

type Tab = "graph" | "timeline" | "history" | "data";

export default function ExecutionPage({ arn, state }: { arn: string; state?: string }) {
  const [turn, setTurn] = useState(0);
  const execution = useLoad((signal) => describeExecution(arn, signal), `${arn} ${turn}`, 1_000);
  const running = !execution.value || execution.value.status === "RUNNING" || execution.value.status === "PENDING_REDRIVE";
  const history = useHistory(arn, !running, turn);
  const machine = useLoad((signal) => describeMachineForExecution(arn, signal), `machine ${arn}`);
  const definition = machine.value?.definition;
  const picture = useLoad((signal) => (definition ? diagram(definition, signal) : Promise.resolve(undefined)), definition ?? "");
  const [tab, setTab] = useState<Tab>("graph");
  const [dialog, setDialog] = useState<"stop">();
  const [resume, setResume] = useState<{ kind: "redrive" | "fork"; run: Run }>();
  const [problem, setProblem] = useState<Error>();
  const graph = useRef<DiagramHandle>(null);
  const shownOnce = useRef("");
  const { story, events } = history;
  const coloured = useMemo(() => marks(story), [history, story]);
  const selected = state ?? (running ? undefined : story.failures[0]?.state);
  const select = (name?: string) => go(href(["executions", arn], { state: name }), { replace: true });

  const jump = () => {
    const at = story.failures.findIndex((run) => run.state === selected && shownOnce.current === selected);
    const next = story.failures[(at + 1) % story.failures.length];
    if (!next) return;
    setTab("graph");
    select(next.state);
    graph.current?.show(next.state);
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      if (event.key === "f" && !typing && !event.ctrlKey && !event.metaKey) jump();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  useEffect(() => {
    if (selected && picture.value && shownOnce.current !== selected) {
      shownOnce.current = selected;
      // After the graph has its size.
      requestAnimationFrame(() => graph.current?.show(selected));
    }
  }, [selected, picture.value]);

  if (execution.error && !execution.value) {
    return (
      <div className="page">
        <Problem error={execution.error} />
      </div>
    );
  }
  const value = execution.value;
  if (!value) return <div className="page soft">Loading…</div>;
  const runs = selected ? story.runs.filter((run) => run.state === selected) : [];
  const redrive = async () => {
    setProblem(undefined);
    try {
      await redriveExecution(arn);
      setTurn((turn) => turn + 1);
    } catch (error) {
      setProblem(error as Error);
    }
  };
  return (
    <div className="page full execution-page">
      <div className="grid" style={{ gap: 10 }}>
        <div className="head">
          <div className="grow">
            <div className="crumbs">
              <Link href={href(["machines"])}>State machines</Link> /{" "}
              <Link href={href(["machines", value.stateMachineArn])}>{nameOf(value.stateMachineArn)}</Link>
            </div>
            <h1>{value.name}</h1>
          </div>
          <Badge status={value.status} />
          <span className="soft">
            <Instant at={value.startDate} /> · {duration(((value.stopDate ?? Date.now() / 1000) - value.startDate) * 1000)}
          </span>
          {story.failures.length > 0 && (
            <button type="button" onClick={jump} title="Jump to what failed (f)">
              Find failure <kbd>f</kbd>
            </button>
          )}
          {running ? (
            <button type="button" className="danger" onClick={() => setDialog("stop")}>
              Stop
            </button>
          ) : (
            value.redriveStatus === "REDRIVABLE" && (
              <button type="button" onClick={redrive} title="Go on from what failed">
                Redrive
              </button>
            )
          )}
        </div>
        {value.error !== undefined && (
          <div className="notice">
            <strong>{value.error}</strong>
            {value.cause && <div className="small clamp">{value.cause}</div>}
          </div>
        )}
        <Problem error={problem ?? history.error} />
      </div>
      <div className={`workbench ${selected ? "with-inspector" : ""}`}>
        <div className="card stage">
          <div className="tabs" role="tablist">
            {(
              [
                ["graph", "Graph"],
                ["timeline", "Timeline"],
                ["history", `History (${events.length.toLocaleString()}${history.complete ? "" : "…"})`],
                ["data", "Input and output"],
              ] as const
            ).map(([name, title]) => (
              <button key={name} type="button" role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
                {title}
              </button>
            ))}
          </div>
          <div className="stage-body" role="tabpanel">
            {tab === "graph" && picture.value && (
              <DiagramView ref={graph} diagram={picture.value} marks={coloured} name={value.name} selected={selected} onSelect={select} />
            )}
            {tab === "graph" && <Problem error={machine.error ?? picture.error} />}
            {tab === "timeline" && (
              <Timeline story={story} from={value.startDate} to={running ? undefined : value.stopDate} selected={selected} onSelect={(run: Run) => select(run.state)} />
            )}
            {tab === "history" && <HistoryTable events={events} story={story} selected={selected} onSelect={select} />}
            {tab === "data" && (
              <div className="data-pair">
                <div>
                  <h2>Input</h2>
                  <Json text={value.input} />
                </div>
                <div>
                  <h2>Output</h2>
                  <Json text={value.output} empty={running ? "Still running" : "It has no output."} />
                </div>
              </div>
            )}
          </div>
        </div>
        {selected && (
          <div className="card inspector">
            <Inspector
              key={selected}
              executionArn={arn}
              runs={runs}
              actions={(run) => (
                <span className="row">
                  {!running && value.redriveStatus === "REDRIVABLE" && (
                    <button type="button" className="quiet" onClick={() => setResume({ kind: "redrive", run })}>
                      Redrive from here
                    </button>
                  )}
                  <button type="button" className="quiet" onClick={() => setResume({ kind: "fork", run })}>
                    Fork from here
                  </button>
                </span>
              )}
              definition={definition ? stateOf(definition, selected) : undefined}
              onClose={() => select(undefined)}
            />
          </div>
        )}
      </div>
      {resume && (
        <ResumeDialog {...resume} executionArn={arn} onDone={() => setTurn((turn) => turn + 1)} onClose={() => setResume(undefined)} />
      )}
      {dialog === "stop" && (
        <FormDialog
          title={`Stop ${value.name}?`}
          action="Stop"
          danger
          onClose={() => setDialog(undefined)}
          onSubmit={async (form) => {
            await stopExecution(arn, String(form.get("error")), String(form.get("cause")));
            setTurn((turn) => turn + 1);
          }}
        >
          <label>
            Error (optional)
            <input name="error" maxLength={256} autoComplete="off" />
          </label>
          <label>
            Cause (optional)
            <textarea name="cause" rows={3} />
          </label>
        </FormDialog>
      )}
    </div>
  );
}
