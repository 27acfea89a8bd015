import { useState } from "react";

import { sendTaskFailure, sendTaskSuccess } from "../api/stepfunctions";
import { type WaitingTask, waitingTasks } from "../api/windlass";
import { href } from "../route";
import { FormDialog } from "../ui/dialog";
import { Json } from "../ui/json";
import { Link } from "../ui/link";
import { useLoad } from "../ui/load";
import { Empty, Problem, nameOf } from "../ui/pieces";
import { Instant, duration } from "../ui/time";

/** What waits for people: callbacks and activities. */
export default function Inbox() {
  const waiting = useLoad(waitingTasks, "waiting", 2_000);
  const [answering, setAnswering] = useState<{ task: WaitingTask; approve: boolean }>();
  const tasks = waiting.value?.tasks ?? [];
  return (
    <div className="page">
      <div className="head">
        <h1 className="grow">Inbox</h1>
        {tasks.length > 0 && <span className="soft">{tasks.length} waiting</span>}
      </div>
      <Problem error={waiting.error} />
      {waiting.value && tasks.length === 0 ? (
        <div className="card">
          <Empty title="Nobody is waited for">
            <p>
              Tasks with <code>.waitForTaskToken</code> and activity tasks appear here while they wait for their answer.
            </p>
          </Empty>
        </div>
      ) : (
        tasks.map((task) => (
          <article className="card" key={task.taskToken}>
            <header>
              <h2>
                {task.state}{" "}
                <span className="soft" style={{ fontWeight: 400 }}>
                  of <Link href={href(["executions", task.executionArn], { state: task.state })}>{nameOf(task.executionArn)}</Link> (
                  {nameOf(task.stateMachineArn)})
                </span>
              </h2>
              <span className="badge plain">{task.kind === "activity" ? `activity ${nameOf(task.activityArn ?? "")}` : "callback"}</span>
              <button type="button" onClick={() => setAnswering({ task, approve: false })} className="danger">
                Reject
              </button>
              <button type="button" className="primary" onClick={() => setAnswering({ task, approve: true })}>
                Approve
              </button>
            </header>
            <div className="body grid" style={{ gap: 8 }}>
              <span className="soft small">
                Waiting since <Instant at={task.since} />
                {task.deadline !== undefined && <> · times out in {duration(task.deadline * 1000 - Date.now())}</>}
              </span>
              <div style={{ maxHeight: 220, overflow: "auto" }}>
                <Json text={task.input} />
              </div>
            </div>
          </article>
        ))
      )}
      {answering && (
        <AnswerDialog
          {...answering}
          onClose={() => {
            setAnswering(undefined);
            waiting.reload();
          }}
        />
      )}
    </div>
  );
}

function AnswerDialog({ task, approve, onClose }: { task: WaitingTask; approve: boolean; onClose: () => void }) {
  return (
    <FormDialog
      title={`${approve ? "Approve" : "Reject"} “${task.state}”`}
      action={approve ? "Approve" : "Reject"}
      danger={!approve}
      onClose={onClose}
      onSubmit={async (form) => {
        const text = (name: string) => String(form.get(name) ?? "");
        if (approve) await sendTaskSuccess(task.taskToken, text("output"));
        else await sendTaskFailure(task.taskToken, text("error"), text("cause"));
      }}
    >
      {approve ? (
        <label>
          Result of the state (JSON)
          <textarea name="output" rows={8} defaultValue={'{\n  "approved": true\n}'} spellCheck={false} autoFocus />
        </label>
      ) : (
        <>
          <label>
            Error
            <input name="error" defaultValue="Rejected" maxLength={256} autoComplete="off" autoFocus />
          </label>
          <label>
            Cause
            <textarea name="cause" rows={4} placeholder="Why it was rejected" />
          </label>
        </>
      )}
    </FormDialog>
  );
}
