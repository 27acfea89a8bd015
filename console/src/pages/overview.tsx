import { overview } from "../api/windlass";
import { href } from "../route";
import { Chart } from "../ui/chart";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Empty, Problem, nameOf } from "../ui/pieces";
import { duration } from "../ui/time";
import { ExecutionTable } from "./machine";

export default function Overview() {
  const found = useLoad(overview, "overview", 3_000);
  const value = found.value;
  if (found.error && !value) {
    return (
      <div className="page">
        <Problem error={found.error} />
      </div>
    );
  }
  if (!value) return <div className="page soft">Loading…</div>;
  const { counts, minutes } = value;
  const figures: [string, number, string][] = [
    ["Running", counts.RUNNING ?? 0, "running"],
    ["Succeeded", counts.SUCCEEDED ?? 0, "succeeded"],
    ["Failed", (counts.FAILED ?? 0) + (counts.TIMED_OUT ?? 0), "failed"],
    ["Aborted", counts.ABORTED ?? 0, "aborted"],
  ];
  const none = figures.every(([, number]) => number === 0);
  const at = minutes.map((minute) => minute.at);
  return (
    <div className="page">
      <div className="head">
        <h1 className="grow">Overview</h1>
      </div>
      <div className="figures">
        {figures.map(([title, number, kind]) => (
          <div key={title} className="card figure">
            <span className={`badge ${kind}`}>{title.toLowerCase()}</span>
            <strong>{number.toLocaleString()}</strong>
          </div>
        ))}
      </div>
      {none ? (
        <div className="card">
          <Empty title="Nothing has run yet">
            <p>Start an execution of a state machine, and this page shows what happens.</p>
            <Link className="button" href={href(["machines"])}>
              State machines
            </Link>
          </Empty>
        </div>
      ) : (
        <>
          <div className="pair">
            <section className="card">
              <header>
                <h2>Executions per minute</h2>
                <span className="soft small">last hour</span>
              </header>
              <div className="body">
                <Chart
                  title="Executions per minute over the last hour"
                  at={at}
                  lines={[
                    { title: "started", colour: "--run", values: minutes.map((minute) => minute.started) },
                    { title: "succeeded", colour: "--good", values: minutes.map((minute) => minute.succeeded) },
                    { title: "failed", colour: "--bad", values: minutes.map((minute) => minute.failed) },
                  ]}
                />
              </div>
            </section>
            <section className="card">
              <header>
                <h2>Duration</h2>
                <span className="soft small">of those that ended, last hour</span>
              </header>
              <div className="body">
                <Chart
                  title="Duration of executions over the last hour"
                  unit=" s"
                  at={at}
                  lines={[
                    { title: "median", colour: "--accent", values: minutes.map((minute) => seconds(minute.p50)) },
                    { title: "95 %", colour: "--warn", values: minutes.map((minute) => seconds(minute.p95)) },
                  ]}
                />
              </div>
            </section>
          </div>
          <div className="pair">
            <section className="card">
              <header>
                <h2>States that fail most</h2>
              </header>
              {value.failingStates.length === 0 ? (
                <Empty title="None in the last hour" />
              ) : (
                <div className="scroll">
                  <table>
                    <thead>
                      <tr>
                        <th>State</th>
                        <th>Failures</th>
                        <th>Last error</th>
                      </tr>
                    </thead>
                    <tbody>
                      {value.failingStates.map((one) => (
                        <tr key={`${one.stateMachineArn} ${one.state}`}>
                          <td>
                            <Link href={href(["machines", one.stateMachineArn])}>{one.state}</Link>
                            <div className="soft small">{nameOf(one.stateMachineArn)}</div>
                          </td>
                          <td>{one.failures.toLocaleString()}</td>
                          <td className="bad">{one.lastError}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              )}
            </section>
            <section className="card">
              <header>
                <h2>States that take longest</h2>
              </header>
              {value.slowStates.length === 0 ? (
                <Empty title="None in the last hour" />
              ) : (
                <div className="scroll">
                  <table>
                    <thead>
                      <tr>
                        <th>State</th>
                        <th>95 %</th>
                        <th>Runs</th>
                      </tr>
                    </thead>
                    <tbody>
                      {value.slowStates.map((one) => (
                        <tr key={`${one.stateMachineArn} ${one.state}`}>
                          <td>
                            <Link href={href(["machines", one.stateMachineArn])}>{one.state}</Link>
                            <div className="soft small">{nameOf(one.stateMachineArn)}</div>
                          </td>
                          <td className="nowrap">{duration(one.p95)}</td>
                          <td>{one.count.toLocaleString()}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              )}
            </section>
          </div>
          {value.recentFailures.length > 0 && (
            <section className="card">
              <header>
                <h2>Failed lately</h2>
              </header>
              <ExecutionTable executions={value.recentFailures} machine />
            </section>
          )}
        </>
      )}
    </div>
  );
}

function seconds(ms?: number): number | null {
  return ms === undefined ? null : Math.round(ms) / 1000;
}
