import { useEffect, useMemo, useState } from "react";

import { duration } from "../ui/time";
import type { Run, Story, Thread } from "./runs";

/** Bars drawn at once; beyond it only the slowest and those that failed are. */
const BARS_MAX = 600;

interface Bar {
  run: Run;
  depth: number;
}

/** States and their attempts on one axis of time. */
export function Timeline({
  story,
  from,
  to,
  selected,
  onSelect,
}: {
  story: Story;
  /** Seconds. */
  from: number;
  /** Seconds; absent while the execution runs. */
  to?: number;
  selected?: string;
  onSelect: (run: Run) => void;
}) {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (to !== undefined) return;
    const timer = setInterval(() => setNow(Date.now() / 1000), 500);
    return () => clearInterval(timer);
  }, [to]);
  const end = Math.max(to ?? now, from + 0.001);
  const count = story.runs.length;
  const bars = useMemo(() => {
    const bars: Bar[] = [];
    const walk = (thread: Thread, depth: number) => {
      for (const run of thread.runs) {
        bars.push({ run, depth });
        for (const inner of run.threads) walk(inner, depth + 1);
      }
    };
    walk(story.root, 0);
    return bars;
    // The story grows in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [story, count]);
  const shown = useMemo(() => {
    if (bars.length <= BARS_MAX) return bars;
    const took = (bar: Bar) => (bar.run.endedAt ?? end) - bar.run.enteredAt + (bar.run.status === "failed" ? 1e9 : 0);
    const kept = new Set([...bars].sort((a, b) => took(b) - took(a)).slice(0, BARS_MAX));
    return bars.filter((bar) => kept.has(bar));
  }, [bars, end]);
  const percent = (at: number) => `${(100 * (Math.min(at, end) - from)) / (end - from)}%`;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <div className="timeline" role="list" aria-label="Timeline">
      <div className="timeline-row axis" aria-hidden="true">
        <span />
        <span className="timeline-lane">
          {ticks.map((part) => (
            <span key={part} className="tick" style={{ left: `${part * 100}%`, transform: `translateX(${-part * 100}%)` }}>
              {duration(part * (end - from) * 1000)}
            </span>
          ))}
        </span>
      </div>
      {shown.map(({ run, depth }) => {
        const last = run.endedAt ?? end;
        return (
          <div key={run.id} role="listitem" className={`timeline-row ${run.state === selected ? "of-selected" : ""}`}>
            <button type="button" className="plain-button cut" style={{ paddingLeft: 8 + depth * 14 }} onClick={() => onSelect(run)} title={run.state}>
              {run.thread.index !== undefined && run === run.thread.runs[0] && <span className="soft">[{run.thread.index}] </span>}
              {run.state}
            </button>
            <span className="timeline-lane" onClick={() => onSelect(run)}>
              <span
                className={`bar ${run.status}`}
                style={{ left: percent(run.enteredAt), width: `max(3px, ${(100 * (last - run.enteredAt)) / (end - from)}%)` }}
                title={`${run.state}: ${duration((last - run.enteredAt) * 1000)}, ${run.status}`}
              />
              {run.attempts.length > 1 &&
                run.attempts.map((attempt, index) => (
                  <span
                    key={index}
                    className={`attempt ${attempt.status}`}
                    style={{
                      left: percent(attempt.scheduledAt),
                      width: `max(3px, ${(100 * ((attempt.endedAt ?? last) - attempt.scheduledAt)) / (end - from)}%)`,
                    }}
                    title={`Attempt ${index + 1}: ${attempt.error ?? attempt.status}`}
                  />
                ))}
              <span className="took" style={{ left: `min(${percent(last)}, calc(100% - 64px))` }}>
                {duration((last - run.enteredAt) * 1000)}
              </span>
            </span>
          </div>
        );
      })}
      {shown.length < bars.length && (
        <p className="soft small" style={{ padding: "8px 14px" }}>
          The {shown.length} longest of {bars.length.toLocaleString()} states are shown.
        </p>
      )}
    </div>
  );
}
