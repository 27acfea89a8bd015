import { send } from "./request";

export interface FunctionItem {
  FunctionName: string;
  FunctionArn: string;
  Runtime?: string;
  Handler?: string;
  Description?: string;
  MemorySize?: number;
  Timeout?: number;
  LastModified?: string;
  CodeSize?: number;
  State?: string;
}

export async function listFunctions(signal?: AbortSignal): Promise<FunctionItem[]> {
  const functions: FunctionItem[] = [];
  let marker = "";
  do {
    const path = `/2015-03-31/functions/${marker ? `?Marker=${encodeURIComponent(marker)}` : ""}`;
    const page = await send<{ Functions: FunctionItem[]; NextMarker?: string }>({ method: "GET", path, service: "lambda", signal });
    functions.push(...page.Functions);
    marker = page.NextMarker ?? "";
  } while (marker);
  return functions;
}

export interface LogEvent {
  timestamp: number;
  message: string;
  logStreamName?: string;
}

/** The last lines of a function's log. */
export async function functionLog(name: string, since: number, signal?: AbortSignal): Promise<LogEvent[]> {
  const page = await send<{ events?: LogEvent[] }>({
    path: "/",
    service: "logs",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.FilterLogEvents" },
    body: JSON.stringify({ logGroupName: `/aws/lambda/${name}`, startTime: since, limit: 1000 }),
    signal,
  });
  return page.events ?? [];
}
