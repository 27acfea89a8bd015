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

const ask = <T>(path: string, input: object, signal?: AbortSignal) =>
  send<T>({ path: `/_windlass/${path}`, body: JSON.stringify(input), signal });

export const overview = (signal?: AbortSignal) => ask<Overview>("overview", {}, signal);

export interface Wanted {
  status?: string;
  /** A part of the name. */
  name?: string;
  /** A part of the error's name. */
  error?: string;
  stateMachineArn?: string;
  /** Seconds. */
  startedAfter?: number;
  startedBefore?: number;
  maxResults?: number;
  nextToken?: string;
}

export const findExecutions = (wanted: Wanted, signal?: AbortSignal) => ask<Found>("executions/find", wanted, signal);

export const waitingTasks = (signal?: AbortSignal) => ask<{ tasks: WaitingTask[] }>("tasks/list", {}, signal);

/** One field that was evaluated. */
export interface Evaluated {
  afterEventId: number;
  /** `Output/total`, `InputPath`, `Choices[1]/Condition`. */
  field: string;
  value?: unknown;
  failure?: { error?: string; cause?: string };
}

export interface Moment {
  state?: {
    name: string;
    enteredEventId: number;
    within: { state: string; index?: number }[];
    input: unknown;
    variables: unknown;
    context: unknown;
    evaluated: Evaluated[];
    abridged: boolean;
  };
}

/** What the state of an event saw and evaluated, recomputed by the server. */
export const moment = (executionArn: string, eventId: number, signal?: AbortSignal) =>
  ask<Moment>("executions/moment", { executionArn, eventId }, signal);

export interface Redriven {
  executionArn: string;
  error?: { code: string; message: string };
}

export const redriveFrom = (executionArn: string, state?: string, input?: unknown) =>
  ask<object>("executions/redrive", { executionArn, from: state ? { state, input } : undefined });

export const redriveMany = (executionArns: string[]) =>
  ask<{ results: Redriven[] }>("executions/redrive", { executionArns });

export const fork = (executionArn: string, eventId: number, input?: unknown, definition?: string) =>
  ask<{ executionArn: string }>("executions/fork", { executionArn, eventId, input, definition });
