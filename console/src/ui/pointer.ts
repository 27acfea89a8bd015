/**
 * Where a JSON pointer's value stands in a text: from and to. The text is read
 * once from its beginning; `undefined` where it has no such place.
 */
export function placeOf(text: string, pointer?: string): [number, number] | undefined {
  if (!pointer) return undefined;
  const path = pointer.replace(/^\//, "").split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  let at = 0;
  const blank = () => {
    while (/\s/.test(text[at] ?? "")) at += 1;
  };
  const string = () => {
    const from = at;
    at += 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at += 1;
    return text.slice(from, at);
  };
  /** Passes a value; answers where the rest of the path leads in it. */
  const value = (depth: number, wanted: boolean): [number, number] | undefined => {
    blank();
    const from = at;
    let found: [number, number] | undefined;
    const open = text[at];
    if (open === "{" || open === "[") {
      at += 1;
      for (let index = 0; at < text.length; index += 1) {
        blank();
        if (text[at] === "}" || text[at] === "]") break;
        const keyFrom = at;
        let key = String(index);
        if (open === "{") {
          if (text[at] !== '"') return undefined;
          const written = string();
          try {
            key = JSON.parse(written) as string;
          } catch {
            key = written.slice(1, -1);
          }
          blank();
          if (text[at] !== ":") return undefined;
          at += 1;
        }
        const keyTo = at;
        const leads = wanted && path[depth] === key;
        const inner = value(depth + 1, leads);
        // A member is marked at its name: its value may be long.
        if (leads) found = depth === path.length - 1 && open === "{" ? [keyFrom, keyTo] : (inner ?? [keyFrom, keyTo]);
        blank();
        if (text[at] === ",") at += 1;
      }
      at += 1;
    } else if (open === '"') {
      string();
    } else {
      while (at < text.length && !/[\s,\]}]/.test(text[at]!)) at += 1;
      if (at === from) at += 1;
    }
    return found ?? (wanted && depth >= path.length ? [from, at] : undefined);
  };
  return value(0, true);
}
