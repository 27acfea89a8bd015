//! Executions: Standard, Express and a large Map.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::load::Request;
use crate::process::{Server, Signer};
use crate::report;

const CLIENTS: [usize; 4] = [1, 16, 50, 256];
/// Windlass runs with an access key here, so the role must be there and trust the service.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ROLE: &str = "arn:aws:iam::000000000000:role/bench";

/// Starts Windlass and measures executions.
///
/// # Errors
/// An answer other than 200, or an execution that fails.
pub(crate) fn run(folder: &Path, length: Duration) -> Result<(), Failure> {
    let data = folder.join("data");
    let server = Server::windlass(&data)?;
    println!("| start to ready, empty store | | | {:.1} | | |", server.ready_after.as_secs_f64() * 1e3);
    println!("| memory when idle, MiB | | {:.1} | | | |", server.resident_mib());
    let signer = server.signer();
    let role = [
        ("Action", "CreateRole"),
        ("Version", "2010-05-08"),
        ("RoleName", "bench"),
        ("AssumeRolePolicyDocument", TRUST),
    ];
    server.call(&signer.query("iam", &role))?;
    let pass = |index: usize| format!(r#""S{index}":{{"Type":"Pass","Next":"S{}"}}"#, index + 1);
    let states: Vec<String> = (1..5).map(pass).collect();
    let definition =
        format!(r#"{{"StartAt":"S1","States":{{{},"S5":{{"Type":"Pass","End":true}}}}}}"#, states.join(","));
    let standard = create(&server, "bench-standard", "STANDARD", &definition)?;
    let express = create(&server, "bench-express", "EXPRESS", &definition)?;
    let start = format!(r#"{{"stateMachineArn":"{standard}","input":"{{\"order\":17,\"items\":[1,2,3]}}"}}"#);
    for clients in CLIENTS {
        let request = signed(&signer, "StartExecution", &start);
        report("Standard, 5 states, synced before the answer", &server, clients, &[request], length)?;
    }
    let named = call(&server, "StartExecution", &start)?;
    let execution = text_member(&named, "executionArn")?;
    let describe = format!(r#"{{"executionArn":"{execution}"}}"#);
    let pair = [signed(&signer, "StartExecution", &start), signed(&signer, "DescribeExecution", &describe)];
    report("Standard, 5 states, start and describe (2 requests)", &server, 50, &pair, length)?;
    let start = format!(r#"{{"stateMachineArn":"{express}","input":"{{\"order\":17,\"items\":[1,2,3]}}"}}"#);
    for clients in CLIENTS {
        let request = signed(&signer, "StartSyncExecution", &start);
        report("Express sync, 5 states, SigV4 checked", &server, clients, &[request], length)?;
    }
    map_of_ten_thousand(&server)?;
    println!("| memory after the load, MiB | | {:.1} | | | |", server.resident_mib());
    Ok(())
}

/// A Map of 10,000 Pass items: bytes the store was handed by item, and the time.
fn map_of_ten_thousand(server: &Server) -> Result<(), Failure> {
    const ITEMS: usize = 10_000;
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":40,"ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Pass","End":true}}},"End":true}}}"#;
    let arn = create(server, "bench-map", "STANDARD", definition)?;
    let items: Vec<String> = (0..ITEMS).map(|index| index.to_string()).collect();
    let start = format!(r#"{{"stateMachineArn":"{arn}","input":"[{}]"}}"#, items.join(","));
    let before = server.metric("windlass_store_bytes")?;
    let began = Instant::now();
    let started = call(server, "StartExecution", &start)?;
    let execution = text_member(&started, "executionArn")?;
    loop {
        let described = call(server, "DescribeExecution", &format!(r#"{{"executionArn":"{execution}"}}"#))?;
        match text_member(&described, "status")?.as_str() {
            "RUNNING" => std::thread::sleep(Duration::from_millis(5)),
            "SUCCEEDED" => break,
            other => return Err(format!("the Map ended as {other}").into()),
        }
    }
    let took = began.elapsed();
    let bytes = server.metric("windlass_store_bytes")? - before;
    println!(
        "| Map of 10,000 items: bytes stored an item | | {:.0} | {:.1} (whole) | | |",
        bytes / ITEMS as f64,
        took.as_secs_f64() * 1e3
    );
    Ok(())
}

fn signed(signer: &Signer, operation: &str, body: &str) -> Request {
    signer.json("states", &format!("AWSStepFunctions.{operation}"), body.to_owned())
}

fn call(server: &Server, operation: &str, body: &str) -> Result<Vec<u8>, Failure> {
    server.call(&signed(&server.signer(), operation, body))
}

fn create(server: &Server, name: &str, kind: &str, definition: &str) -> Result<String, Failure> {
    let definition = windlass_value::Value::from(definition).to_text();
    let body = format!(r#"{{"name":"{name}","type":"{kind}","roleArn":"{ROLE}","definition":{definition}}}"#);
    text_member(&call(server, "CreateStateMachine", &body)?, "stateMachineArn")
}

fn text_member(json: &[u8], name: &str) -> Result<String, Failure> {
    let text = std::str::from_utf8(json)?;
    let value = windlass_value::parse(text)?;
    Ok(value[name].as_str().ok_or_else(|| format!("no {name} in {text}"))?.to_owned())
}
