//! Reads and runs the cases. A case is
//!
//! ```text
//! === its title
//! $ the arguments, in single quotes where they have spaces
//! -- exit 1            (0 where it is absent)
//! -- file NAME         (a file to write first)
//! -- stdin
//! -- stdout            (exactly; nothing where neither this nor the next is there)
//! -- stdout has        (each line is in it, in this order)
//! -- stderr has
//! -- stderr lacks      (no line is in it)
//! ```

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::{folder, windlass};

/// Fewer than this were lost on the way.
const CASES_MIN: usize = 50;

#[derive(Default)]
struct Case {
    title: String,
    arguments: Vec<String>,
    exit: i32,
    files: Vec<(String, String)>,
    stdin: String,
    stdout: Option<String>,
    stdout_has: Vec<String>,
    stderr_has: Vec<String>,
    stderr_lacks: Vec<String>,
}

#[test]
fn every_case_answers_as_written() {
    let mut paths: Vec<_> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let cases: Vec<Case> = paths
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.split("\n=== ").skip(1).map(read).collect::<Vec<_>>()
        })
        .collect();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let failures: Vec<String> = cases.iter().filter_map(check).collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn read(text: &str) -> Case {
    let mut case = Case::default();
    let mut parts = text.split("\n-- ");
    let head = parts.next().unwrap();
    let (title, command) = head.split_once("\n$ ").unwrap_or_else(|| panic!("no command: {head}"));
    case.title = title.to_owned();
    case.arguments = words(command.trim());
    for part in parts {
        let (label, body) = part.split_once('\n').unwrap_or((part, ""));
        let lines = || body.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect::<Vec<_>>();
        match label.trim() {
            "stdin" => case.stdin = body.to_owned(),
            "stdout" => case.stdout = Some(body.trim_end().to_owned()),
            "stdout has" => case.stdout_has = lines(),
            "stderr has" => case.stderr_has = lines(),
            "stderr lacks" => case.stderr_lacks = lines(),
            other => match other.split_once(' ') {
                Some(("exit", code)) => case.exit = code.parse().unwrap(),
                Some(("file", name)) => case.files.push((name.to_owned(), body.to_owned())),
                _ => panic!("{title}: no such section: {other}"),
            },
        }
    }
    case
}

/// Words, of which some are in single quotes, as a shell splits them.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

/// What is wrong, if anything.
fn check(case: &Case) -> Option<String> {
    let folder = folder();
    for (name, text) in &case.files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut child = windlass(folder.path())
        .args(&case.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(case.stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let mut wrong = String::new();
    if output.status.code() != Some(case.exit) {
        let _ = writeln!(wrong, "  exit {:?}, expected {}", output.status.code(), case.exit);
    }
    match &case.stdout {
        Some(expected) if stdout.trim_end() != expected => wrong += "  stdout differs\n",
        None if case.stdout_has.is_empty() && !stdout.is_empty() => wrong += "  stdout is not empty\n",
        _ => {}
    }
    wrong += &missing("stdout", &stdout, &case.stdout_has);
    wrong += &missing("stderr", &stderr, &case.stderr_has);
    for line in case.stderr_lacks.iter().filter(|line| stderr.contains(line.as_str())) {
        let _ = writeln!(wrong, "  stderr has: {line}");
    }
    if stdout.contains('\x1b') || stderr.contains('\x1b') {
        wrong += "  a terminal's control sequences where there is no terminal\n";
    }
    (!wrong.is_empty()).then(|| format!("{}\n{wrong}--- stdout\n{stdout}--- stderr\n{stderr}", case.title))
}

fn missing(stream: &str, text: &str, fragments: &[String]) -> String {
    let mut rest = text;
    for fragment in fragments {
        match rest.split_once(fragment.as_str()) {
            Some((_, after)) => rest = after,
            None => return format!("  {stream} lacks (here, or at all): {fragment}\n"),
        }
    }
    String::new()
}
