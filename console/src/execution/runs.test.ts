import { expect, test } from "vitest";

import type { HistoryEvent } from "../api/stepfunctions";
import { StoryTeller } from "./runs";

/** `[previous, type, details]`; ids count from 1, seconds too. */
type Line = [number, string, Record<string, unknown>?];

function told(...lines: Line[]) {
  const teller = new StoryTeller();
  teller.feed(
    lines.map(([previousEventId, type, details], index): HistoryEvent => {
      return { id: index + 1, previousEventId, timestamp: index + 1, type, xEventDetails: details ?? {} };
    }),
  );
  return teller.story;
}

const said = (story: ReturnType<typeof told>) =>
  story.runs.map((run) => `${run.state}${run.thread.index === undefined ? "" : `[${run.thread.index}]`} ${run.status}`);

test("a task that is tried again and succeeds", () => {
  const story = told(
    [0, "ExecutionStarted"],
    [0, "TaskStateEntered", { name: "A", input: "{}" }],
    [2, "TaskScheduled", { resource: "invoke" }],
    [3, "TaskStarted"],
    [4, "TaskFailed", { error: "E", cause: "C" }],
    [5, "TaskScheduled", { resource: "invoke" }],
    [6, "TaskStarted"],
    [7, "TaskSucceeded", { output: "1" }],
    [8, "TaskStateExited", { name: "A", output: "2" }],
    [9, "ExecutionSucceeded", { output: "2" }],
  );
  expect(said(story)).toEqual(["A succeeded"]);
  expect(story.runs[0]!.attempts.map((attempt) => attempt.status)).toEqual(["failed", "succeeded"]);
  expect(story.runs[0]!.error).toBeUndefined();
  expect(story.failures).toEqual([]);
});

test("a branch fails, its container is caught, and a Fail state ends it", () => {
  const story = told(
    [0, "ExecutionStarted"],
    [0, "ParallelStateEntered", { name: "P" }],
    [2, "ParallelStateStarted"],
    [3, "TaskStateEntered", { name: "A" }],
    [4, "TaskScheduled"],
    [3, "WaitStateEntered", { name: "B" }],
    [5, "TaskFailed", { error: "Declined" }],
    [7, "TaskStateAborted"],
    [6, "WaitStateAborted"],
    [7, "ParallelStateFailed"],
    [10, "ParallelStateExited", { name: "P", output: "{}" }],
    [11, "FailStateEntered", { name: "Refused" }],
    [12, "ExecutionFailed", { error: "Refused", cause: "why" }],
  );
  expect(said(story)).toEqual(["P caught", "A failed", "B aborted", "Refused failed"]);
  expect(story.failures.map((run) => run.state)).toEqual(["A", "Refused"]);
  expect(story.runs[3]!.error).toBe("Refused");
});

test("iterations of a Map one after the other, as their chains go", () => {
  const story = told(
    [0, "ExecutionStarted"],
    [0, "MapStateEntered", { name: "M" }],
    [2, "MapStateStarted", { length: 2 }],
    [3, "MapIterationStarted", { name: "M", index: 0 }],
    [4, "PassStateEntered", { name: "P" }],
    [5, "PassStateExited", { name: "P", output: "0" }],
    [6, "MapIterationSucceeded", { name: "M", index: 0 }],
    [6, "MapIterationStarted", { name: "M", index: 1 }],
    [8, "PassStateEntered", { name: "P" }],
    [9, "PassStateExited", { name: "P", output: "1" }],
    [10, "MapIterationSucceeded", { name: "M", index: 1 }],
    [11, "MapStateSucceeded"],
    [11, "MapStateExited", { name: "M", output: "[0,1]" }],
    [13, "ExecutionSucceeded"],
  );
  expect(said(story)).toEqual(["M succeeded", "P[0] succeeded", "P[1] succeeded"]);
  expect(story.runs[0]!.threads.map((thread) => [thread.index, thread.status])).toEqual([[0, "succeeded"], [1, "succeeded"]]);
  expect(story.runs[0]!.length).toBe(2);
});

test("a Fail state ends an iteration, and its siblings are aborted", () => {
  const story = told(
    [0, "ExecutionStarted"],
    [0, "MapStateEntered", { name: "M" }],
    [2, "MapStateStarted", { length: 3 }],
    [3, "MapIterationStarted", { name: "M", index: 0 }],
    [3, "MapIterationStarted", { name: "M", index: 1 }],
    [4, "FailStateEntered", { name: "F" }],
    [5, "WaitStateEntered", { name: "W" }],
    [6, "MapIterationFailed", { name: "M", index: 0 }],
    [6, "MapIterationAborted", { name: "M", index: 1 }],
    [6, "WaitStateAborted"],
    [6, "MapStateFailed"],
    [11, "ExecutionFailed", { error: "E" }],
  );
  expect(said(story)).toEqual(["M failed", "F[0] failed", "W[1] aborted"]);
  expect(story.failures.map((run) => run.state)).toEqual(["F"]);
});

test("a state that failed at run time, and goes on after a redrive", () => {
  const lines: Line[] = [
    [0, "ExecutionStarted"],
    [0, "TaskStateEntered", { name: "A" }],
    [2, "TaskScheduled"],
    [3, "TaskFailed", { error: "E" }],
    [4, "ExecutionFailed", { error: "E" }],
  ];
  expect(said(told(...lines))).toEqual(["A failed"]);
  expect(told(...lines).failures.map((run) => run.state)).toEqual(["A"]);
  const redriven = told(...lines, [0, "ExecutionRedriven"], [6, "TaskScheduled"], [4, "TaskScheduled"], [8, "TaskSucceeded"], [9, "TaskStateExited", { name: "A" }]);
  expect(said(redriven)).toEqual(["A succeeded"]);
  expect(redriven.failures).toEqual([]);
});
