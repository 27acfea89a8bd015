// What users of the AWS SDK for JavaScript v3 do with Step Functions, against the endpoint
// that is the only argument. Prints "ok" at the end; anything else is a failure.

import assert from "node:assert/strict";
import http from "node:http";

import {
  CreateActivityCommand,
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetActivityTaskCommand,
  GetExecutionHistoryCommand,
  ListTagsForResourceCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StateMachineDoesNotExist,
  StopExecutionCommand,
  paginateGetExecutionHistory,
  paginateListActivities,
  paginateListExecutions,
  paginateListStateMachines,
} from "@aws-sdk/client-sfn";

const endpoint = process.argv[2];
const roleArn = "arn:aws:iam::000000000000:role/test";
const settings = {
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
};
const sfn = new SFNClient(settings);

const machineOf = async (name, states, type = "STANDARD") => {
  const definition = JSON.stringify({ StartAt: Object.keys(states)[0], States: states });
  const made = await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn, type, tags: [{ key: "team", value: "js" }] }));
  assert.ok(made.creationDate instanceof Date);
  return made.stateMachineArn;
};

const endOf = async (executionArn) => {
  for (;;) {
    const found = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (found.status !== "RUNNING") return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const collect = async (pages, member) => {
  const all = [];
  let count = 0;
  for await (const page of pages) {
    all.push(...page[member]);
    count += 1;
  }
  return { all, count };
};

// Start, describe, history.
const pass = await machineOf("js-pass", { First: { Type: "Pass", Next: "Second" }, Second: { Type: "Succeed" } });
const input = JSON.stringify({ text: "ä€𝄞", number: 1.5 });
const { executionArn, startDate } = await sfn.send(new StartExecutionCommand({ stateMachineArn: pass, name: "first", input }));
assert.ok(startDate instanceof Date && Math.abs(startDate - Date.now()) < 600_000);
const found = await endOf(executionArn);
assert.equal(found.status, "SUCCEEDED");
assert.deepEqual(JSON.parse(found.output), JSON.parse(input));
assert.ok(found.stopDate >= found.startDate);
const history = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
assert.deepEqual(
  history.events.map(({ id, previousEventId, type }) => [id, previousEventId, type]),
  [
    [1, 0, "ExecutionStarted"],
    [2, 0, "PassStateEntered"],
    [3, 2, "PassStateExited"],
    [4, 3, "SucceedStateEntered"],
    [5, 4, "SucceedStateExited"],
    [6, 5, "ExecutionSucceeded"],
  ],
);
assert.ok(history.events.every((event) => event.timestamp instanceof Date));
const { tags } = await sfn.send(new ListTagsForResourceCommand({ resourceArn: pass }));
assert.deepEqual(tags, [{ key: "team", value: "js" }]);

// Errors are the SDK's own classes.
const missing = pass.replace("js-pass", "nobody");
await assert.rejects(sfn.send(new DescribeStateMachineCommand({ stateMachineArn: missing })), (error) => {
  assert.ok(error instanceof StateMachineDoesNotExist);
  assert.equal(error.message, `State Machine Does Not Exist: '${missing}'`);
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.ok(error.$metadata.requestId);
  return true;
});

// Pages.
const many = 25;
await Promise.all(Array.from({ length: many }, () => sfn.send(new StartExecutionCommand({ stateMachineArn: pass }))));
await Promise.all(Array.from({ length: many }, (_, n) => sfn.send(new CreateActivityCommand({ name: `js-${n}` }))));
const executions = await collect(paginateListExecutions({ client: sfn, pageSize: 4 }, { stateMachineArn: pass }), "executions");
assert.equal(new Set(executions.all.map((one) => one.executionArn)).size, many + 1);
assert.equal(executions.count, 7);
const activities = await collect(paginateListActivities({ client: sfn, pageSize: 10 }, {}), "activities");
assert.equal(activities.all.length, many);
const machines = await collect(paginateListStateMachines({ client: sfn, pageSize: 1 }, {}), "stateMachines");
assert.ok(machines.all.some((one) => one.stateMachineArn === pass));
const events = await collect(paginateGetExecutionHistory({ client: sfn, pageSize: 2 }, { executionArn, reverseOrder: true }), "events");
assert.deepEqual(events.all.map((event) => event.id), [6, 5, 4, 3, 2, 1]);

// An activity's worker, and a stop.
const activityArn = activities.all[0].activityArn;
const worked = await machineOf("js-work", { Work: { Type: "Task", Resource: activityArn, End: true } });
const work = await sfn.send(new StartExecutionCommand({ stateMachineArn: worked, input: "[1]" }));
const task = await sfn.send(new GetActivityTaskCommand({ activityArn, workerName: "node" }));
assert.equal(task.input, "[1]");
await sfn.send(new SendTaskSuccessCommand({ taskToken: task.taskToken, output: "[2]" }));
assert.equal((await endOf(work.executionArn)).output, "[2]");
const stopped = await sfn.send(new StartExecutionCommand({ stateMachineArn: worked }));
assert.ok((await sfn.send(new StopExecutionCommand({ executionArn: stopped.executionArn, error: "E", cause: "c" }))).stopDate instanceof Date);
assert.equal((await endOf(stopped.executionArn)).status, "ABORTED");

// A synchronous Express execution. The SDK puts "sync-" before the host; it is switched off,
// or names that do not exist are looked up here.
const express = await machineOf("js-express", { Only: { Type: "Pass", Result: { fast: true }, End: true } }, "EXPRESS");
const start = { stateMachineArn: express, input: "{}" };
const agent = new http.Agent({ lookup: (_, options, done) => (options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)) });
const seen = [];
const prefixed = new SFNClient({ ...settings, endpoint: endpoint.replace("127.0.0.1", "localhost"), requestHandler: { httpAgent: agent } });
prefixed.middlewareStack.add(
  (next) => (args) => {
    seen.push(args.request.hostname);
    return next(args);
  },
  { step: "finalizeRequest", priority: "low" },
);
for (const client of [new SFNClient({ ...settings, disableHostPrefix: true }), prefixed]) {
  const answer = await client.send(new StartSyncExecutionCommand(start));
  assert.equal(answer.status, "SUCCEEDED");
  assert.deepEqual(JSON.parse(answer.output), { fast: true });
  assert.ok(answer.billingDetails.billedDurationInMilliseconds >= 100);
}
assert.deepEqual(seen, ["sync-localhost"]);

console.log("ok");
