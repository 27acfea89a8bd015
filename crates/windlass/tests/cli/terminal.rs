//! What a terminal is shown.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{folder, windlass};

/// Runs the program with both outputs on a terminal; answers all that was written to it.
fn on_a_terminal(arguments: &[&str], no_color: bool) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave: OwnedFd = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let folder = folder();
    let mut command = windlass(folder.path());
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::from(slave.try_clone().unwrap())).stderr(Stdio::from(slave));
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let mut child = command.spawn().unwrap();
    // The child's ends must be the last, else the terminal never ends.
    drop(command);
    let mut bytes = Vec::new();
    // A terminal whose other end was closed answers with an error, not with an end.
    let _ = File::from(master).read_to_end(&mut bytes);
    child.wait().unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_run_is_drawn_in_colours_and_its_result_comes_last() {
    let text = on_a_terminal(&["run", "short-wait.asl.json", "--input", r#"{"a":1}"#], false);
    assert!(text.contains("\x1b[32m✓\x1b[0m"), "{text}");
    // What runs is drawn, and taken away again.
    assert!(text.contains("left") && text.contains("\x1b[1A\x1b[J"), "{text:?}");
    assert!(text.ends_with("{\r\n  \"a\": 1\r\n}\r\n"), "{text:?}");
}

#[test]
fn no_color_leaves_colours_out() {
    for arguments in [&["run", "short-wait.asl.json"][..], &["validate", "broken.asl.json"][..]] {
        assert!(on_a_terminal(arguments, false).contains("\x1b[0m"));
        let text = on_a_terminal(arguments, true);
        assert!(!text.contains("\x1b[0m"), "{text:?}");
    }
}

#[test]
fn a_large_map_is_a_few_lines() {
    let text = on_a_terminal(&["run", "large-map.asl.json", "--quiet"], false);
    assert_eq!(text, "10000\r\n");
    let text = on_a_terminal(&["run", "large-map.asl.json"], false);
    let kept = text.matches('\n').count() - redrawn_rows(&text);
    assert!(kept < 20, "{kept} lines: {text}");
    assert!(text.contains("10,000 items"), "{text}");
}

/// Rows that were drawn and taken away: the sum of `ESC [ n A`.
fn redrawn_rows(text: &str) -> usize {
    let ups = text.split("\x1b[").filter_map(|part| part.split_once('A')?.0.parse::<usize>().ok());
    ups.sum()
}
