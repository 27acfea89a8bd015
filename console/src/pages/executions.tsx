import { useState } from "react";

import { listMachines } from "../api/stepfunctions";
import { findExecutions, redriveMany } from "../api/windlass";
import { useLoad } from "../ui/load";
import { Empty, Problem } from "../ui/pieces";
import { ExecutionTable } from "./machine";

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];
const PERIODS: [string, number][] = [
  ["Any time", 0],
  ["Last 15 minutes", 900],
  ["Last hour", 3_600],
  ["Last day", 86_400],
  ["Last week", 604_800],
];
/** Executions that one click redrives. */
const REDRIVE_MAX = 100;

export default function Executions() {
  const machines = useLoad(listMachines, "machines");
  const [status, setStatus] = useState("");
  const [name, setName] = useState("");
  const [error, setError] = useState("");
  const [machine, setMachine] = useState("");
  const [period, setPeriod] = useState(0);
  const [shown, setShown] = useState(100);
  const [said, setSaid] = useState<string>();
  const [problem, setProblem] = useState<Error>();
  const key = JSON.stringify([status, name, error, machine, period, shown]);
  const found = useLoad(
    (signal) =>
      findExecutions(
        {
          status: status || undefined,
          name: name || undefined,
          error: error || undefined,
          stateMachineArn: machine || undefined,
          startedAfter: period ? Math.floor(Date.now() / 1000) - period : undefined,
          maxResults: shown,
        },
        signal,
      ),
    key,
    3_000,
  );
  const executions = found.value?.executions ?? [];
  const redrivable = executions.filter((execution) => ["FAILED", "TIMED_OUT", "ABORTED"].includes(execution.status));
  const retry = async () => {
    setProblem(undefined);
    try {
      const { results } = await redriveMany(redrivable.slice(0, REDRIVE_MAX).map((execution) => execution.executionArn));
      const refused = results.filter((result) => result.error);
      setSaid(
        `${results.length - refused.length} redriven` +
          (refused.length ? `, ${refused.length} not: ${refused[0]?.error?.message}` : ""),
      );
      found.reload();
    } catch (error) {
      setProblem(error as Error);
    }
  };
  return (
    <div className="page">
      <div className="head">
        <h1 className="grow">Executions</h1>
        {redrivable.length > 0 && (
          <button type="button" onClick={retry}>
            Redrive {Math.min(redrivable.length, REDRIVE_MAX)} listed below
          </button>
        )}
      </div>
      <div className="filters" role="search">
        <label>
          Name
          <input type="search" value={name} onChange={(event) => setName(event.target.value)} placeholder="a part of it" />
        </label>
        <label>
          Status
          <select value={status} onChange={(event) => setStatus(event.target.value)}>
            <option value="">Any</option>
            {STATUSES.map((one) => (
              <option key={one} value={one}>
                {one.toLowerCase().replace("_", " ")}
              </option>
            ))}
          </select>
        </label>
        <label>
          Error
          <input type="search" value={error} onChange={(event) => setError(event.target.value)} placeholder="States.Timeout" />
        </label>
        <label>
          State machine
          <select value={machine} onChange={(event) => setMachine(event.target.value)}>
            <option value="">Any</option>
            {machines.value
              ?.filter((one) => one.type === "STANDARD")
              .map((one) => (
                <option key={one.stateMachineArn} value={one.stateMachineArn}>
                  {one.name}
                </option>
              ))}
          </select>
        </label>
        <label>
          Started
          <select value={period} onChange={(event) => setPeriod(Number(event.target.value))}>
            {PERIODS.map(([title, seconds]) => (
              <option key={seconds} value={seconds}>
                {title}
              </option>
            ))}
          </select>
        </label>
      </div>
      {said && (
        <div className="notice info" role="status">
          {said}
        </div>
      )}
      <Problem error={problem ?? found.error} />
      <div className="card">
        {found.value && executions.length === 0 ? (
          <Empty title="Nothing found">
            <p>No Standard execution fits. Express executions are told by their log groups.</p>
          </Empty>
        ) : (
          <ExecutionTable executions={executions} machine />
        )}
        {found.value?.nextToken && shown < 1_000 && (
          <div style={{ padding: 14 }}>
            <button type="button" onClick={() => setShown(Math.min(1_000, shown + 300))}>
              Show more
            </button>
          </div>
        )}
      </div>
    </div>
  );
}
