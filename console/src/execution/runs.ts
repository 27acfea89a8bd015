import type { HistoryEvent } from "../api/stepfunctions";

/** How a run of a state stands. */
export type RunStatus = "running" | "succeeded" | "failed" | "caught" | "aborted";

/** One attempt of a task. */
export interface Attempt {
  scheduledAt: number;
  startedAt?: number;
  endedAt?: number;
  status: RunStatus;
  error?: string;
  cause?: string;
  resource?: string;
  parameters?: string;
  output?: string;
}

/** A state that was entered once. */
export interface Run {
  /** Id of the event that entered it. */
  id: number;
  state: string;
  type: string;
  thread: Thread;
  enteredAt: number;
  endedAt?: number;
  status: RunStatus;
  input?: string;
  output?: string;
  variables?: Record<string, string>;
  error?: string;
  cause?: string;
  attempts: Attempt[];
  /** Threads in it: branches and iterations. */
  threads: Thread[];
  /** Iterations of a Map, as its Started event says. */
  length?: number;
  mapRunArn?: string;
  /** Ids of the events that belong to it, the first of them `id`. */
  events: number[];
}

/** A thread of control: the execution, a branch, an iteration. */
export interface Thread {
  parent?: Run;
  /** Number of an iteration; branches are told by their states' names. */
  index?: number;
  runs: Run[];
  status: RunStatus;
}

/** What a history says, state by state. */
export interface Story {
  root: Thread;
  runs: Run[];
  /** The run each event belongs to. */
  ofEvent: Map<number, Run>;
  /**
   * Where it went wrong, the first cause first: the state whose attempt failed,
   * and the Fail state it led to. One key jumps to them.
   */
  failures: Run[];
}

interface EnteredDetails {
  name: string;
  input?: string;
}
interface ExitedDetails {
  name: string;
  output?: string;
  assignedVariables?: Record<string, string>;
}
interface FailureDetails {
  error?: string;
  cause?: string;
}

/** The details of an event, whatever its type calls them. */
export function details(event: HistoryEvent): Record<string, unknown> {
  for (const [name, value] of Object.entries(event)) {
    if (name.endsWith("EventDetails") && value && typeof value === "object") return value as Record<string, unknown>;
  }
  return {};
}

const FAILED = /^(Task|LambdaFunction|Activity).*(Failed|TimedOut)$/;
const CONTAINER_ENDED = /^(Map|Parallel)State(Succeeded|Failed|Aborted)$/;

/**
 * Puts a history's events together to runs of states. It can be fed piece by
 * piece while an execution goes on.
 */
export class StoryTeller {
  readonly story: Story;
  private readonly threads = new Map<number, Thread>();
  private last?: HistoryEvent;

  constructor() {
    const root: Thread = { runs: [], status: "running" };
    this.story = { root, runs: [], ofEvent: new Map(), failures: [] };
  }

  feed(events: readonly HistoryEvent[]) {
    for (const event of events) {
      this.take(event);
      this.last = event;
    }
  }

  /** Id of the last event that was told. */
  get lastId() {
    return this.last?.id ?? 0;
  }

  private take(event: HistoryEvent) {
    const { root } = this.story;
    const thread = this.threads.get(event.previousEventId) ?? root;
    this.threads.set(event.id, thread);
    const type = event.type;
    if (type.endsWith("StateEntered")) return this.entered(event, thread);
    if (type.endsWith("StateExited")) return this.exited(event, thread);
    if (type.startsWith("MapIteration")) return this.iteration(event, thread);
    if (type.startsWith("Execution")) return this.execution(event);
    if (CONTAINER_ENDED.test(type)) return this.containerEnded(event, thread);
    const run = current(thread);
    if (!run) return;
    if (!/^(Task|Wait)StateAborted$/.test(type)) this.belongs(event, run);
    if (type === "MapStateStarted") run.length = (details(event) as { length?: number }).length;
    else if (type === "MapRunStarted") run.mapRunArn = (details(event) as { mapRunArn?: string }).mapRunArn;
    // These name no state and follow the failure that caused them: what they mean is told by their container's end.
    else if (/^(Task|Wait)StateAborted$/.test(type)) return;
    else this.attempt(event, run);
  }

