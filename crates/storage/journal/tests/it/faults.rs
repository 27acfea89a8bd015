//! Single rules of the journal.

use std::time::Duration;

use windlass_journal::{
    Answer, ExecutionQuery, ExecutionsOf, HistoryQuery, JournalConfig, Qualifiers, StartError, TokenError,
};
use windlass_value::Payload;
use windlass_workflow::{EventType, Status};

use crate::world::{World, arn, in_virtual_time};

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const HOUR: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":3600,"End":true}}}"#;
const ACTIVITY: &str = r#"{"StartAt":"Silent","States":{"Silent":{"Type":"Task","HeartbeatSeconds":10,"Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}"#;

async fn pass_time(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn one_name_starts_one_execution() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let (first, second) = tokio::join!(world.start("e", HOUR, "1"), world.start("e", HOUR, "2"));
        let exists = [&first, &second].iter().filter(|outcome| matches!(outcome, Err(StartError::Exists(_)))).count();
        assert_eq!((exists, first.is_ok() || second.is_ok()), (1, true));
        let Err(StartError::Exists(record)) = world.start("e", PASS, "3").await else { panic!("started again") };
        assert_eq!((&*record.name, record.status), ("e", Status::Running));
        world.start("f", PASS, "1").await.expect("another name");
        assert!(
            matches!(world.start("f", PASS, "1").await, Err(StartError::Exists(record)) if record.status == Status::Succeeded)
        );
    });
}

#[test]
fn executions_that_end_at_once_do_not_count_as_open() {
    in_virtual_time(async {
        let config = JournalConfig { open_executions_max: 1, ..JournalConfig::default() };
        let mut world = World::new(config, true).await;
        for name in ["a", "b", "c"] {
            world.start(name, PASS, "1").await.expect("nothing is open");
        }
        world.start("long", HOUR, "1").await.expect("nothing is open");
        assert!(matches!(world.start("d", PASS, "1").await, Err(StartError::TooManyOpen(1))));
        world.restart().await;
        assert!(matches!(world.start("d", PASS, "1").await, Err(StartError::TooManyOpen(1))));
        world.journal.stop(&arn("long"), None, None).await.expect("it stops");
        world.start("d", PASS, "1").await.expect("nothing is open");
    });
}

#[test]
fn a_wait_of_a_year_survives_a_restart() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", &HOUR.replace("3600", "31536000"), r#"{"x": 1}"#).await.expect("it starts");
        world.moment().await;
        let stats = world.journal.stats();
        assert_eq!((stats.live, stats.timers), (0, 0), "what waits for a year is not in memory");
        world.clock.move_ahead(31_535_000_000);
        assert_eq!(world.restart().await, 0);
        pass_time(60).await;
        assert_eq!(world.record("e").unwrap().status, Status::Running);
        pass_time(1_000).await;
        let record = world.record("e").unwrap();
        assert_eq!(record.status, Status::Succeeded);
        assert_eq!(&**world.journal.input(&record).unwrap().text(), r#"{"x": 1}"#);
        let exited = &world.history("e")[2];
        let late = exited.at.as_ms() - record.started_at.as_ms() - 31_536_000_000;
        assert!((0..=1_000).contains(&late), "{late} ms late");
        world.check_quiet().await;
    });
}

#[test]
fn a_clock_set_forward_wakes_who_is_due() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        world.start("e", HOUR, "1").await.expect("it starts");
        pass_time(1).await;
        world.clock.move_ahead(3_600_000);
        pass_time(31).await;
        assert_eq!(world.record("e").unwrap().status, Status::Succeeded);
    });
}

#[test]
fn a_restart_grants_one_interval_of_heartbeats() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", ACTIVITY, "1").await.expect("it starts");
        world.moment().await;
        let (_, task) = world.outside.lock().sent.keys().next().cloned().expect("a worker took it");
        let token = seal(&world, task);
        for _ in 0..3 {
            pass_time(8).await;
            world.journal.answer(&token, Answer::Heartbeat).await.expect("it beats");
        }
        pass_time(5).await;
        world.restart().await;
        pass_time(9).await;
        assert_eq!(world.record("e").unwrap().status, Status::Running, "a restart counts as a beat");
        pass_time(2).await;
        let record = world.record("e").unwrap();
        assert_eq!((record.status, record.error.as_deref()), (Status::Failed, Some("States.Timeout")));
        assert_eq!(world.journal.answer(&token, Answer::Heartbeat).await, Err(TokenError::TimedOut));
    });
}

