use std::io::{Cursor, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use windlass_lambda::{Lambda, LambdaConfig, TABLES};
use windlass_protocol::{Call, Fault, Outcome, Principal, Service};
use windlass_store::{MemoryFaults, Store};
use windlass_value::{Object, Value, object};
use zip::write::SimpleFileOptions;

pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/test";

/// A service over a store in memory and a temporary folder.
pub(crate) struct Fixture {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
    pub(crate) memory: MemoryFaults,
}

pub(crate) async fn open() -> Fixture {
    open_with(|_| {}).await
}

pub(crate) async fn open_with(change: impl FnOnce(&mut LambdaConfig)) -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = MemoryFaults::new();
    let (lambda, store) = reopen(&folder, &memory, change).await;
    Fixture { lambda, store, folder, memory }
}

pub(crate) async fn reopen(
    folder: &TempDir,
    memory: &MemoryFaults,
    change: impl FnOnce(&mut LambdaConfig),
) -> (Arc<Lambda>, Store) {
    let mut config = LambdaConfig::new(folder.path(), "http://127.0.0.1:4566");
    config.event_retry_delays = vec![Duration::from_millis(10), Duration::from_millis(20)];
    // A loaded machine starts interpreters slowly.
    config.init_timeout = Duration::from_secs(60);
    change(&mut config);
    let store = Store::memory(TABLES, memory.clone());
    let lambda = Lambda::open(store.clone(), config).await.expect("the service opens");
    (lambda, store)
}

pub(crate) fn call_of(operation: &str, input: Value, body: &str) -> Call {
    Call {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        service: "lambda".into(),
        operation: operation.into(),
        input,
        body: body.to_owned().into(),
        principal: Principal {
            arn: "arn:aws:iam::000000000000:root".into(),
            account: "000000000000".into(),
            access_key_id: None,
        },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "8f9c1f5e-0000-4000-8000-000000000001".into(),
    }
}

pub(crate) fn zip_of(files: &[(&str, &str)]) -> String {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let mode = if *name == "bootstrap" { 0o755 } else { 0o644 };
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(mode)).expect("a zip entry");
        writer.write_all(content.as_bytes()).expect("a zip entry's content");
    }
    STANDARD.encode(writer.finish().expect("a zip").into_inner())
}

impl Fixture {
    pub(crate) async fn call(&self, operation: &str, input: Value) -> Outcome {
        self.lambda.call(call_of(operation, input, "")).await
    }

    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|fault| panic!("{operation}: {fault}")).output
    }

    pub(crate) async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self.call(operation, input).await {
            Ok(reply) => panic!("{operation} succeeded: {}", reply.output),
            Err(fault) => fault,
        }
    }

    /// Creates a function of those files; `more` are further members.
    pub(crate) async fn create(
        &self,
        name: &str,
        runtime: &str,
        handler: &str,
        files: &[(&str, &str)],
        more: Value,
    ) -> Value {
        self.ok("CreateFunction", create_input(name, runtime, handler, files, more)).await
    }

    pub(crate) async fn python(&self, name: &str, code: &str) -> Value {
        self.create(name, "python3.12", "handler.handler", &[("handler.py", code)], timeout(60)).await
    }

    /// Invokes and answers (payload, whether it is an error, the output document).
    pub(crate) async fn invoke(&self, name: &str, payload: &str) -> (String, bool, Value) {
        self.invoke_with(object! { "FunctionName" => name }, payload).await
    }

    pub(crate) async fn invoke_with(&self, input: Value, payload: &str) -> (String, bool, Value) {
        let reply =
            self.lambda.call(call_of("Invoke", input, payload)).await.unwrap_or_else(|fault| panic!("Invoke: {fault}"));
        let payload = String::from_utf8(reply.body.in_memory().expect("a payload in memory").to_vec())
            .expect("a payload of text");
        let is_error = !reply.output["FunctionError"].is_null();
        (payload, is_error, reply.output)
    }
}

pub(crate) fn timeout(timeout_s: i64) -> Value {
    object! { "Timeout" => timeout_s, "MemorySize" => 512 }
}

pub(crate) fn create_input(name: &str, runtime: &str, handler: &str, files: &[(&str, &str)], more: Value) -> Value {
    let mut input = Object::new();
    input.insert("FunctionName", name);
    input.insert("Runtime", runtime);
    input.insert("Role", ROLE);
    input.insert("Handler", handler);
    input.insert("Code", object! { "ZipFile" => zip_of(files) });
    if let Some(more) = more.as_object() {
        input.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    input.into()
}

/// Whether this machine has Node.js; tests of it are skipped where it has not.
pub(crate) fn has_node() -> bool {
    let found = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let has = found.is_ok_and(|status| status.success());
    if !has {
        skipped("no node on the PATH");
    }
    has
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

pub(crate) fn json(text: &str) -> Value {
    windlass_value::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Waits until a condition holds; panics when it never does.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never happened: {what}");
}

pub(crate) fn is_alive(pid: i64) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // A zombie waits only for its parent's notice.
        Ok(stat) => !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => false,
    }
}
