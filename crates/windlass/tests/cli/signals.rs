//! Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::{folder, windlass};

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

/// Starts a run, sends the signal once `ready` was said, answers code, stdout and stderr.
fn stopped(definition: &str, ready: &str, name: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = folder();
    let mut child = windlass(folder.path())
        .args(["run", definition])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notices = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains(ready) {
        assert!(notices.read_line(&mut text).unwrap() > 0, "{text}");
    }
    signal(&child, name);
    notices.read_to_string(&mut text).unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    (child.wait().unwrap().code(), output, text)
}

#[test]
fn an_interrupt_stops_a_waiting_execution() {
    for name in ["INT", "TERM"] {
        let (code, output, text) = stopped("long-wait.asl.json", "waits", name, &[]);
        assert_eq!((code, output.as_str()), (Some(3), ""), "{text}");
        assert!(text.contains("■ stopped after") && text.contains("in state Forever"), "{text}");
    }
}

#[test]
fn an_interrupt_stops_a_loop_that_never_waits() {
    let (code, _, text) = stopped("endless.asl.json", "Spin", "INT", &[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("more than 1,000 lines") || text.lines().count() < 1_100, "{}", text.lines().count());
}

#[test]
fn a_stopped_execution_is_a_document_too() {
    let (code, output, text) = stopped("long-wait.asl.json", "waits", "INT", &["--json"]);
    assert_eq!(code, Some(3), "{text}");
    let document = windlass_value::parse(&output).unwrap();
    assert_eq!(document.get("status").and_then(|status| status.as_str()), Some("ABORTED"), "{output}");
}
