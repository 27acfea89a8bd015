// Runs a Node.js function against the Lambda Runtime API.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import http from 'node:http';
import util from 'node:util';

const api = process.env.AWS_LAMBDA_RUNTIME_API;
const root = process.env.LAMBDA_TASK_ROOT;
const [host, port] = [api.slice(0, api.lastIndexOf(':')), Number(api.slice(api.lastIndexOf(':') + 1))];
const token = process.env.WINDLASS_RUNTIME_TOKEN ?? '';
// What the function starts has no business with it.
delete process.env.WINDLASS_RUNTIME_TOKEN;
// The client context alone can be longer than Node's own bound on a head.
const maxHeaderSize = 64 * 1024;
// One connection: the Runtime API answers one request at a time.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1, timeout: 0 });
// What the process may do with the streams is the function's business, so the real exit is kept.
const exit = process.exit.bind(process);
let requestId = '';
// Whether work has been asked for: from then on an error is none of the initialisation.
let isUp = false;
// Whether the process is about to exit, so that it must not take more work.
let isEnding = false;

function request(method, path, body = '', headers = {}) {
  return new Promise((done, failed) => {
    const content = Buffer.from(body);
    const call = http.request(
      {
        host, port, agent, method, maxHeaderSize,
        path: `/2018-06-01/runtime/${path}`,
        headers: { ...headers, 'Windlass-Runtime-Token': token, 'Content-Length': content.length },
      },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', failed);
        answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
      },
    );
    call.setNoDelay(true);
    call.on('error', failed);
    call.end(content);
  });
}

// Functions believe to live in /var/task; stack traces show that.
const shown = (text) => String(text).split(root).join('/var/task');

