import { send } from "./request";

export type Status = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED" | "PENDING_REDRIVE";

export interface MachineItem {
  stateMachineArn: string;
  name: string;
  type: "STANDARD" | "EXPRESS";
  creationDate: number;
}

export interface Machine extends MachineItem {
  status?: string;
  definition: string;
  roleArn: string;
  revisionId?: string;
  description?: string;
  loggingConfiguration?: { level: string; includeExecutionData: boolean };
}

export interface ExecutionItem {
  executionArn: string;
  stateMachineArn: string;
  name: string;
  status: Status;
  startDate: number;
  stopDate?: number;
  redriveCount?: number;
}

export interface Execution extends ExecutionItem {
  input?: string;
  output?: string;
  error?: string;
  cause?: string;
  stateMachineVersionArn?: string;
  stateMachineAliasArn?: string;
  redriveStatus?: string;
  redriveStatusReason?: string;
  mapRunArn?: string;
}

export interface HistoryEvent {
  id: number;
  previousEventId: number;
  timestamp: number;
  type: string;
  [details: string]: unknown;
}

export interface Diagnostic {
  severity: "ERROR" | "WARNING";
  code: string;
  message: string;
  location?: string;
}

function call<T>(operation: string, input: object = {}, signal?: AbortSignal): Promise<T> {
  return send<T>({
    path: "/",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AWSStepFunctions.${operation}` },
    body: JSON.stringify(input),
    signal,
  });
}

type Page = { nextToken?: string };

/** All pages of a list, up to `max` items. */
async function all<T>(operation: string, member: string, input: object, max: number, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let nextToken: string | undefined;
  do {
    const page = await call<Page & Record<string, T[]>>(operation, { ...input, maxResults: 1000, nextToken }, signal);
    items.push(...(page[member] ?? []));
    nextToken = page.nextToken;
  } while (nextToken && items.length < max);
  return items;
}

export const listMachines = (signal?: AbortSignal) =>
  all<MachineItem>("ListStateMachines", "stateMachines", {}, 10_000, signal);

export const describeMachine = (stateMachineArn: string, signal?: AbortSignal) =>
  call<Machine>("DescribeStateMachine", { stateMachineArn }, signal);

export const describeMachineForExecution = (executionArn: string, signal?: AbortSignal) =>
  call<Machine>("DescribeStateMachineForExecution", { executionArn }, signal);

export const listVersions = (stateMachineArn: string, signal?: AbortSignal) =>
  all<{ stateMachineVersionArn: string; creationDate: number }>(
    "ListStateMachineVersions",
    "stateMachineVersions",
    { stateMachineArn },
    1_000,
    signal,
  );

export const listAliases = (stateMachineArn: string, signal?: AbortSignal) =>
  all<{ stateMachineAliasArn: string; creationDate: number }>(
    "ListStateMachineAliases",
    "stateMachineAliases",
    { stateMachineArn },
    1_000,
    signal,
  );

export interface ExecutionPage extends Page {
  executions: ExecutionItem[];
}

export const listExecutions = (
  stateMachineArn: string,
  statusFilter?: Status,
  nextToken?: string,
  maxResults = 100,
  signal?: AbortSignal,
) => call<ExecutionPage>("ListExecutions", { stateMachineArn, statusFilter, nextToken, maxResults }, signal);

export const describeExecution = (executionArn: string, signal?: AbortSignal) =>
  call<Execution>("DescribeExecution", { executionArn }, signal);

export interface HistoryPage extends Page {
  events: HistoryEvent[];
}

export const historyPage = (executionArn: string, nextToken?: string, signal?: AbortSignal) =>
  call<HistoryPage>("GetExecutionHistory", { executionArn, maxResults: 1000, nextToken }, signal);

export const startExecution = (stateMachineArn: string, input: string, name?: string) =>
  call<{ executionArn: string }>("StartExecution", { stateMachineArn, input, name: name || undefined });

export const startSyncExecution = (stateMachineArn: string, input: string, name?: string) =>
  call<Execution>("StartSyncExecution", { stateMachineArn, input, name: name || undefined });

export const stopExecution = (executionArn: string, error?: string, cause?: string) =>
  call<object>("StopExecution", { executionArn, error: error || undefined, cause: cause || undefined });

export const redriveExecution = (executionArn: string) => call<object>("RedriveExecution", { executionArn });

export const validate = (definition: string, type: string, signal?: AbortSignal) =>
  call<{ result: "OK" | "FAIL"; diagnostics: Diagnostic[] }>(
    "ValidateStateMachineDefinition",
    { definition, type, severity: "WARNING" },
    signal,
  );

export const createMachine = (input: { name: string; definition: string; roleArn: string; type: string }) =>
  call<{ stateMachineArn: string }>("CreateStateMachine", input);

export const updateMachine = (stateMachineArn: string, definition: string) =>
  call<object>("UpdateStateMachine", { stateMachineArn, definition });

export const deleteMachine = (stateMachineArn: string) => call<object>("DeleteStateMachine", { stateMachineArn });

export const listActivities = (signal?: AbortSignal) =>
  all<{ activityArn: string; name: string; creationDate: number }>("ListActivities", "activities", {}, 10_000, signal);

export const sendTaskSuccess = (taskToken: string, output: string) => call<object>("SendTaskSuccess", { taskToken, output });

export const sendTaskFailure = (taskToken: string, error: string, cause: string) =>
  call<object>("SendTaskFailure", { taskToken, error, cause });
