use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Service;
use windlass_value::object;

use crate::fixture::{call_of, eventually, has_node, json, open, open_with, timeout};

/// (code of handler.py, handler, payload, expected payload, whether it is an error)
const PYTHON: &[(&str, &str, &str, &str, bool)] = &[
    (
        "def handler(event, context):\n    return event\n",
        "handler.handler",
        r#"{"a": [1, 2.50, "ü"]}"#,
        r#"{"a": [1, 2.5, "ü"]}"#,
        false,
    ),
    ("def handler(event, context):\n    return event\n", "handler.handler", "", "{}", false),
    ("def handler(event, context):\n    pass\n", "handler.handler", "1", "null", false),
    (
        "def handler(event, context):\n    return b'\"HelloWorld!\"'\n",
        "handler.handler",
        "{}",
        "\"HelloWorld!\"",
        false,
    ),
    (
        "from decimal import Decimal\ndef handler(event, context):\n    return {'n': Decimal('1.5')}\n",
        "handler.handler",
        "{}",
        r#"{"n": 1.5}"#,
        false,
    ),
    (
        "def handler(event, context):\n    raise Exception(\"Some exception was raised.\")\n",
        "handler.handler",
        "{}",
        r#"{"errorMessage": "Some exception was raised.", "errorType": "Exception", "requestId": "8f9c1f5e-0000-4000-8000-000000000001", "stackTrace": ["  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was raised.\")\n"]}"#,
        true,
    ),
    (
        "class CustomException(Exception):\n    def __init__(self):\n        self.message = 'CustomException message'\n\n\n\n\ndef handler(event, context):\n    raise CustomException()\n",
        "handler.handler",
        "{}",
        r#"{"errorMessage": "", "errorType": "CustomException", "requestId": "8f9c1f5e-0000-4000-8000-000000000001", "stackTrace": ["  File \"/var/task/handler.py\", line 9, in handler\n    raise CustomException()\n"]}"#,
        true,
    ),
    (
        "def handler(event, context):\n    return {1, 2}\n",
        "handler.handler",
        "{}",
        r#"{"errorMessage": "Unable to marshal response: Object of type set is not JSON serializable", "errorType": "Runtime.MarshalError", "requestId": "8f9c1f5e-0000-4000-8000-000000000001", "stackTrace": []}"#,
        true,
    ),
    (
        "import nothing_of_that_name\n",
        "handler.handler",
        "{}",
        r#"{"errorMessage": "Unable to import module 'handler': No module named 'nothing_of_that_name'", "errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": []}"#,
        true,
    ),
    (
        "x = 1\n",
        "handler.nothing",
        "{}",
        r#"{"errorMessage": "Handler 'nothing' missing on module 'handler'", "errorType": "Runtime.HandlerNotFound", "requestId": "", "stackTrace": []}"#,
        true,
    ),
    (
        "x = 1\n",
        "handler",
        "{}",
        r#"{"errorMessage": "Bad handler 'handler': not enough values to unpack (expected 2, got 1)", "errorType": "Runtime.MalformedHandlerName", "requestId": "", "stackTrace": []}"#,
        true,
    ),
    (
        "raise ValueError('at the start')\n",
        "handler.handler",
        "{}",
        r#"{"errorMessage": "at the start", "errorType": "ValueError", "requestId": "", "stackTrace": ["  File \"/var/task/handler.py\", line 1, in <module>\n    raise ValueError('at the start')\n"]}"#,
        true,
    ),
    (
        "import os\ndef handler(event, context):\n    os._exit(3)\n",
        "handler.handler",
        "{}",
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Runtime exited with error: exit status 3"}"#,
        true,
    ),
    (
        "import sys\ndef handler(event, context):\n    sys.exit(0)\n",
        "handler.handler",
        "{}",
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Runtime exited without providing a reason"}"#,
        true,
    ),
    (
        "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        "handler.handler",
        "{}",
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Runtime exited with error: signal: killed"}"#,
        true,
    ),
    (
        "import os\nos._exit(2)\n",
        "handler.handler",
        "{}",
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Runtime exited with error: exit status 2"}"#,
        true,
    ),
    (
        "def handler(event, context):\n    return 'a' * 7000000\n",
        "handler.handler",
        "{}",
        r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#,
        true,
    ),
    (
        "def handler(event, context):\n    context.log('x')\n    left = context.get_remaining_time_in_millis()\n    return [context.aws_request_id, context.function_name, context.function_version, context.memory_limit_in_mb, context.invoked_function_arn, context.log_group_name, 0 < left <= 60000, context.client_context]\n",
        "handler.handler",
        "{}",
        r#"["8f9c1f5e-0000-4000-8000-000000000001", "f", "$LATEST", "512", "arn:aws:lambda:us-east-1:000000000000:function:f", "/aws/lambda/f", true, null]"#,
        false,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn python_answers_as_at_aws() {
    for (code, handler, payload, expected, is_error) in PYTHON {
        let fixture = open().await;
        fixture.create("f", "python3.12", handler, &[("handler.py", code)], timeout(60)).await;
        let (answer, failed, output) = fixture.invoke("f", payload).await;
        assert_eq!(answer, *expected, "{code}");
        assert_eq!(failed, *is_error, "{code}");
        assert_eq!(output["StatusCode"].as_i64(), Some(200));
        assert_eq!(output["ExecutedVersion"].as_str(), Some("$LATEST"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn python_names_syntax_errors() {
    let fixture = open().await;
    fixture.python("f", "def handler(:\n").await;
    let (answer, failed, _) = fixture.invoke("f", "{}").await;
    let answer = json(&answer);
    assert!(failed);
    assert_eq!(answer["errorType"].as_str(), Some("Runtime.UserCodeSyntaxError"));
    assert!(
        answer["errorMessage"].as_str().is_some_and(|text| text.starts_with("Syntax error in module 'handler': ")),
        "{answer}"
    );
    assert_eq!(
        answer.pointer("/stackTrace/0").and_then(|line| line.as_str()),
        Some("  File \"/var/task/handler.py\" Line 1\n    def handler(:")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_lie_in_folders_and_find_their_neighbours() {
    let fixture = open().await;
    let files = [
        ("app/main.py", "from app.other import x\ndef run(event, context):\n    return x\n"),
        ("app/other.py", "x = 5\n"),
    ];
    fixture.create("f", "python3.9", "app/main.run", &files, timeout(60)).await;
    assert_eq!(fixture.invoke("f", "{}").await.0, "5");
}

/// (files, handler, payload, expected payload, whether it is an error)
type NodeCase = (&'static [(&'static str, &'static str)], &'static str, &'static str, &'static str, bool);
const NODE: &[NodeCase] = &[
    (
        &[("index.js", "exports.handler = async (event) => ({ got: event });")],
        "index.handler",
        "[1]",
        r#"{"got":[1]}"#,
        false,
    ),
    (
        &[("index.mjs", "export const handler = async (event, context) => context.functionName;")],
        "index.handler",
        "{}",
        "\"f\"",
        false,
    ),
    (
        &[
            ("package.json", r#"{"type":"module"}"#),
            ("src/index.js", "import { x } from './x.js'; export const handler = () => Promise.resolve(x);"),
            ("src/x.js", "export const x = 7;"),
        ],
        "src/index.handler",
        "{}",
        "7",
        false,
    ),
    (&[("index.cjs", "exports.a = { b: async () => 1 };")], "index.a.b", "{}", "1", false),
    (
        &[("index.js", "exports.handler = (event, context, callback) => setTimeout(() => callback(null, 'late'), 5);")],
        "index.handler",
        "{}",
        "\"late\"",
        false,
    ),
    (
        &[(
            "index.js",
            "exports.handler = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, 1); };",
        )],
        "index.handler",
        "{}",
        "1",
        false,
    ),
    (&[("index.js", "exports.handler = () => { setTimeout(() => {}, 5); };")], "index.handler", "{}", "null", false),
    (&[("index.js", "exports.handler = async () => {};")], "index.handler", "{}", "null", false),
    (
        &[(
            "index.js",
            "exports.handler = async () => { const e = new RangeError('bad'); e.stack = 'RangeError: bad\\n    at here'; throw e; };",
        )],
        "index.handler",
        "{}",
        r#"{"errorType":"RangeError","errorMessage":"bad","trace":["RangeError: bad","    at here"]}"#,
        true,
    ),
    (
        &[("index.js", "exports.handler = (event, context, callback) => callback('no');")],
        "index.handler",
        "{}",
        r#"{"errorType":"string","errorMessage":"no","trace":[]}"#,
        true,
    ),
    (
        &[("index.js", "exports.handler = async () => process.exit(4);")],
        "index.handler",
        "{}",
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Runtime exited with error: exit status 4"}"#,
        true,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn node_answers_as_at_aws() {
    if !has_node() {
        return;
    }
    for (files, handler, payload, expected, is_error) in NODE {
        let fixture = open().await;
        fixture.create("f", "nodejs20.x", handler, files, timeout(60)).await;
        let (answer, failed, _) = fixture.invoke("f", payload).await;
        assert_eq!((answer.as_str(), failed), (*expected, *is_error), "{files:?}");
    }
}

/// (index.js, error type, start of the message, a text of the trace)
const NODE_ERRORS: &[(&str, &str, &str, &str)] = &[
    ("exports.handler = async () => { throw new Error('x'); };", "Error", "x", "/var/task/index.js:1:"),
    (
        "require('nothing-of-that-name');",
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'nothing-of-that-name'",
        "Runtime.ImportModuleError",
    ),
    (
        "exports.other = 1;",
        "Runtime.HandlerNotFound",
        "index.handler is undefined or not exported",
        "Runtime.HandlerNotFound",
    ),
    (
        "exports.handler = (;",
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: Unexpected token",
        "Runtime.UserCodeSyntaxError",
    ),
    (
        "exports.handler = () => { setTimeout(() => { throw new TypeError('later'); }, 1); return new Promise(() => {}); };",
        "TypeError",
        "later",
        "/var/task/index.js:1:",
    ),
    (
        "exports.handler = () => { Promise.reject(new Error('lost')); return new Promise(() => {}); };",
        "Runtime.UnhandledPromiseRejection",
        "Error: lost",
        "Runtime.UnhandledPromiseRejection",
    ),
    ("const a = {}; a.a = a; exports.handler = async () => a;", "Error", "Unable to stringify response body", "Error"),
];

#[tokio::test(flavor = "multi_thread")]
async fn node_names_errors() {
    if !has_node() {
        return;
    }
    for (code, kind, message, trace) in NODE_ERRORS {
        let fixture = open().await;
        fixture.create("f", "nodejs20.x", "index.handler", &[("index.js", code)], timeout(60)).await;
        let (answer, failed, _) = fixture.invoke("f", "{}").await;
        let document = json(&answer);
        assert!(failed, "{code}");
        assert_eq!(document["errorType"].as_str(), Some(*kind), "{answer}");
        assert!(document["errorMessage"].as_str().is_some_and(|text| text.starts_with(message)), "{answer}");
        assert!(document["trace"].to_text().contains(trace), "{answer}");
    }
}

/// A runtime in shell and Python, as people write them for `provided`.
const BOOTSTRAP: &str = r#"#!/bin/sh
set -eu
exec python3 - <<'END'
import json, os, urllib.request
base = "http://%s/2018-06-01/runtime/invocation/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    with urllib.request.urlopen(base + "next") as answer:
        request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
    if event == "fail":
        path, document = "error", {"errorType": "Mine", "errorMessage": "as asked"}
    else:
        path, document = "response", {"event": event, "handler": os.environ["_HANDLER"], "cwd_is_root": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"]}
    urllib.request.urlopen(urllib.request.Request(base + request_id + "/" + path, json.dumps(document).encode())).close()
END
"#;

#[tokio::test(flavor = "multi_thread")]
async fn provided_runtimes_speak_the_runtime_api() {
    for runtime in ["provided", "provided.al2", "provided.al2023"] {
        let fixture = open().await;
        fixture.create("f", runtime, "mine.go", &[("bootstrap", BOOTSTRAP)], timeout(60)).await;
        let (answer, failed, _) = fixture.invoke("f", "1").await;
        assert_eq!((answer.as_str(), failed), (r#"{"event": 1, "handler": "mine.go", "cwd_is_root": true}"#, false));
        let (answer, failed, _) = fixture.invoke("f", "\"fail\"").await;
        assert_eq!((answer.as_str(), failed), (r#"{"errorType": "Mine", "errorMessage": "as asked"}"#, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_without_bootstrap_is_named() {
    let fixture = open().await;
    fixture.create("f", "provided.al2023", "x", &[("other", "x")], timeout(60)).await;
    let (answer, failed, _) = fixture.invoke("f", "1").await;
    assert!(failed);
    assert_eq!(
        answer,
        r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_outlives_its_time_is_ended() {
    let fixture = open().await;
    let code = "import time\ndef handler(event, context):\n    if event == 'sleep':\n        time.sleep(600)\n    return 'fine'\n";
    fixture.create("f", "python3.12", "handler.handler", &[("handler.py", code)], timeout(1)).await;
    let (answer, failed, _) = fixture.invoke("f", "\"sleep\"").await;
    assert!(failed);
    assert_eq!(
        answer,
        r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 8f9c1f5e-0000-4000-8000-000000000001 Error: Task timed out after 1.00 seconds"}"#
    );
    assert_eq!(fixture.invoke("f", "1").await.0, "\"fine\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initialisation_that_hangs_is_ended() {
    let fixture = open_with(|config| config.init_timeout = std::time::Duration::from_millis(300)).await;
    fixture.python("f", "import time\ntime.sleep(600)\n").await;
    let (answer, failed, _) = fixture.invoke("f", "1").await;
    assert!(failed && answer.contains("Task timed out after 0.30 seconds"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_takes_too_much_memory_is_ended() {
    let fixture = open().await;
    let code = "import time\ndef handler(event, context):\n    held = bytearray(300 * 1024 * 1024)\n    for at in range(0, len(held), 4096):\n        held[at] = 1\n    time.sleep(600)\n";
    fixture
        .create(
            "f",
            "python3.12",
            "handler.handler",
            &[("handler.py", code)],
            object! { "MemorySize" => 128, "Timeout" => 120 },
        )
        .await;
    let (answer, failed, _) = fixture.invoke("f", "1").await;
    assert!(failed);
    assert!(answer.contains("Runtime exited with error: signal: killed"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_of_the_log_comes_with_the_answer() {
    let fixture = open().await;
    fixture.python("f", "import logging, sys\ndef handler(event, context):\n    print('to stdout')\n    print('to stderr', file=sys.stderr)\n    logging.getLogger().setLevel('INFO')\n    logging.info('logged')\n    print('x' * event)\n").await;
    let input = object! { "FunctionName" => "f", "LogType" => "Tail" };
    let tail = |output: &windlass_value::Value| {
        let encoded = output["LogResult"].as_str().expect("a LogResult").to_owned();
        String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("text")
    };
    let (_, _, output) = fixture.invoke_with(input.clone(), "1").await;
    let log = tail(&output);
    let id = "8f9c1f5e-0000-4000-8000-000000000001";
    assert!(
        log.starts_with(&format!("START RequestId: {id} Version: $LATEST\nto stdout\nto stderr\n[INFO]\t")),
        "{log}"
    );
    assert!(log.contains(&format!("Z\t{id}\tlogged\n")), "{log}");
    assert!(log.contains(&format!("END RequestId: {id}\nREPORT RequestId: {id}\tDuration: ")), "{log}");
    assert!(log.contains("\tInit Duration: ") && log.contains("\tMemory Size: 512 MB\tMax Memory Used: "), "{log}");
    let (_, _, output) = fixture.invoke_with(input, "5000").await;
    let log = tail(&output);
    assert_eq!(log.len(), 4096);
    assert!(log.starts_with("xxx") && log.contains("REPORT") && !log.contains("Init Duration"), "{log}");
    assert!(fixture.invoke("f", "1").await.2["LogResult"].is_null());
    let logged = fixture.lambda.recent_logs("000000000000", "us-east-1", "f", 1000).expect("a log");
    assert_eq!(logged.iter().filter(|line| line.ends_with("to stdout")).count(), 3);
    assert!(logged.iter().any(|line| line.contains("REPORT RequestId")));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_see_their_environment_and_nothing_of_the_servers() {
    let fixture = open().await;
    let more = object! { "Timeout" => 60, "Environment" => object! { "Variables" => object! { "MINE" => "1" } } };
    let code = "import os\ndef handler(event, context):\n    return sorted(os.environ)\n";
    fixture.create("f", "python3.12", "handler.handler", &[("handler.py", code)], more).await;
    let (answer, _, _) = fixture.invoke("f", "1").await;
    let names = json(&answer);
    let names: Vec<&str> = names.as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "HOME",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "LD_LIBRARY_PATH",
        "MINE",
        "PATH",
        "PWD",
        "TZ",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    ];
    // Shells and Python on some systems add these of their own.
    let names: Vec<&str> = names
        .into_iter()
        .filter(|name| !["LC_CTYPE", "OLDPWD", "SHLVL", "_", "__CF_USER_TEXT_ENCODING"].contains(name))
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_context_reaches_the_function() {
    let fixture = open().await;
    fixture.python("f", "def handler(event, context):\n    return context.client_context.custom\n").await;
    let encoded = STANDARD.encode(r#"{"custom": {"a": "ü"}}"#);
    let input = object! { "FunctionName" => "f", "ClientContext" => encoded };
    assert_eq!(fixture.invoke_with(input, "1").await.0, r#"{"a": "ü"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_invocations_are_refused() {
    let fixture = open().await;
    fixture.python("f", "def handler(event, context):\n    return event\n").await;
    let big = format!("\"{}\"", "a".repeat(6_291_455));
    let big_event = format!("\"{}\"", "a".repeat(1_048_575));
    // (input, payload, code, status, start of the message)
    let cases = [
        (
            object! { "FunctionName" => "g" },
            "1",
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g",
        ),
        (
            object! { "FunctionName" => "f:7" },
            "1",
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:7",
        ),
        (
            object! { "FunctionName" => "f", "Qualifier" => "live" },
            "1",
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:live",
        ),
        (
            object! { "FunctionName" => "f" },
            "{",
            "InvalidRequestContentException",
            400,
            "Could not parse request body into json: ",
        ),
        (
            object! { "FunctionName" => "f" },
            &big,
            "RequestTooLargeException",
            413,
            "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)",
        ),
        (
            object! { "FunctionName" => "f", "InvocationType" => "Event" },
            &big_event,
            "RequestTooLargeException",
            413,
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        ),
        (
            object! { "FunctionName" => "f", "InvocationType" => "Never" },
            "1",
            "ValidationException",
            400,
            "1 validation error detected: Value 'Never' at 'invocationType'",
        ),
        (
            object! { "FunctionName" => "f", "ClientContext" => "%" },
            "1",
            "InvalidRequestContentException",
            400,
            "Could not parse the client context",
        ),
    ];
    for (input, payload, code, status, message) in cases {
        let fault = match fixture.lambda.call(call_of("Invoke", input.clone(), payload)).await {
            Ok(reply) => panic!("{input}: {}", reply.output),
            Err(fault) => fault,
        };
        assert_eq!((fault.code.as_str(), fault.status), (code, status), "{input}: {fault}");
        assert!(fault.message.starts_with(message), "{fault}");
        if code != "ValidationException" {
            assert_eq!(fault.members.get("Type").and_then(|kind| kind.as_str()), Some("User"));
        }
    }
    let dry = fixture.ok("Invoke", object! { "FunctionName" => "f", "InvocationType" => "DryRun" }).await;
    assert_eq!(dry["StatusCode"].as_i64(), Some(204));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_address_is_a_function() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            while !bytes.ends_with(b"end\"") {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            let has_headers = text.starts_with("post /run?x=1 ")
                && text.contains("lambda-runtime-aws-request-id: ")
                && text.contains("lambda-runtime-deadline-ms: ");
            let status = if text.contains("fail") { "500 Broken" } else { "200 OK" };
            let body = format!("{{\"headers\":{has_headers}}}");
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                .expect("an answer");
        }
    });
    let fixture = open().await;
    let more = object! { "Timeout" => 60, "Environment" => object! { "Variables" => object! { "WINDLASS_FUNCTION_URL" => format!("http://127.0.0.1:{port}/run?x=1") } } };
    fixture.create("f", "provided.al2023", "any", &[("readme", "none")], more).await;
    let (answer, failed, output) = fixture.invoke("f", "\"end\"").await;
    assert_eq!((answer.as_str(), failed), ("{\"headers\":true}", false));
    assert_eq!(output["ExecutedVersion"].as_str(), Some("$LATEST"));
    let (answer, failed, _) = fixture.invoke("f", "\"fail end\"").await;
    assert!(failed && answer.contains("500"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_context_of_any_characters_reaches_the_function() {
    let del = "\u{7f}".repeat(2600);
    for text in ["ü € 😀 \u{7f} \u{80} \\n \\u0001", del.as_str()] {
        let document = format!(r#"{{"custom":{{"k":"{text}"}}}}"#);
        let encoded = STANDARD.encode(&document);
        let expected = json(&document)["custom"]["k"].clone();
        let mut cases = vec![(
            "python3.12",
            "handler.py",
            "def handler(event, context):\n    return context.client_context.custom['k']\n",
        )];
        if has_node() {
            cases.push((
                "nodejs20.x",
                "handler.js",
                "exports.handler = async (e, context) => context.clientContext.custom.k;",
            ));
        }
        for (runtime, file, code) in cases {
            let fixture = open().await;
            fixture.create("f", runtime, "handler.handler", &[(file, code)], timeout(60)).await;
            let input = object! { "FunctionName" => "f", "ClientContext" => encoded.as_str() };
            let (answer, failed, _) = fixture.invoke_with(input, "1").await;
            assert!(!failed, "{runtime} {answer}");
            assert_eq!(json(&answer), expected, "{runtime}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_may_have_any_name() {
    let mut cases = vec![(
        "python3.12",
        "handler.py",
        "def handler(event, context):\n    if event == 1:\n        raise type('Ошибка\\r\\nHost: x', (Exception,), {})('x')\n    return 'well'\n",
    )];
    if has_node() {
        cases.push((
            "nodejs20.x",
            "handler.js",
            "exports.handler = async (event) => { if (event !== 1) return 'well'; const e = new Error('x'); e.name = 'Ошибка\\r\\nHost: x'; throw e; };",
        ));
    }
    for (runtime, file, code) in cases {
        let fixture = open().await;
        fixture.create("f", runtime, "handler.handler", &[(file, code)], timeout(60)).await;
        let (answer, failed, _) = fixture.invoke("f", "1").await;
        assert!(failed);
        assert_eq!(json(&answer)["errorType"].as_str(), Some("Ошибка\r\nHost: x"), "{runtime} {answer}");
        assert_eq!(fixture.invoke("f", "2").await.0, "\"well\"", "{runtime}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_exception_in_node_is_not_the_next_callers() {
    if !has_node() {
        return;
    }
    let code = "exports.handler = async (event) => { setTimeout(() => { throw new Error('late'); }, 20); return process.pid; };";
    let fixture = open().await;
    fixture.create("f", "nodejs20.x", "index.handler", &[("index.js", code)], timeout(60)).await;
    for _ in 0..3 {
        let (answer, failed, _) = fixture.invoke("f", "1").await;
        assert!(!failed, "{answer}");
        let pid: i64 = answer.parse().expect("a number");
        // It ends by itself, without waiting for a caller to harm.
        let process = std::path::PathBuf::from(format!("/proc/{pid}"));
        eventually("the process ends", || !process.exists()).await;
        // The server has its status, and takes note in its next step.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
