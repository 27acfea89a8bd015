import { useMemo, useState } from "react";

/** Characters that are coloured; more is shown plain, for colours cost time. */
const COLOURED_MAX = 200_000;

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

function coloured(text: string) {
  const pieces: React.ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKENS)) {
    if (match.index > at) pieces.push(text.slice(at, match.index));
    const [whole, string, colon, word] = match;
    const kind = string ? (colon ? "key" : "text") : word ? "word" : "number";
    pieces.push(
      <span key={match.index} className={kind}>
        {string ?? whole}
      </span>,
    );
    if (colon) pieces.push(colon);
    at = match.index + whole.length;
  }
  pieces.push(text.slice(at));
  return pieces;
}

/** JSON text, indented and coloured, with a button that copies it. */
export function Json({ text, empty = "nothing" }: { text?: string; empty?: string }) {
  const [copied, setCopied] = useState(false);
  const pretty = useMemo(() => {
    if (text === undefined) return undefined;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }, [text]);
  if (pretty === undefined) return <p className="soft small">{empty}</p>;
  const copy = async () => {
    await navigator.clipboard.writeText(pretty);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div style={{ position: "relative" }}>
      <button type="button" className="quiet small" style={{ position: "absolute", right: 0, top: -4 }} onClick={copy}>
        {copied ? "Copied" : "Copy"}
      </button>
      <pre className="json" tabIndex={0} aria-label="JSON">
        {pretty.length <= COLOURED_MAX ? coloured(pretty) : pretty}
      </pre>
    </div>
  );
}