  private belongs(event: HistoryEvent, run: Run) {
    run.events.push(event.id);
    this.story.ofEvent.set(event.id, run);
  }

  private entered(event: HistoryEvent, before: Thread) {
    const told = details(event) as unknown as EnteredDetails;
    const around = current(before);
    let thread = before;
    // The first state of a branch follows the container's own Started event.
    if (around?.type === "Parallel" && around.status === "running") {
      thread = { parent: around, runs: [], status: "running" };
      around.threads.push(thread);
    }
    const run: Run = {
      id: event.id,
      state: told.name,
      type: event.type.slice(0, -"StateEntered".length),
      thread,
      enteredAt: event.timestamp,
      status: "running",
      input: told.input,
      attempts: [],
      threads: [],
      events: [],
    };
    this.threads.set(event.id, thread);
    thread.runs.push(run);
    this.story.runs.push(run);
    this.belongs(event, run);
    if (event.type === "FailStateEntered") end(run, event, "failed");
  }

  private exited(event: HistoryEvent, before: Thread) {
    const told = details(event) as unknown as ExitedDetails;
    const run = climb(before, (run) => run.state === told.name && run.status !== "succeeded");
    if (!run) return;
    this.threads.set(event.id, run.thread);
    this.belongs(event, run);
    run.output = told.output;
    run.variables = told.assignedVariables;
    // It left by a catcher if its last attempt failed.
    const caught = run.status === "failed" || run.attempts.at(-1)?.status === "failed";
    end(run, event, caught ? "caught" : "succeeded");
  }

  private iteration(event: HistoryEvent, before: Thread) {
    const { name, index } = details(event) as { name: string; index: number };
    const map = climb(before, (run) => run.type === "Map" && run.state === name && run.status === "running");
    if (!map) return;
    this.belongs(event, map);
    if (event.type === "MapIterationStarted") {
      const thread: Thread = { parent: map, index, runs: [], status: "running" };
      map.threads.push(thread);
      this.threads.set(event.id, thread);
      return;
    }
    this.threads.set(event.id, map.thread);
    const thread = map.threads.findLast((thread) => thread.index === index);
    if (!thread) return;
    const ended = { MapIterationSucceeded: "succeeded", MapIterationFailed: "failed" } as Record<string, RunStatus>;
    thread.status = ended[event.type] ?? "aborted";
    const inner = thread.runs.at(-1);
    if (inner?.status === "running" && thread.status !== "succeeded") closeInner(inner, event, thread.status);
  }

  private containerEnded(event: HistoryEvent, before: Thread) {
    const type = event.type.startsWith("Map") ? "Map" : "Parallel";
    const run = climb(before, (run) => run.type === type && run.status === "running");
    if (!run) return;
    this.threads.set(event.id, run.thread);
    this.belongs(event, run);
    if (event.type.endsWith("Succeeded")) return;
    const status = event.type.endsWith("Failed") ? "failed" : "aborted";
    closeInner(run, event, status);
    const inner = run.threads.flatMap((thread) => thread.runs).findLast((inner) => inner.status === "failed");
    run.error ??= inner?.error;
    run.cause ??= inner?.cause;
  }