#[test]
fn a_restart_grants_one_interval_to_heartbeats_that_are_far_off() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let definition = ACTIVITY.replace(r#""HeartbeatSeconds":10,"#, r#""HeartbeatSeconds":7200,"#);
        world.start("e", &definition, "1").await.expect("it starts");
        world.moment().await;
        let (_, task) = world.outside.lock().sent.keys().next().cloned().expect("a worker took it");
        let token = seal(&world, task);
        pass_time(3_900).await;
        world.journal.answer(&token, Answer::Heartbeat).await.expect("it beats");
        // The row says 7,200 s after the start; it comes near only after the restart.
        pass_time(2_700).await;
        world.restart().await;
        pass_time(7_100).await;
        assert_eq!(world.record("e").unwrap().status, Status::Running, "a restart counts as a beat");
        pass_time(200).await;
        assert_eq!(world.record("e").unwrap().status, Status::Failed);
    });
}

#[test]
fn what_comes_while_a_name_is_refused_reaches_its_execution() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let definition = ACTIVITY.replace(r#""HeartbeatSeconds":10,"#, "");
        world.start("e", &definition, "1").await.expect("it starts");
        world.moment().await;
        assert_eq!(world.journal.stats().live, 0, "it is parked");
        let (_, task) = world.outside.lock().sent.keys().next().cloned().expect("a worker took it");
        let token = seal(&world, task);
        world.faults.pause_syncs();
        let again = {
            let (journal, new) = (world.journal.clone(), world.new_execution("e", &definition, "1"));
            tokio::spawn(async move { journal.start(new).await })
        };
        world.moment().await;
        let answered = {
            let journal = world.journal.clone();
            tokio::spawn(async move { journal.answer(&token, Answer::Success(Payload::from_text("2").unwrap())).await })
        };
        world.moment().await;
        world.faults.release_syncs();
        assert!(matches!(again.await.unwrap(), Err(StartError::Exists(_))));
        assert_eq!(answered.await.unwrap(), Ok(()), "the answer was meant for the execution that is there");
        assert_eq!(world.closed("e").await.status, Status::Succeeded);
    });
}

/// The token of a task, from the one place that hands it out.
fn seal(world: &World, task: windlass_workflow::TaskId) -> String {
    let outside = world.outside.lock();
    outside.seen.get(&task).cloned().expect("the task was offered with a token")
}

#[test]
fn tokens_are_known_after_a_restart_and_to_nobody_else() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", &ACTIVITY.replace(r#""HeartbeatSeconds":10,"#, ""), "1").await.expect("it starts");
        world.moment().await;
        assert_eq!(world.journal.stats().live, 0, "an activity's worker is waited for in the store");
        let (_, task) = world.outside.lock().sent.keys().next().cloned().unwrap();
        let token = seal(&world, task);
        let success = || Answer::Success(Payload::from_text("2").unwrap());
        world.restart().await;
        assert_eq!(world.journal.answer("nonsense", success()).await, Err(TokenError::Invalid));
        let forged = format!("{}A", &token[..token.len() - 1]);
        if forged != token {
            assert_eq!(world.journal.answer(&forged, success()).await, Err(TokenError::Invalid));
        }
        assert_eq!(world.journal.answer(&token, success()).await, Ok(()));
        assert_eq!(world.journal.answer(&token, success()).await, Err(TokenError::TimedOut));
        let record = world.record("e").unwrap();
        assert_eq!(world.journal.output(&record).unwrap().map(|output| output.text().to_string()), Some("2".into()));
    });
}

