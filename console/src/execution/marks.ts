import type { Mark } from "../diagram/view";
import type { Story } from "./runs";

const RANK = { succeeded: 0, aborted: 1, caught: 2, running: 3, failed: 4 } as const;

/** How each state looks: of several runs (iterations, loops) the last one counts, but one that failed or runs is not hidden. */
export function marks(story: Story): Map<string, Mark> {
  const found = new Map<string, Mark>();
  for (const run of story.runs) {
    const before = found.get(run.state);
    const looped = before && run.thread.index === undefined && !run.thread.parent;
    const status = !before || looped || RANK[run.status] >= RANK[before.status] ? run.status : before.status;
    found.set(run.state, { status, count: (before?.count ?? 0) + 1 });
  }
  return found;
}
