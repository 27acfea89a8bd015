import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic as Finding, lintGutter, linter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

import type { Diagnostic } from "../api/stepfunctions";
import { placeOf } from "./pointer";

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--warn)" },
  { tag: [tags.bool, tags.null], color: "var(--back)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", backgroundColor: "var(--card)", color: "var(--ink)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "var(--card)", color: "var(--faint)", borderRight: "1px solid var(--rim)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-soft) !important" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--rim-strong)" },
  ".cm-diagnostic": { fontFamily: "system-ui, sans-serif" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)" },
});

/**
 * An editor of JSON with findings at their lines. It lives in a shadow root:
 * there its styles are adopted sheets, which a strict content security policy allows.
 */
export default function Editor({
  text,
  findings,
  label,
  onChange,
}: {
  text: string;
  findings: Diagnostic[];
  label: string;
  onChange: (text: string) => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
    const place = document.createElement("div");
    place.style.height = "100%";
    root.replaceChildren(place);
    const editor = new EditorView({
      root,
      parent: place,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(), foldGutter(), lintGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(),
          highlightActiveLine(), highlightSelectionMatches(), json(), syntaxHighlighting(colours), look,
          linter(jsonParseLinter(), { delay: 300 }),
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...foldKeymap, indentWithTab]),
          EditorView.contentAttributes.of({ "aria-label": label }),
          EditorView.updateListener.of((update) => update.docChanged && change.current(update.state.doc.toString())),
        ],
      }),
    });
    // What scrolls is reached by keyboard too.
    editor.scrollDOM.tabIndex = 0;
    view.current = editor;
    return () => editor.destroy();
    // The editor owns its text after it was made.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const doc = editor.state.doc.toString();
    const shown: Finding[] = findings.map((finding) => {
      const [from, to] = placeOf(doc, finding.location) ?? [0, Math.min(1, doc.length)];
      return { from, to, severity: finding.severity === "ERROR" ? "error" : "warning", message: finding.message, source: finding.code };
    });
    editor.dispatch(setDiagnostics(editor.state, shown));
  }, [findings]);
  return <div ref={host} style={{ height: "100%" }} />;
}