#[test]
fn a_timer_behind_a_refused_turn_is_not_lost() {
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"X","States":{"X":{"Type":"Wait","Seconds":1,"End":true}}},
        {"StartAt":"Y","States":{"Y":{"Type":"Wait","Seconds":2,"End":true}}}]}}}"#;
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", definition, "1").await.expect("it starts");
        world.faults.pause_syncs();
        pass_time(4).await;
        assert_eq!(world.faults.unsynced(), 1, "the second timer waits behind the first one's turn");
        world.faults.refuse_next_sync("the disk is full");
        world.faults.release_syncs();
        let record = world.closed("e").await;
        assert_eq!(record.status, Status::Succeeded);
        world.check_quiet().await;
    });
}

#[test]
fn history_is_read_in_pages_both_ways() {
    let definition = r#"{"StartAt":"C","States":{
        "C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":30,"Next":"S"}],"Default":"W"},
        "W":{"Type":"Wait","Seconds":1,"Next":"D"},
        "D":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"C"},"S":{"Type":"Succeed"}}}"#;
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        world.start("e", definition, r#"{"n":0}"#).await.expect("it starts");
        world.closed("e").await;
        let all = world.history("e");
        assert_eq!(all.len(), 1 + 31 * 2 + 30 * 4 + 2 + 1);
        for (reverse, limit) in [(false, 7), (true, 7), (false, 1), (true, 1), (true, 1_000)] {
            let mut after: Option<String> = None;
            let mut ids = Vec::new();
            loop {
                let query = HistoryQuery { reverse, after: after.as_deref(), limit };
                let (events, next) = world.journal.history(&arn("e"), query).expect("a page");
                assert!(events.len() <= limit);
                ids.extend(events.iter().map(|event| event.id));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            let mut expected: Vec<u64> = (1..=all.len() as u64).collect();
            if reverse {
                expected.reverse();
            }
            assert_eq!(ids, expected, "reverse {reverse} limit {limit}");
        }
    });
}

#[test]
fn retention_removes_what_closed_and_nothing_else() {
    in_virtual_time(async {
        let config = JournalConfig { retention_ms: 60_000, ..JournalConfig::default() };
        let world = World::new(config, true).await;
        world.start("done", PASS, "1").await.expect("it starts");
        world.start("long", HOUR, "1").await.expect("it starts");
        pass_time(30).await;
        world.start("new", PASS, "1").await.expect("it starts");
        pass_time(70).await;
        assert!(world.record("done").is_none(), "what closed long ago is gone");
        assert!(world.history("done").is_empty());
        assert_eq!(world.record("long").map(|record| record.status), Some(Status::Running));
        pass_time(3_600 - 95).await;
        assert_eq!(world.record("long").map(|record| record.status), Some(Status::Succeeded));
        world.start("done", PASS, "2").await.expect("the name is free again");
    });
}

#[test]
fn stop_ends_what_runs_and_leaves_what_ended() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", HOUR, "1").await.expect("it starts");
        world.start("f", PASS, "1").await.expect("it starts");
        let stopped = world.journal.stop(&arn("e"), Some("E".into()), None).await.unwrap().unwrap();
        assert_eq!((stopped.status, stopped.error.as_deref(), stopped.cause), (Status::Aborted, Some("E"), None));
        let left = world.journal.stop(&arn("f"), None, None).await.unwrap().unwrap();
        assert_eq!(left.status, Status::Succeeded);
        assert!(world.journal.stop(&arn("absent"), None, None).await.unwrap().is_none());
        assert_eq!(world.history("e").last().unwrap().event_type, EventType::ExecutionAborted);
        world.check_quiet().await;
    });
}

const VERSION: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m:1";
const ALIAS: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m:live";

