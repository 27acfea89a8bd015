import { lazy, Suspense, useEffect, useState } from "react";

import { diagram } from "../api/diagram";
import type { Session } from "../api/session";
import { createMachine, describeMachine, updateMachine, validate } from "../api/stepfunctions";
import { DiagramView } from "../diagram/view";
import { go, href } from "../route";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Problem } from "../ui/pieces";

const Editor = lazy(() => import("../ui/editor"));

const FIRST = JSON.stringify(
  {
    Comment: "A first machine",
    QueryLanguage: "JSONata",
    StartAt: "Say hello",
    States: {
      "Say hello": { Type: "Pass", Output: "{% 'Hello, ' & $states.input.name %}", Next: "Wait a moment" },
      "Wait a moment": { Type: "Wait", Seconds: 5, Next: "Done" },
      Done: { Type: "Succeed" },
    },
  },
  null,
  2,
);

/** A machine as text, beside its picture; findings stand at their lines. */
export default function MachineEdit({ session, arn }: { session: Session; arn?: string }) {
  const machine = useLoad((signal) => (arn ? describeMachine(arn, signal) : Promise.resolve(undefined)), arn ?? "new");
  if (machine.error) {
    return (
      <div className="page">
        <Problem error={machine.error} />
      </div>
    );
  }
  if (machine.loading) return <div className="page soft">Loading…</div>;
  const given = machine.value;
  const text = given ? indented(given.definition) : FIRST;
  return <Edit session={session} arn={arn} name={given?.name} type={given?.type} first={text} />;
}

function indented(definition: string): string {
  // What was written on several lines stays as it was written.
  if (definition.includes("\n")) return definition;
  try {
    return JSON.stringify(JSON.parse(definition), null, 2);
  } catch {
    return definition;
  }
}

function Edit({ session, arn, name, type, first }: { session: Session; arn?: string; name?: string; type?: string; first: string }) {
  const [text, setText] = useState(first);
  const [settled, setSettled] = useState(first);
  const [newName, setNewName] = useState("");
  const [newType, setNewType] = useState("STANDARD");
  const [role, setRole] = useState(() => localStorage.getItem("role") ?? `arn:aws:iam::${session.account}:role/windlass`);
  const [problem, setProblem] = useState<Error>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 350);
    return () => clearTimeout(timer);
  }, [text]);
  const checked = useLoad((signal) => validate(settled, type ?? newType, signal), `${type ?? newType} ${settled}`);
  const picture = useLoad((signal) => diagram(settled, signal), settled);
  // While one types the last picture that could be drawn stays.
  const [drawn, setDrawn] = useState(picture.value);
  useEffect(() => {
    if (picture.value) setDrawn(picture.value);
  }, [picture.value]);
  const findings = checked.value?.diagnostics ?? [];
  const errors = findings.filter((finding) => finding.severity === "ERROR").length;
  const save = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      if (arn) {
        await updateMachine(arn, text);
        go(href(["machines", arn]));
      } else {
        localStorage.setItem("role", role);
        const made = await createMachine({ name: newName, definition: text, roleArn: role, type: newType });
        go(href(["machines", made.stateMachineArn]));
      }
    } catch (error) {
      setProblem(error as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="page full">
      <div className="grid" style={{ gap: 10 }}>
        <div className="head">
          <div className="grow">
            <div className="crumbs">
              <Link href={href(["machines"])}>State machines</Link>
            </div>
            <h1>{arn ? `Edit ${name}` : "New state machine"}</h1>
          </div>
          {!arn && (
            <>
              <label>
                Name
                <input value={newName} maxLength={80} onChange={(event) => setNewName(event.target.value)} placeholder="order-fulfilment" />
              </label>
              <label>
                Type
                <select value={newType} onChange={(event) => setNewType(event.target.value)}>
                  <option value="STANDARD">Standard</option>
                  <option value="EXPRESS">Express</option>
                </select>
              </label>
              <label>
                Role
                <input value={role} onChange={(event) => setRole(event.target.value)} size={36} spellCheck={false} />
              </label>
            </>
          )}
          <Link className="button" href={arn ? href(["machines", arn]) : href(["machines"])}>
            Cancel
          </Link>
          <button type="button" className="primary" disabled={busy || (!arn && !newName)} onClick={save}>
            {arn ? "Save" : "Create"}
          </button>
        </div>
        <Problem error={problem} />
      </div>
      <div className="edit-pair">
        <div className="card stage">
          <div className="stage-body">
            <Suspense fallback={<p className="soft" style={{ padding: 14 }}>Loading the editor…</p>}>
              <Editor text={first} findings={findings} label="Definition" onChange={setText} />
            </Suspense>
          </div>
          <div className="findings" aria-live="polite">
            {checked.error && <Problem error={checked.error} />}
            {checked.value && findings.length === 0 && <span className="soft small">No findings.</span>}
            {findings.slice(0, 50).map((finding, index) => (
              <div key={index} className="small">
                <span className={`badge ${finding.severity === "ERROR" ? "failed" : "caught"}`}>{finding.severity.toLowerCase()}</span>{" "}
                {finding.location && <code>{finding.location}</code>} {finding.message}
              </div>
            ))}
            {errors > 0 && <span className="soft small">AWS refuses a definition with errors, and so do we.</span>}
          </div>
        </div>
        <div className="card stage">{drawn && <DiagramView diagram={drawn} name={name ?? (newName || "state-machine")} />}</div>
      </div>
    </div>
  );
}
