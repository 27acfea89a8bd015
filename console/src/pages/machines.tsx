import { useState } from "react";

import { listMachines } from "../api/stepfunctions";
import { href } from "../route";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Empty, Problem } from "../ui/pieces";
import { Instant } from "../ui/time";

/** Rows drawn at once; a search finds the others. */
const ROWS_MAX = 300;

export default function Machines() {
  const machines = useLoad(listMachines, "machines", 10_000);
  const [sought, setSought] = useState("");
  const found = (machines.value ?? []).filter((machine) => machine.name.toLowerCase().includes(sought.toLowerCase()));
  return (
    <div className="page">
      <div className="head">
        <h1 className="grow">State machines</h1>
        <input type="search" placeholder="Search by name" aria-label="Search by name" value={sought} onChange={(event) => setSought(event.target.value)} />
        <Link className="button" href={href(["machines", "new"])}>
          Create
        </Link>
      </div>
      <Problem error={machines.error} />
      <div className="card">
        {machines.value && machines.value.length === 0 ? (
          <Empty title="No state machines yet">
            <p>Create one here, or with the AWS CLI, Terraform or an SDK.</p>
            <Link className="button" href={href(["machines", "new"])}>
              Create a state machine
            </Link>
          </Empty>
        ) : (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Type</th>
                  <th>Created</th>
                </tr>
              </thead>
              <tbody>
                {found.slice(0, ROWS_MAX).map((machine) => (
                  <tr key={machine.stateMachineArn}>
                    <td>
                      <Link href={href(["machines", machine.stateMachineArn])}>{machine.name}</Link>
                    </td>
                    <td className="soft">{machine.type === "EXPRESS" ? "Express" : "Standard"}</td>
                    <td>
                      <Instant at={machine.creationDate} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
      {found.length > ROWS_MAX && <p className="soft">{found.length - ROWS_MAX} more: search for them by name.</p>}
      {machines.value && machines.value.length > 0 && found.length === 0 && <p className="soft">No name has “{sought}” in it.</p>}
    </div>
  );
}
