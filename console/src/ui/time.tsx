/** A length of time for people: `12 ms`, `3.4 s`, `2 min 5 s`, `1 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const pairs: [number, string, number, string][] = [
    [86_400, "d", 3_600, "h"],
    [3_600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  for (const [large, largeName, small, smallName] of pairs) {
    if (whole >= large) {
      const rest = Math.floor((whole % large) / small);
      return rest ? `${Math.floor(whole / large)} ${largeName} ${rest} ${smallName}` : `${Math.floor(whole / large)} ${largeName}`;
    }
  }
  return `${whole} s`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** An instant; the whole of it is told on hovering. */
export function Instant({ at }: { at?: number }) {
  if (at === undefined) return <span className="soft">–</span>;
  const date = new Date(at * 1000);
  const today = new Date().toDateString() === date.toDateString();
  return (
    <time dateTime={date.toISOString()} title={date.toISOString()} className="nowrap">
      {today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`}
    </time>
  );
}