#[test]
fn lists_by_machine_version_alias_and_status_newest_first() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        for at in 0..9 {
            let mut new = world.new_execution(&format!("e{at}"), if at % 3 == 0 { HOUR } else { PASS }, "1");
            new.qualifiers = Qualifiers {
                version_arn: (at >= 3).then(|| VERSION.into()),
                alias_arn: (at >= 6).then(|| ALIAS.into()),
            };
            world.journal.start(new).await.expect("it starts");
            pass_time(1).await;
        }
        // The first three as they are, then three through a version, then three through an alias.
        let names = |of: ExecutionsOf<'_>, status: Option<Status>| {
            let (mut after, mut names) = (None::<String>, Vec::new());
            loop {
                let query = ExecutionQuery { of, status, after: after.as_deref(), limit: 2 };
                let (records, next) = world.journal.list(query).expect("a page");
                names.extend(records.iter().map(|record| record.name.to_string()));
                after = next;
                if after.is_none() {
                    return names;
                }
            }
        };
        let machine = ExecutionsOf::Machine("arn:aws:states:us-east-1:123456789012:stateMachine:m");
        let (version, alias) = (ExecutionsOf::Version(VERSION), ExecutionsOf::Alias(ALIAS));
        assert_eq!(names(machine, None), ["e8", "e7", "e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
        assert_eq!(names(machine, Some(Status::Running)), ["e6", "e3", "e0"]);
        assert_eq!(names(machine, Some(Status::Failed)), Vec::<String>::new());
        assert_eq!(names(version, None), ["e8", "e7", "e6", "e5", "e4", "e3"]);
        assert_eq!(names(version, Some(Status::Running)), ["e6", "e3"]);
        assert_eq!(names(alias, None), ["e8", "e7", "e6"]);
        assert_eq!(names(alias, Some(Status::Succeeded)), ["e8", "e7"]);
        assert_eq!(names(ExecutionsOf::Alias(VERSION), None), Vec::<String>::new());
    });
}

#[test]
fn an_asynchronous_express_execution_runs_at_least_once() {
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":5,"Next":"B"},"B":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let mut new = world.new_execution("x", definition, "1");
        new.identity.express = true;
        world.journal.start_express(new).await.expect("it starts");
        pass_time(1).await;
        world.faults.crash();
        assert_eq!(world.restart().await, 1);
        pass_time(20).await;
        assert!(!world.outside.lock().sent.is_empty(), "it ran again");
        world.check_quiet().await;
        let outcome = world.journal.run_express(world.new_execution("y", definition, r#"{"k":1}"#), true).await;
        assert_eq!((outcome.status, outcome.events.len()), (Status::Succeeded, 9));
    });
}

#[test]
fn a_map_may_begin_with_more_than_a_batch_holds() {
    // Each of the 280 iterations gets 250 KB of its own: 70 MB.
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1000,"ResultPath":null,"End":true,"ItemsPath":"$.i",
        "ItemSelector":{"v.$":"$.v","n.$":"$$.Map.Item.Value"},
        "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Wait","Seconds":5,"Next":"S"},"S":{"Type":"Pass","Result":1,"End":true}}}}}}"#;
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let items: Vec<String> = (0..280).map(|at| at.to_string()).collect();
        let input = format!(r#"{{"i":[{}],"v":"{}"}}"#, items.join(","), "x".repeat(250_000));
        world.start("e", definition, &input).await.expect("it starts");
        pass_time(2).await;
        assert_eq!(
            world.history("e").iter().filter(|event| event.event_type == EventType::WaitStateEntered).count(),
            280
        );
        world.restart().await;
        assert_eq!(world.closed("e").await.status, Status::Succeeded);
        world.check_quiet().await;
    });
}

#[test]
fn many_large_results_at_once_are_stored() {
    // Two hundred results of 250 KB would be 50 MB in one batch, and as much again as states' outputs.
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":200,"ResultPath":null,"End":true,"ItemsPath":"$.i",
        "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Parameters":{"v.$":"$$.Execution.Input.v","n.$":"$"},"End":true}}}}}}"#;
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        let items: Vec<String> = (0..200).map(|at| at.to_string()).collect();
        let input = format!(r#"{{"i":[{}],"v":"{}"}}"#, items.join(","), "x".repeat(250_000));
        world.start("e", definition, &input).await.expect("it starts");
        let record = world.closed("e").await;
        assert_eq!(record.status, Status::Succeeded);
        world.check_quiet().await;
    });
}
