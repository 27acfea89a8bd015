import { fork, redriveFrom } from "../api/windlass";
import { go, href } from "../route";
import { FormDialog } from "../ui/dialog";
import type { Run } from "./runs";

/** Goes on from a state with edited input: the execution itself, or a new one beside it. */
export function ResumeDialog({
  kind,
  executionArn,
  run,
  onDone,
  onClose,
}: {
  kind: "redrive" | "fork";
  executionArn: string;
  run: Run;
  onDone: () => void;
  onClose: () => void;
}) {
  const input = pretty(run.input);
  return (
    <FormDialog
      title={kind === "fork" ? `Fork from “${run.state}”` : `Redrive from “${run.state}”`}
      action={kind === "fork" ? "Start the fork" : "Redrive"}
      onClose={onClose}
      onSubmit={async (form) => {
        const text = String(form.get("input"));
        const edited = text === input ? undefined : (JSON.parse(text) as unknown);
        if (kind === "fork") {
          const made = await fork(executionArn, run.id, edited);
          go(href(["executions", made.executionArn]));
        } else {
          await redriveFrom(executionArn, run.state, edited);
          onDone();
        }
      }}
    >
      <p className="soft">
        {kind === "fork"
          ? "A new execution with the same past goes on from here. This one stays as it is."
          : "This execution goes on from here. What it did before is not done again."}
      </p>
      <label>
        Input of the state (JSON)
        <textarea name="input" rows={12} defaultValue={input} spellCheck={false} autoFocus />
      </label>
    </FormDialog>
  );
}

function pretty(text?: string): string {
  try {
    return JSON.stringify(JSON.parse(text ?? "{}"), null, 2);
  } catch {
    return text ?? "{}";
  }
}