  private execution(event: HistoryEvent) {
    const { root, runs } = this.story;
    if (event.type === "ExecutionRedriven") {
      root.status = "running";
      this.story.failures = [];
      return;
    }
    const ended: Record<string, RunStatus> = {
      ExecutionSucceeded: "succeeded",
      ExecutionFailed: "failed",
      ExecutionTimedOut: "failed",
      ExecutionAborted: "aborted",
    };
    const status = ended[event.type];
    if (!status) return;
    root.status = status;
    const told = details(event) as FailureDetails;
    for (const run of runs) {
      if (run.status !== "running") continue;
      // What stood open when the execution failed is what it failed in.
      const failed = status === "failed" && event.type === "ExecutionFailed" && run === deepest(root);
      end(run, event, failed ? "failed" : "aborted");
      if (failed) {
        run.error ??= told.error;
        run.cause ??= told.cause;
      }
    }
    if (event.type !== "ExecutionFailed") return;
    const last = runs.findLast((run) => run.status === "failed" && !run.threads.some(hasFailed));
    if (!last) return;
    last.error ??= told.error;
    last.cause ??= told.cause;
    // A Fail state that a catcher led to only says what went wrong before it.
    const first = last.type === "Fail" ? runs.findLast((run) => run !== last && failedItself(run)) : undefined;
    this.story.failures = first ? [first, last] : [last];
  }

  private attempt(event: HistoryEvent, run: Run) {
    const type = event.type;
    const told = details(event) as FailureDetails & { resource?: string; parameters?: string; input?: string; output?: string };
    if (type === "EvaluationFailed") {
      run.error = told.error;
      run.cause = told.cause;
      return;
    }
    if (type.endsWith("Scheduled")) {
      // After a redrive a state that had ended goes on.
      if (run.status !== "running") {
        run.status = "running";
        run.endedAt = undefined;
      }
      run.attempts.push({
        scheduledAt: event.timestamp,
        status: "running",
        resource: told.resource,
        parameters: told.parameters ?? told.input,
      });
      return;
    }
    const attempt = run.attempts.at(-1);
    if (!attempt) return;
    if (FAILED.test(type)) {
      attempt.status = "failed";
      attempt.endedAt = event.timestamp;
      attempt.error = run.error = told.error;
      attempt.cause = run.cause = told.cause;
    } else if (type.endsWith("Succeeded")) {
      attempt.status = "succeeded";
      attempt.endedAt = event.timestamp;
      attempt.output = told.output;
      run.error = run.cause = undefined;
    } else if (type.endsWith("Started")) {
      attempt.startedAt = event.timestamp;
    }
  }
}

function current(thread: Thread): Run | undefined {
  return thread.runs.at(-1);
}

/** The nearest run around an event that `fits`: of its thread, or of one around. */
function climb(from: Thread, fits: (run: Run) => boolean): Run | undefined {
  for (let thread: Thread | undefined = from; thread; thread = thread.parent?.thread) {
    const run: Run | undefined = current(thread);
    if (run && fits(run)) return run;
  }
  return undefined;
}

function end(run: Run, event: HistoryEvent, status: RunStatus) {
  run.status = status;
  run.endedAt = event.timestamp;
  const attempt = run.attempts.at(-1);
  if (attempt?.status === "running") {
    attempt.status = status;
    attempt.endedAt = event.timestamp;
  }
}

/** Ends what stood open in a container, and the container itself. */
function closeInner(run: Run, event: HistoryEvent, status: RunStatus) {
  end(run, event, status);
  for (const thread of run.threads) {
    if (thread.status === "running") thread.status = "aborted";
    for (const inner of thread.runs) {
      if (inner.status !== "running") continue;
      const failed = inner.attempts.at(-1)?.status === "failed" || inner.threads.some(hasFailed);
      closeInner(inner, event, failed ? "failed" : "aborted");
    }
  }
}

function hasFailed(thread: Thread): boolean {
  return thread.runs.some((run) => run.status === "failed");
}

/** Its own last attempt failed, not something within it. */
function failedItself(run: Run): boolean {
  return run.attempts.at(-1)?.status === "failed" || (run.status === "failed" && run.type === "Fail");
}

/** The innermost run that is open, along the last threads. */
function deepest(root: Thread): Run | undefined {
  let run = current(root);
  for (;;) {
    const inner: Run | undefined = run?.threads.map(current).findLast((inner) => inner?.status === "running");
    if (!inner) return run;
    run = inner;
  }
}
