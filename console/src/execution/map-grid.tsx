import { useMemo } from "react";

import type { Run, Thread } from "./runs";

/** Squares drawn at once: what failed and what runs comes first. */
const SQUARES_MAX = 5_000;
const FIRST: Record<string, number> = { failed: 0, running: 1, aborted: 2, caught: 3, succeeded: 4 };

/** The iterations of a Map, a square each. */
export function MapGrid({ run, chosen, onChoose }: { run: Run; chosen?: Thread; onChoose: (thread: Thread) => void }) {
  const count = run.threads.length;
  const counts = new Map<string, number>();
  for (const thread of run.threads) counts.set(thread.status, (counts.get(thread.status) ?? 0) + 1);
  const shown = useMemo(() => {
    if (count <= SQUARES_MAX) return run.threads;
    return [...run.threads].sort((a, b) => (FIRST[a.status] ?? 9) - (FIRST[b.status] ?? 9)).slice(0, SQUARES_MAX);
    // Threads are added in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [run, count]);
  return (
    <div>
      <p className="soft small">
        {(run.length ?? count).toLocaleString()} items
        {[...counts].map(([status, number]) => ` · ${number.toLocaleString()} ${status}`)}
      </p>
      <div className="map-grid">
        {shown.map((thread) => (
          <button
            key={`${thread.index}-${thread.runs[0]?.id}`}
            type="button"
            className={`square ${thread.status} ${thread === chosen ? "chosen" : ""}`}
            aria-label={`Item ${thread.index}: ${thread.status}`}
            title={`Item ${thread.index}: ${thread.status}`}
            onClick={() => onChoose(thread)}
          />
        ))}
      </div>
      {shown.length < count && <p className="soft small">{(count - shown.length).toLocaleString()} more are not drawn.</p>}
    </div>
  );
}
