//! The program itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::harness::Folder;

fn windlass(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_windlass")).args(args).output().unwrap()
}

#[test]
fn serves_until_it_is_told_to_stop() {
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.0.join("data"))
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notices = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("AWS_DISABLE_HOST_PREFIX_INJECTION") {
        assert!(notices.read_line(&mut text).unwrap() > 0, "{text}");
    }
    assert!(text.contains("open") && text.contains("aws --endpoint-url http://127.0.0.1:"), "{text}");
    // The AWS CLI of version 1 knows no AWS_REGION; every version knows this one.
    assert!(text.contains(" AWS_DEFAULT_REGION=us-east-1 "), "{text}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut log = String::new();
    child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{log}");
    let said: Vec<_> = log.lines().map(|line| windlass_value::parse(line).unwrap()).collect();
    assert_eq!(said.last().and_then(|line| line.get("message")?.as_str()), Some("stopped"), "{log}");
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

/// Tells a program to stop, perhaps again and again, until it ends; kills it,
/// and fails, where it does not.
fn stopped(child: &mut Child, impatient: bool) -> Option<i32> {
    terminate(child);
    for _ in 0..600 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
        if impatient {
            terminate(child);
        }
    }
    child.kill().unwrap();
    panic!("the program does not end");
}

#[test]
fn stops_although_nobody_reads_its_log() {
    stops_with_a_full_pipe(false, 0);
}

#[test]
fn stops_at_once_although_nobody_reads_its_log() {
    stops_with_a_full_pipe(true, 130);
}

fn stops_with_a_full_pipe(impatient: bool, expected: i32) {
    let folder = Folder::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.0.join("data"))
        .current_dir(&folder.0)
        .stdout(writer.try_clone().unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notices = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("AWS_DISABLE_HOST_PREFIX_INJECTION") {
        assert!(notices.read_line(&mut text).unwrap() > 0, "{text}");
    }
    // Fills what is left of the pipe, and more: from here on it takes nothing.
    std::thread::spawn(move || writer.write_all(&vec![b'x'; 4 * 1024 * 1024]));
    let address = text.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    for _ in 0..8 {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    assert_eq!(stopped(&mut child, impatient), Some(expected));
    drop(reader);
}

#[test]
fn refuses_strangers_without_keys() {
    let folder = Folder::new();
    let data = folder.0.to_str().unwrap();
    let output = windlass(&["serve", "--listen", "0.0.0.0:0", "--data", data]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.starts_with("windlass: 0.0.0.0:0 can be reached from other machines"), "{text}");
}

#[test]
fn helps() {
    let help = String::from_utf8(windlass(&["serve", "--help"]).stdout).unwrap();
    for part in ["--listen", "--data", "--config", "4566", "windlass.toml", "WINDLASS_DRAIN_MS", "ready"] {
        assert!(help.contains(part), "{part}");
    }
    let version = String::from_utf8(windlass(&["version"]).stdout).unwrap();
    assert_eq!(version, format!("windlass {}\n", env!("CARGO_PKG_VERSION")));
    assert!(String::from_utf8(windlass(&["completions", "bash"]).stdout).unwrap().contains("windlass"));
    assert_eq!(windlass(&["sreve"]).status.code(), Some(2));
}
