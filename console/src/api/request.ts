/** An error that the server told: its code, its text and the status. */
export class ServerError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = code;
  }
}

/** Called when the session has ended; the shell shows the sign-in. */
let onSignedOut: () => void = () => {};
export function whenSignedOut(callback: () => void) {
  onSignedOut = callback;
}

let region = "us-east-1";
export function useRegion(name: string) {
  region = name;
}
export function currentRegion() {
  return region;
}

export interface Request {
  method?: string;
  path: string;
  service?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

/** Sends one request with the console's header, and reads the JSON that comes back. */
export async function send<T>({ method = "POST", path, service = "states", headers, body, signal }: Request): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { "x-windlass-console": `${service}/${region}`, ...headers },
      body,
      signal,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ServerError("Unreachable", "The server does not answer. Is it still running?", 0);
  }
  const text = await response.text();
  let value: unknown = {};
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    value = { message: text };
  }
  if (response.ok) return value as T;
  const told = value as { __type?: string; code?: string; message?: string; Message?: string };
  const code = (told.__type ?? told.code ?? response.headers.get("x-amzn-errortype") ?? `HTTP ${response.status}`)
    .replace(/^.*#/, "")
    .replace(/:.*$/, "");
  if (response.status === 401) onSignedOut();
  throw new ServerError(code, told.message ?? told.Message ?? response.statusText, response.status);
}
