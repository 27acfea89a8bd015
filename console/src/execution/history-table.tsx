import { useEffect, useMemo, useRef, useState } from "react";

import type { HistoryEvent } from "../api/stepfunctions";
import { duration } from "../ui/time";
import { Json } from "../ui/json";
import { type Story, details } from "./runs";

const ROW_PX = 30;
const OVERSCAN = 12;
/** Browsers lose precision in elements taller than some ten million pixels. */
const HEIGHT_PX_MAX = 8_000_000;

/** A history of any length: only the rows in view are in the page. */
export function HistoryTable({
  events,
  story,
  selected,
  onSelect,
}: {
  events: HistoryEvent[];
  story: Story;
  selected?: string;
  onSelect: (state: string) => void;
}) {
  const [sought, setSought] = useState("");
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [open, setOpen] = useState<number>();
  const box = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => {
    const text = sought.trim().toLowerCase();
    if (!text) return events;
    return events.filter((event) => {
      const state = story.ofEvent.get(event.id)?.state ?? "";
      return `${event.id} ${event.type} ${state} ${(details(event).error as string) ?? ""}`.toLowerCase().includes(text);
    });
    // The list grows in place while an execution runs.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [events, events.length, story, sought]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setHeight(entry.contentRect.height));
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const whole = shown.length * ROW_PX;
  const scale = whole > HEIGHT_PX_MAX ? whole / HEIGHT_PX_MAX : 1;
  const first = Math.max(0, Math.floor((top * scale) / ROW_PX) - OVERSCAN);
  const last = Math.min(shown.length, first + Math.ceil(height / ROW_PX) + 2 * OVERSCAN);
  const begin = events[0]?.timestamp ?? 0;
  const opened = open === undefined ? undefined : events[open - 1]?.id === open ? events[open - 1] : events.find((event) => event.id === open);
  return (
    <div className="history">
      <div className="row" style={{ padding: "8px 14px" }}>
        <input type="search" placeholder="Filter: type, state, error" aria-label="Filter events" value={sought} onChange={(event) => setSought(event.target.value)} />
        <span className="soft small">{shown.length.toLocaleString()} events</span>
      </div>
      <div className="history-row head" aria-hidden="true">
        <span>#</span>
        <span>After</span>
        <span>Event</span>
        <span>State</span>
      </div>
      <div ref={box} className="history-box" onScroll={(event) => setTop(event.currentTarget.scrollTop)} tabIndex={0} role="table" aria-label="Events" aria-rowcount={shown.length}>
        <div style={{ height: Math.min(whole, HEIGHT_PX_MAX), position: "relative" }}>
          <div style={{ transform: `translateY(${(first * ROW_PX) / scale}px)` }}>
            {shown.slice(first, last).map((event, index) => {
              const run = story.ofEvent.get(event.id);
              const bad = /Failed|TimedOut|Aborted/.test(event.type);
              return (
                <div
                  key={event.id}
                  role="row"
                  aria-rowindex={first + index + 1}
                  className={`history-row ${event.id === open ? "open" : ""} ${run && run.state === selected ? "of-selected" : ""}`}
                  onClick={() => {
                    setOpen(event.id === open ? undefined : event.id);
                    if (run) onSelect(run.state);
                  }}
                >
                  <span role="cell" className="soft">{event.id}</span>
                  <span role="cell" className="soft">{duration((event.timestamp - begin) * 1000)}</span>
                  <span role="cell" className={`cut ${bad ? "bad" : ""}`}>
                    <button type="button" className="plain-button" aria-expanded={event.id === open}>
                      {event.type}
                    </button>
                  </span>
                  <span role="cell" className="cut">
                    {run?.state}
                    {run?.thread.index !== undefined && <span className="soft"> [{run.thread.index}]</span>}
                  </span>
                </div>
              );
            })}
          </div>
        </div>
      </div>
      {opened && (
        <div className="history-detail">
          <div className="row spread">
            <strong>
              {opened.id} {opened.type}
            </strong>
            <span className="soft small">
              {new Date(opened.timestamp * 1000).toISOString()} · after event {opened.previousEventId}
            </span>
            <button type="button" className="quiet" aria-label="Close" onClick={() => setOpen(undefined)}>
              ✕
            </button>
          </div>
          <Json text={JSON.stringify(withParsed(details(opened)))} empty="This event has no details." />
        </div>
      )}
    </div>
  );
}

/** JSON texts in an event's details, as JSON. */
function withParsed(value: Record<string, unknown>): Record<string, unknown> {
  const parsed = Object.entries(value).map(([name, text]) => {
    if (typeof text !== "string" || !/^(input|output|parameters)$/.test(name)) return [name, text] as const;
    try {
      return [name, JSON.parse(text) as unknown] as const;
    } catch {
      return [name, text] as const;
    }
  });
  return Object.fromEntries(parsed);
}
