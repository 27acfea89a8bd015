import { useEffect, useRef, useState } from "react";

import { functionLog, listFunctions } from "../api/lambda";
import type { ServerError } from "../api/request";
import { href } from "../route";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Empty, Problem } from "../ui/pieces";

/** How far back the log begins. */
const SINCE_MS = 3_600_000;

export default function Functions({ name }: { name?: string }) {
  const functions = useLoad(listFunctions, "functions", 10_000);
  const chosen = functions.value?.find((one) => one.FunctionName === name);
  return (
    <div className="page">
      <div className="head">
        <h1 className="grow">Functions</h1>
      </div>
      <Problem error={functions.error} />
      {functions.value?.length === 0 ? (
        <div className="card">
          <Empty title="No functions yet">
            <p>Functions are made with the AWS CLI, Terraform or an SDK, and run as processes of this server.</p>
          </Empty>
        </div>
      ) : (
        <div className="card scroll">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Runtime</th>
                <th>Handler</th>
                <th>Memory</th>
                <th>Time-out</th>
                <th>Changed</th>
              </tr>
            </thead>
            <tbody>
              {functions.value?.map((one) => (
                <tr key={one.FunctionArn} className={one.FunctionName === name ? "of-selected" : ""}>
                  <td>
                    <Link href={href(["functions", one.FunctionName])}>{one.FunctionName}</Link>
                    {one.Description && <div className="soft small">{one.Description}</div>}
                  </td>
                  <td className="soft">{one.Runtime}</td>
                  <td className="mono">{one.Handler}</td>
                  <td className="nowrap">{one.MemorySize} MB</td>
                  <td className="nowrap">{one.Timeout} s</td>
                  <td className="soft nowrap">{one.LastModified?.slice(0, 16).replace("T", " ")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {chosen && <Log name={chosen.FunctionName} key={chosen.FunctionName} />}
    </div>
  );
}

function Log({ name }: { name: string }) {
  const [since] = useState(() => Date.now() - SINCE_MS);
  const log = useLoad((signal) => functionLog(name, since, signal), `log ${name}`, 2_000);
  const box = useRef<HTMLPreElement>(null);
  const [follow, setFollow] = useState(true);
  const count = log.value?.length ?? 0;
  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [count, follow]);
  const silent = (log.error as ServerError | undefined)?.code === "ResourceNotFoundException";
  return (
    <div className="card">
      <header>
        <h2>Log of {name}</h2>
        <label className="row" style={{ display: "flex" }}>
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} /> Follow
        </label>
      </header>
      {silent || (log.value && count === 0) ? (
        <Empty title="Nothing logged in the last hour">
          <p>Lines appear here as soon as the function writes them.</p>
        </Empty>
      ) : log.error ? (
        <div className="body">
          <Problem error={log.error} />
        </div>
      ) : (
        <pre ref={box} className="log" tabIndex={0} aria-label={`Log of ${name}`}>
          {log.value?.map((event, index) => (
            <div key={index}>
              <span className="soft">{new Date(event.timestamp).toISOString().slice(11, 23)}</span> {event.message.trimEnd()}
            </div>
          ))}
        </pre>
      )}
    </div>
  );
}
