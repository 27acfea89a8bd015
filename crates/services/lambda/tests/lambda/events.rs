use std::path::Path;
use std::time::Duration;

use windlass_protocol::Service;
use windlass_store::{KeyRange, Scan};
use windlass_value::object;

use crate::fixture::{Fixture, call_of, eventually, open, open_with, reopen, timeout};

/// Notes every call in a file; fails the first `failures` times.
fn noting(file: &Path, failures: u32) -> String {
    format!(
        "import os\nFILE = {file:?}\ndef handler(event, context):\n    with open(FILE, 'a') as out:\n        out.write('%s %s\\n' % (context.aws_request_id, event))\n    if len(open(FILE).readlines()) <= {failures}:\n        raise Exception('not yet')\n"
    )
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn pending(fixture: &Fixture) -> usize {
    let table = windlass_lambda::TABLES.iter().find(|table| table.name == "lambda_events").expect("the table");
    fixture.store.scan(table, Scan::range(KeyRange::all(), 100)).expect("the rows").len()
}

async fn send(fixture: &Fixture, payload: &str) {
    let reply = fixture
        .lambda
        .call(call_of("Invoke", object! { "FunctionName" => "f", "InvocationType" => "Event" }, payload))
        .await;
    let reply = reply.expect("it is accepted");
    assert_eq!(reply.output["StatusCode"].as_i64(), Some(202));
    assert!(reply.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_run_and_forgotten() {
    let fixture = open().await;
    let file = fixture.folder.path().join("calls");
    fixture.python("f", &noting(&file, 0)).await;
    send(&fixture, "7").await;
    eventually("the function runs", || lines(&file).len() == 1).await;
    assert_eq!(lines(&file), ["8f9c1f5e-0000-4000-8000-000000000001 7"]);
    eventually("the row goes", || pending(&fixture) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_event_is_tried_three_times() {
    let fixture = open().await;
    let file = fixture.folder.path().join("calls");
    fixture.python("f", &noting(&file, 100)).await;
    send(&fixture, "7").await;
    eventually("it is given up", || lines(&file).len() == 3 && pending(&fixture) == 0).await;
    // The same request each time, as at AWS.
    assert!(lines(&file).iter().all(|line| line == "8f9c1f5e-0000-4000-8000-000000000001 7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_succeeds_on_a_retry_is_done() {
    let fixture = open().await;
    let file = fixture.folder.path().join("calls");
    fixture.python("f", &noting(&file, 1)).await;
    send(&fixture, "7").await;
    eventually("it is done", || lines(&file).len() == 2 && pending(&fixture) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_outlive_the_server() {
    let fixture =
        open_with(|config| config.event_retry_delays = vec![Duration::from_millis(10), Duration::from_secs(3600)])
            .await;
    let file = fixture.folder.path().join("calls");
    fixture.python("f", &noting(&file, 1)).await;
    // No place to run: the event waits in the store.
    fixture.ok("PutFunctionConcurrency", object! { "FunctionName" => "f", "ReservedConcurrentExecutions" => 0 }).await;
    send(&fixture, "[1, 2]").await;
    assert_eq!(pending(&fixture), 1);
    let fault = fixture.fault("Invoke", object! { "FunctionName" => "f" }).await;
    assert_eq!(
        (fault.code.as_str(), fault.status, fault.message.as_str()),
        ("TooManyRequestsException", 429, "Rate Exceeded.")
    );
    assert_eq!(
        fault.members.get("Reason").and_then(|reason| reason.as_str()),
        Some("ReservedFunctionConcurrentInvocationLimitExceeded")
    );
    fixture.ok("DeleteFunctionConcurrency", object! { "FunctionName" => "f" }).await;
    fixture.lambda.drain(Duration::ZERO).await;
    let Fixture { lambda, folder, memory, .. } = fixture;
    drop(lambda);
    assert!(lines(&file).is_empty());
    let (lambda, store) = reopen(&folder, &memory, |_| {}).await;
    let fixture = Fixture { lambda, store, folder, memory };
    eventually("it is done", || lines(&file).len() == 2 && pending(&fixture) == 0).await;
    assert_eq!(lines(&file)[0], "8f9c1f5e-0000-4000-8000-000000000001 [1, 2]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_is_one() {
    let fixture = open().await;
    fixture.python("f", "pass\n").await;
    fixture.ok("PutFunctionConcurrency", object! { "FunctionName" => "f", "ReservedConcurrentExecutions" => 0 }).await;
    for _ in 0..3 {
        let mut call = call_of("Invoke", object! { "FunctionName" => "f", "InvocationType" => "Event" }, "1");
        call.idempotency_key = Some("once".into());
        fixture.lambda.call(call).await.expect("it is accepted");
    }
    assert_eq!(pending(&fixture), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_events_leaves_room_for_callers() {
    let fixture = open_with(|config| config.concurrency_max = 4).await;
    let folder = fixture.folder.path().to_owned();
    let code = format!(
        "import os, time\ndef handler(event, context):\n    open({folder:?} + '/here-%d' % event, 'w').close()\n    while not os.path.exists({folder:?} + '/go'):\n        time.sleep(0.01)\n"
    );
    fixture.create("f", "python3.12", "handler.handler", &[("handler.py", &code)], timeout(600)).await;
    fixture.python("g", "def handler(event, context):\n    return event\n").await;
    for at in 0..12 {
        let call = call_of("Invoke", object! { "FunctionName" => "f", "InvocationType" => "Event" }, &at.to_string());
        fixture.lambda.call(call).await.expect("it is accepted");
    }
    let begun = || {
        let entries = std::fs::read_dir(&folder).expect("the folder");
        entries
            .filter(|entry| entry.as_ref().is_ok_and(|e| e.file_name().to_string_lossy().starts_with("here-")))
            .count()
    };
    eventually("half of the places are taken", || begun() == 2).await;
    for _ in 0..3 {
        assert_eq!(fixture.invoke("g", "1").await.0, "1");
    }
    assert_eq!(begun(), 2);
    std::fs::write(folder.join("go"), "").expect("a file");
    eventually("all are done", || pending(&fixture) == 0).await;
    assert_eq!(begun(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_a_page_are_taken_up_again() {
    // Two full pages and one row.
    const EVENTS: usize = 129;
    let fixture = open().await;
    let file = fixture.folder.path().join("calls");
    fixture.python("f", &noting(&file, 0)).await;
    fixture.ok("PutFunctionConcurrency", object! { "FunctionName" => "f", "ReservedConcurrentExecutions" => 0 }).await;
    for at in 0..EVENTS {
        send(&fixture, &at.to_string()).await;
    }
    fixture.ok("DeleteFunctionConcurrency", object! { "FunctionName" => "f" }).await;
    fixture.lambda.drain(Duration::ZERO).await;
    let Fixture { lambda, folder, memory, .. } = fixture;
    drop(lambda);
    let (lambda, store) = reopen(&folder, &memory, |_| {}).await;
    let fixture = Fixture { lambda, store, folder, memory };
    eventually("all are done", || pending(&fixture) == 0).await;
    let numbers: std::collections::BTreeSet<String> =
        lines(&file).iter().filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect();
    assert_eq!(numbers.len(), EVENTS);
}
