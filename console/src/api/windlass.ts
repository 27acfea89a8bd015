import { send } from "./request";
import type { ExecutionItem, Status } from "./stepfunctions";

/** Numbers of one minute. */
export interface Minute {
  /** Seconds since 1970 of its beginning. */
  at: number;
  started: number;
  succeeded: number;
  failed: number;
  /** Of those that ended in it, in milliseconds. */
  p50?: number;
  p95?: number;
}

export interface Overview {
  counts: Partial<Record<Status, number>>;
  minutes: Minute[];
  failingStates: { stateMachineArn: string; state: string; failures: number; lastError?: string }[];
  slowStates: { stateMachineArn: string; state: string; p95: number; count: number }[];
  recentFailures: FoundExecution[];
}

export interface FoundExecution extends ExecutionItem {
  error?: string;
}

export interface Found {
  executions: FoundExecution[];
  nextToken?: string;
}

/** A task that waits for somebody. */
export interface WaitingTask {
  executionArn: string;
  stateMachineArn: string;
  state: string;
  kind: "callback" | "activity";
  activityArn?: string;
  taskToken: string;
  since: number;
  deadline?: number;
  input?: string;
}

const get = <T>(path: string, signal?: AbortSignal) => send<T>({ method: "GET", path: `/_windlass/${path}`, signal });

function query(values: Record<string, string | number | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

export const overview = (signal?: AbortSignal) => get<Overview>("overview", signal);

export const findExecutions = (
  wanted: { status?: string; name?: string; error?: string; machine?: string; from?: number; to?: number; nextToken?: string },
  signal?: AbortSignal,
) => get<Found>(`executions${query(wanted)}`, signal);

export const waitingTasks = (signal?: AbortSignal) => get<{ tasks: WaitingTask[] }>("tasks", signal);
