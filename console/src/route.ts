import { useSyncExternalStore } from "react";

const BASE = "/console";

/** The page's path below /console, decoded piece by piece, and its query. */
export interface Route {
  parts: string[];
  query: URLSearchParams;
}

const listeners = new Set<() => void>();
addEventListener("popstate", () => listeners.forEach((listener) => listener()));

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function useRoute(): Route {
  const href = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const [path = "", query = ""] = href.split("?");
  const parts = path.slice(BASE.length).split("/").filter(Boolean).map(decodeURIComponent);
  return { parts, query: new URLSearchParams(query) };
}

/** The address of a page. */
export function href(parts: string[], query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  const text = given.length ? `?${new URLSearchParams(given)}` : "";
  return `${BASE}/${parts.map(encodeURIComponent).join("/")}${text}`;
}

export function go(to: string, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  listeners.forEach((listener) => listener());
}