function errorDocument(error) {
  if (error instanceof Error || (util.types && util.types.isNativeError(error))) {
    return {
      errorType: error.name ?? 'Error',
      errorMessage: error.message,
      trace: shown(error.stack ?? '').split('\n').filter((line) => !line.includes(import.meta.url)),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function named(name, message, cause) {
  const error = new Error(message);
  error.name = name;
  if (cause && cause.stack) error.stack = `${name}: ${message}\n${String(cause.stack).split('\n').slice(1).join('\n')}`;
  return error;
}

for (const [method, level] of Object.entries({ log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR', trace: 'TRACE' })) {
  console[method] = (...parts) => {
    process.stdout.write(`${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${util.format(...parts)}\n`);
  };
}

async function importModule(base) {
  const isModuleFolder = () => {
    for (let folder = dirname(base); folder.startsWith(root); folder = dirname(folder)) {
      const file = join(folder, 'package.json');
      if (existsSync(file)) {
        try {
          return JSON.parse(readFileSync(file, 'utf8')).type === 'module';
        } catch {
          return false;
        }
      }
      if (folder === root) break;
    }
    return false;
  };
  const require = createRequire(join(root, 'noop.js'));
  for (const [extension, isModule] of [['', false], ['.js', isModuleFolder()], ['.mjs', true], ['.cjs', false]]) {
    const file = base + extension;
    if (!existsSync(file) || (extension === '' && !/\.[cm]?js$/.test(file))) continue;
    return isModule ? import(pathToFileURL(file).href) : require(file);
  }
  // Node's own answer names what it looked for (and finds folders with an index).
  return require(base);
}

async function loadHandler(text) {
  const slash = text.lastIndexOf('/') + 1;
  const match = /^([^.]*)\.(.*)$/.exec(text.slice(slash));
  if (!match) throw named('Runtime.MalformedHandlerName', 'Bad handler');
  if (text.includes('..')) throw named('Runtime.MalformedHandlerName', `'${text}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const [, moduleName, path] = match;
  let loaded;
  try {
    loaded = await importModule(resolve(root, text.slice(0, slash), moduleName));
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', shown(error.toString()), error);
    if (error && error.code === 'MODULE_NOT_FOUND' || error && error.code === 'ERR_MODULE_NOT_FOUND') {
      throw named('Runtime.ImportModuleError', shown(error.toString()), error);
    }
    throw error;
  }
  const find = (from) => path.split('.').reduce((nested, key) => nested && nested[key], from);
  const handler = find(loaded) ?? find(loaded.default);
  if (!handler) throw named('Runtime.HandlerNotFound', `${text} is undefined or not exported`);
  if (typeof handler !== 'function') throw named('Runtime.HandlerNotFound', `${text} is not a function`);
  return handler;
}

function stringify(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

function contextOf(headers, finish) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'] ?? 0);
  const client = headers['lambda-runtime-client-context'];
  const env = process.env;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client ? JSON.parse(client) : undefined,
    identity: undefined,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: (error, result) => finish(error, result),
    fail: (error) => finish(error ?? 'handled', undefined),
    succeed: (result) => finish(null, result),
  };
}

// Settles with the handler's result: a promise's, the callback's, or null once nothing is left to do.
function run(handler, event, headers) {
  return new Promise((done, failed) => {
    let held;
    const settle = (error, result) => {
      process.off('beforeExit', idle);
      error !== null && error !== undefined ? failed(error) : done(result);
    };
    const idle = () => (held ? settle(...held) : settle(null, null));
    const callback = (error, result) => {
      held ??= [error, result];
      if (!context.callbackWaitsForEmptyEventLoop) settle(...held);
    };
    const context = contextOf(headers, (error, result) => settle(error, result));
    process.on('beforeExit', idle);
    try {
      const returned = handler(event, context, callback);
      if (returned && typeof returned.then === 'function') {
        returned.then((result) => settle(null, result), (error) => settle(error ?? new Error('Unknown Reason'), undefined));
      }
    } catch (error) {
      settle(error ?? new Error('Unknown Reason'), undefined);
    }
  });
}

function logError(title, document) {
  console.error(title, JSON.stringify({ ...document, stack: document.trace, trace: undefined }));
}

// An error may have any name, a header only printable ASCII.
const headerText = (text) => String(text).replace(/[^ -~]/g, '?');

async function postError(path, error) {
  const document = errorDocument(error);
  logError(path === 'init/error' ? 'Uncaught Exception' : 'Invoke Error', document);
  await request('POST', path, JSON.stringify(document), { 'Lambda-Runtime-Function-Error-Type': headerText(document.errorType) });
}

const fatal = (wrap, status) => (reason) => {
  isEnding = true;
  if (isUp && !requestId) {
    // Left over from an invocation that has its answer: a post would wait
    // behind the request for work, and the next caller would pay for it.
    try {
      logError('Uncaught Exception', errorDocument(wrap(reason)));
    } finally {
      exit(status);
    }
  }
  const path = requestId ? `invocation/${requestId}/error` : 'init/error';
  postError(path, wrap(reason)).finally(() => exit(status));
};
process.on('uncaughtException', fatal((error) => error, 129));
process.on('unhandledRejection', fatal((reason) => named('Runtime.UnhandledPromiseRejection', String(reason), reason), 128));

let handler;
try {
  handler = await loadHandler(process.env._HANDLER);
} catch (error) {
  await postError('init/error', error);
  exit(1);
}

// A chain of callbacks, not a top-level await: the loop must be able to run
// empty, which is how a function without promise or callback ends.
function next() {
  if (isEnding) return;
  isUp = true;
  request('GET', 'invocation/next').then(async ({ status, headers, body }) => {
    if (status !== 200) exit(1);
    requestId = headers['lambda-runtime-aws-request-id'];
    if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    const answering = requestId;
    try {
      const answer = stringify(await run(handler, JSON.parse(body.toString('utf8')), headers));
      await request('POST', `invocation/${answering}/response`, answer, { 'Content-Type': 'application/json' });
    } catch (error) {
      await postError(`invocation/${answering}/error`, error);
    }
    requestId = '';
    setImmediate(next);
  }, () => exit(0));
}
next();
