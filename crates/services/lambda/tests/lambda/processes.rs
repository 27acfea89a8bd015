use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use windlass_protocol::Service;
use windlass_value::object;

use crate::fixture::{call_of, eventually, is_alive, open, open_with, timeout, zip_of};

const PID: &str = "import os\ndef handler(event, context):\n    return os.getpid()\n";
/// Starts a process of its own and answers both numbers.
const FAMILY: &str = "import os, subprocess\nchild = subprocess.Popen(['sleep', '600'])\ndef handler(event, context):\n    return [os.getpid(), child.pid]\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_used_again() {
    let fixture = open().await;
    fixture.python("f", PID).await;
    let (first, ..) = fixture.invoke("f", "1").await;
    for _ in 0..20 {
        assert_eq!(fixture.invoke("f", "1").await.0, first);
    }
    // New code is run by a new process, and the old one ends.
    fixture.ok("UpdateFunctionCode", object! { "FunctionName" => "f", "ZipFile" => zip_of(&[("handler.py", &PID.replace("getpid()", "getpid(), 2"))]) }).await;
    let (second, ..) = fixture.invoke("f", "1").await;
    assert!(second.ends_with(", 2]"), "{second}");
    let pid: i64 = first.parse().expect("a number");
    eventually("the old process ends", || !is_alive(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_invocations_run_at_once() {
    let fixture = Arc::new(open().await);
    let folder = fixture.folder.path().to_owned();
    // Each waits for all the others: fewer than ten at once would never end.
    let code = format!(
        "import os, time\ndef handler(event, context):\n    open({folder:?} + '/here-%d' % event, 'w').close()\n    while sum(n.startswith('here-') for n in os.listdir({folder:?})) < 10:\n        time.sleep(0.01)\n    return os.getpid()\n"
    );
    fixture.python("f", &code).await;
    let tasks: Vec<_> = (0..10)
        .map(|at| {
            let fixture = fixture.clone();
            tokio::spawn(async move { fixture.invoke("f", &at.to_string()).await })
        })
        .collect();
    let mut pids = std::collections::BTreeSet::new();
    for task in tasks {
        let (pid, failed, _) = task.await.expect("an answer");
        assert!(!failed, "{pid}");
        pids.insert(pid);
    }
    assert_eq!(pids.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_beyond_the_bound_wait() {
    let fixture = Arc::new(open_with(|config| config.concurrency_max = 1).await);
    fixture.python("f", PID).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move { fixture.invoke("f", "1").await.0 })
        })
        .collect();
    let mut pids = std::collections::BTreeSet::new();
    for task in tasks {
        pids.insert(task.await.expect("an answer"));
    }
    assert_eq!(pids.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_process_is_replaced() {
    let fixture = open().await;
    fixture.python("f", "import os\ndef handler(event, context):\n    if event == 'crash':\n        os._exit(9)\n    return os.getpid()\n").await;
    let (first, ..) = fixture.invoke("f", "1").await;
    assert!(fixture.invoke("f", "\"crash\"").await.1);
    let (second, failed, _) = fixture.invoke("f", "1").await;
    assert!(!failed);
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_idle_harms_no_invocation() {
    let fixture = open().await;
    fixture.python("f", "import os, threading\ndef handler(event, context):\n    if event == 'later':\n        threading.Timer(0.02, os._exit, [1]).start()\n    return 1\n").await;
    for _ in 0..5 {
        assert_eq!(fixture.invoke("f", "\"later\"").await.0, "1");
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(fixture.invoke("f", "1").await.0, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_processes_end() {
    let fixture = open_with(|config| config.idle_timeout = Duration::from_millis(100)).await;
    fixture.python("f", PID).await;
    let pid: i64 = fixture.invoke("f", "1").await.0.parse().expect("a number");
    eventually("it ends", || !is_alive(pid)).await;
    assert_ne!(fixture.invoke("f", "1").await.0, pid.to_string());
}

fn pids(answer: &str) -> [i64; 2] {
    let numbers: Vec<i64> =
        answer.trim_matches(['[', ']']).split(", ").map(|pid| pid.parse().expect("a number")).collect();
    numbers.try_into().expect("two numbers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_ends_with_all_it_started() {
    // By the drop of the service, by its drain, by deletion.
    for way in 0..3 {
        let fixture = open().await;
        fixture.python("f", FAMILY).await;
        let both = pids(&fixture.invoke("f", "1").await.0);
        assert!(both.into_iter().all(is_alive));
        match way {
            0 => drop(fixture),
            1 => fixture.lambda.drain(Duration::from_secs(1)).await,
            _ => {
                fixture.ok("DeleteFunction", object! { "FunctionName" => "f" }).await;
            }
        }
        eventually("both end", || !both.into_iter().any(is_alive)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_what_takes_too_long() {
    let fixture = open().await;
    let file = fixture.folder.path().join("pid");
    let code = format!(
        "import os, time\ndef handler(event, context):\n    open({file:?} + '.new', 'w').write(str(os.getpid()))\n    os.rename({file:?} + '.new', {file:?})\n    time.sleep(600)\n"
    );
    fixture.create("f", "python3.12", "handler.handler", &[("handler.py", &code)], timeout(600)).await;
    let lambda = fixture.lambda.clone();
    let task =
        tokio::spawn(async move { lambda.call(call_of("Invoke", object! { "FunctionName" => "f" }, "1")).await });
    eventually("it runs", || file.exists()).await;
    fixture.lambda.drain(Duration::from_millis(50)).await;
    let fault = task.await.expect("an answer").expect_err("it was cut off");
    assert_eq!((fault.code.as_str(), fault.status), ("ServiceException", 500));
    let pid: i64 = std::fs::read_to_string(&file).expect("a number").parse().expect("a number");
    eventually("it ends", || !is_alive(pid)).await;
    assert_eq!(fixture.fault("Invoke", object! { "FunctionName" => "f" }).await.code, "ServiceException");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_leaves_behind_ends() {
    let fixture = open().await;
    let code = "import os, subprocess\ndef handler(event, context):\n    child = subprocess.Popen(['sleep', '600'])\n    open(event, 'w').write(str(child.pid))\n    os._exit(1)\n";
    fixture.python("f", code).await;
    let file = fixture.folder.path().join("pid");
    assert!(fixture.invoke("f", &format!("{file:?}")).await.1);
    let pid: i64 = std::fs::read_to_string(&file).expect("a number").parse().expect("a number");
    eventually("it ends", || !is_alive(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_does_not_stop_the_function() {
    let fixture = open().await;
    let file = fixture.folder.path().join("done");
    let code = format!(
        "import time\ndef handler(event, context):\n    open({file:?} + '.started', 'w').close()\n    time.sleep(0.2)\n    open({file:?}, 'w').close()\n"
    );
    fixture.python("f", &code).await;
    let lambda = fixture.lambda.clone();
    let task =
        tokio::spawn(async move { lambda.call(call_of("Invoke", object! { "FunctionName" => "f" }, "1")).await });
    let started = fixture.folder.path().join("done.started");
    eventually("it starts", || started.exists()).await;
    task.abort();
    eventually("it ends as it would", || file.exists()).await;
}

/// What the next test kills: a server with a busy and an idle process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "only as the process that another test kills"]
#[allow(clippy::print_stdout, reason = "it tells the other test its processes")]
async fn server_to_kill() {
    let fixture = open().await;
    let code = format!("{FAMILY}    \n");
    fixture.python("idle", &code).await;
    let idle = fixture.invoke("idle", "1").await.0;
    let file = fixture.folder.path().join("busy");
    let busy = format!(
        "import os, time, subprocess\ndef handler(event, context):\n    child = subprocess.Popen(['sleep', '600'])\n    open({file:?} + '.new', 'w').write(str([os.getpid(), child.pid]))\n    os.rename({file:?} + '.new', {file:?})\n    time.sleep(600)\n"
    );
    fixture.create("busy", "python3.12", "handler.handler", &[("handler.py", &busy)], timeout(600)).await;
    let lambda = fixture.lambda.clone();
    tokio::spawn(async move { lambda.call(call_of("Invoke", object! { "FunctionName" => "busy" }, "1")).await });
    eventually("it is busy", || file.exists()).await;
    println!("\nPIDS {idle} {}", std::fs::read_to_string(&file).expect("its processes"));
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_end_with_a_killed_server() {
    let program = std::env::current_exe().expect("this program");
    let mut server = Command::new(program)
        .args(["--ignored", "--exact", "processes::server_to_kill", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let output = BufReader::new(server.stdout.take().expect("its output"));
    let line = output.lines().map_while(Result::ok).find(|line| line.starts_with("PIDS ")).expect("its processes");
    let all: Vec<i64> = line
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert_eq!(all.len(), 4, "{line}");
    assert!(all.iter().all(|pid| is_alive(*pid)));
    server.kill().expect("SIGKILL");
    server.wait().expect("it ends");
    eventually("all end", || !all.iter().any(|pid| is_alive(*pid))).await;
}

/// Run as process 1 by the next test.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "only as process 1 of a namespace"]
async fn server_as_process_1() {
    assert_eq!(std::process::id(), 1);
    let fixture = open().await;
    fixture.python("f", &FAMILY.replace("return", "os._exit(1) if event == 'crash' else None; return")).await;
    for _ in 0..5 {
        fixture.invoke("f", "1").await;
        assert!(fixture.invoke("f", "\"crash\"").await.1);
    }
    eventually("every orphan is reaped", || {
        let entries = std::fs::read_dir("/proc").expect("/proc");
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| *pid != 1).count() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_process_1_the_server_reaps_orphans() {
    let namespace = |command: &mut Command| {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let flags = ["--pid", "--fork", "--mount-proc"];
    if !namespace(Command::new("unshare").args(flags).arg("true")) {
        crate::fixture::skipped("no namespaces of processes here");
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--ignored", "--exact", "processes::server_as_process_1"];
    assert!(namespace(Command::new("unshare").args(flags).arg(program).args(arguments)));
}
