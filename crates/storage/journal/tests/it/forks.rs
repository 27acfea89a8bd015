//! Executions that go on from another one's past, and looks into any moment.

use windlass_journal::{ForkError, ForkPoint, Forked, JournalConfig, Moment, StartError};
use windlass_value::{Payload, Value, parse};
use windlass_workflow::{Details, EventType, HistoryEvent, Status};

use crate::crashes::{FAULTS, strike};
use crate::world::{World, arn, in_virtual_time, small_turns};

const FUNCTION: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f""#;

fn definition() -> String {
    format!(
        r#"{{"QueryLanguage":"JSONata","StartAt":"A","States":{{
        "A":{{"Type":"Pass","Assign":{{"x":"{{% $states.input.n * 2 %}}"}},"Next":"P"}},
        "P":{{"Type":"Parallel","Next":"T","Output":"{{% $states.result[0] %}}","Branches":[
            {{"StartAt":"B","States":{{"B":{{"Type":"Pass","Output":"{{% {{'sum': $states.input.n + $x}} %}}","End":true}}}}}},
            {{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":3,"End":true}}}}}}]}},
        "T":{{{FUNCTION},"Arguments":"{{% {{'doubled': $states.input.sum * 2, 'id': $states.context.Execution.Name}} %}}","Output":"{{% $states.result %}}","End":true}}}}}}"#
    )
}

/// The event that entered a state.
fn entered(events: &[HistoryEvent], state: &str) -> u64 {
    let of_state =
        |event: &&HistoryEvent| matches!(&event.details, Details::StateEntered { name, .. } if **name == *state);
    events.iter().find(of_state).map(|event| event.id).expect("the state was entered")
}

async fn fork(
    world: &World,
    origin: &str,
    name: &str,
    definition: &str,
    point: ForkPoint,
) -> Result<Forked, ForkError> {
    let record = world.record(origin).expect("the origin");
    world.journal.fork(&record, world.new_execution(name, definition, "null"), point).await
}

fn at(event_id: u64) -> ForkPoint {
    ForkPoint { event_id, input: None, variables: None }
}

fn payload(text: &str) -> Option<Payload> {
    Some(Payload::from_text(text).expect("JSON"))
}

async fn output(world: &World, name: &str) -> Value {
    let record = world.closed(name).await;
    assert_eq!(record.status, Status::Succeeded, "{:?} {:?}", record.cause, world.history(name));
    world.journal.output(&record).expect("the output reads").expect("an output").value().clone()
}

#[test]
fn a_fork_goes_on_from_any_event_and_has_the_past_up_to_there() {
    in_virtual_time(async {
        for config in [JournalConfig::default(), small_turns()] {
            let mut world = World::new(config, true).await;
            world.start("e", &definition(), r#"{"n":1}"#).await.expect("it starts");
            assert_eq!(output(&world, "e").await, parse(r#"{"doubled":6,"id":"e"}"#).unwrap());
            let past = world.history("e");
            for event in &past {
                let name = format!("of-{}", event.id);
                let forked = fork(&world, "e", &name, &definition(), at(event.id)).await;
                let Ok(forked) = forked else {
                    // Where a branch or the execution ends nothing follows.
                    let left = event.event_type.name().ends_with("StateExited");
                    assert!(left, "{event:?} {:?}", forked.err());
                    continue;
                };
                assert_eq!(output(&world, &name).await["doubled"], Value::from(6), "{name}");
                assert_eq!(output(&world, &name).await["id"], Value::from(&*name));
                let events = world.history(&name);
                for (index, (copy, original)) in
                    events.iter().zip(&past).take(forked.copied_events as usize).enumerate()
                {
                    assert_eq!(format!("{copy:?}"), format!("{original:?}"), "event {index} of {name}");
                }
                for (index, event) in events.iter().enumerate() {
                    assert_eq!(event.id, index as u64 + 1);
                }
                assert_eq!(world.journal.input(&world.record(&name).unwrap()).unwrap().value()["n"], Value::from(1));
            }
            world.check_quiet().await;
            assert_eq!(world.history("of-2").len(), past.len(), "a whole run");
        }
    });
}

#[test]
fn a_fork_takes_another_input_other_variables_and_another_definition() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", &definition(), r#"{"n":1}"#).await.expect("it starts");
        output(&world, "e").await;
        let past = world.history("e");
        let point = ForkPoint { event_id: entered(&past, "T"), input: payload(r#"{"sum":50}"#), variables: None };
        fork(&world, "e", "input", &definition(), point).await.expect("it is forked");
        assert_eq!(output(&world, "input").await["doubled"], Value::from(100));
        let point = ForkPoint { event_id: entered(&past, "P"), input: None, variables: payload(r#"{"x":10}"#) };
        fork(&world, "e", "variables", &definition(), point).await.expect("it is forked");
        assert_eq!(output(&world, "variables").await["doubled"], Value::from(22));
        let other = definition().replace("sum * 2", "sum * 3");
        fork(&world, "e", "definition", &other, at(entered(&past, "T"))).await.expect("it is forked");
        assert_eq!(output(&world, "definition").await["doubled"], Value::from(9));
        // A fork of a fork, within what was copied and beyond it, after a restart.
        world.restart().await;
        fork(&world, "definition", "again", &other, at(entered(&past, "T"))).await.expect("it is forked");
        assert_eq!(output(&world, "again").await["doubled"], Value::from(9));
        fork(&world, "again", "within", &definition(), at(entered(&past, "B"))).await.expect("it is forked");
        assert_eq!(output(&world, "within").await["doubled"], Value::from(6));
        let renamed = definition().replace("\"B\"", "\"Renamed\"");
        let refused = fork(&world, "e", "renamed", &renamed, at(entered(&past, "B"))).await;
        assert!(matches!(refused, Err(ForkError::Definition(_))), "{refused:?}");
        let refused = fork(&world, "e", "late", &definition(), at(1_000)).await;
        assert!(matches!(refused, Err(ForkError::NoSuchEvent(1_000))), "{refused:?}");
    });
}

#[test]
fn a_fork_is_there_whole_or_not_at_all() {
    for fault in FAULTS {
        for late in [false, true] {
            in_virtual_time(async {
                let mut world = World::new(JournalConfig::default(), true).await;
                world.start("e", &definition(), r#"{"n":1}"#).await.expect("it starts");
                output(&world, "e").await;
                let event = entered(&world.history("e"), if late { "T" } else { "A" });
                world.faults.pause_syncs();
                let (journal, origin) = (world.journal.clone(), world.record("e").expect("the origin"));
                let new = world.new_execution("f", &definition(), "null");
                let forking = tokio::spawn(async move { journal.fork(&origin, new, at(event)).await });
                while world.faults.unsynced() == 0 {
                    world.moment().await;
                }
                strike(&mut world, fault).await;
                world.faults.release_syncs();
                let acknowledged = forking.await.expect("the fork does not panic").is_ok();
                assert!(!acknowledged || world.record("f").is_some(), "{fault:?}: an acknowledged fork is lost");
                match fork(&world, "e", "f", &definition(), at(event)).await {
                    Ok(_) | Err(ForkError::Start(StartError::Exists(_))) => {}
                    Err(error) => panic!("{fault:?}: {error}"),
                }
                // The call of its task may have been cut off.
                let record = world.closed("f").await;
                if record.status == Status::Failed {
                    world.journal.redrive(&arn("f"), Default::default()).await.expect("it is redriven");
                }
                assert_eq!(output(&world, "f").await["doubled"], Value::from(6), "{fault:?}");
                world.check_quiet().await;
            });
        }
    }
}

#[test]
fn a_fork_of_what_runs_leaves_its_origin_alone() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        world.start("e", &definition(), r#"{"n":1}"#).await.expect("it starts");
        let events = world.history("e");
        fork(&world, "e", "early", &definition(), at(entered(&events, "W"))).await.expect("it is forked");
        assert_eq!(output(&world, "e").await["doubled"], Value::from(6));
        assert_eq!(output(&world, "early").await["doubled"], Value::from(6));
    });
}

fn look(world: &World, name: &str, event_id: u64) -> Moment {
    let record = world.record(name).expect("it is there");
    world.journal.moment(&record, event_id).expect("it is recomputed").expect("an event")
}

#[test]
fn any_event_tells_what_its_state_saw_and_evaluated() {
    in_virtual_time(async {
        for config in [JournalConfig::default(), small_turns()] {
            let world = World::new(config, true).await;
            world.start("e", &definition(), r#"{"n":1}"#).await.expect("it starts");
            output(&world, "e").await;
            let events = world.history("e");
            for event in &events {
                let moment = look(&world, "e", event.id);
                assert_eq!(moment.event.id, event.id);
                let of_execution = event.event_type.name().starts_with("Execution");
                assert_eq!(moment.state.is_none(), of_execution && event.id == 1, "{event:?}");
            }
            let last = events.iter().rfind(|event| event.event_type == EventType::TaskStateExited);
            let state = look(&world, "e", last.expect("the task ended").id).state.expect("a state");
            assert_eq!((&*state.name, state.entered_event_id), ("T", entered(&events, "T")));
            assert_eq!(*state.input.value(), parse(r#"{"sum":3}"#).unwrap());
            assert_eq!(Value::from(state.variables), parse(r#"{"x":2}"#).unwrap());
            assert_eq!(state.context["State"]["Name"], Value::from("T"));
            let field = |name: &str| {
                let found = state.evaluated.iter().find(|evaluated| evaluated.field == name);
                found.unwrap_or_else(|| panic!("{name}: {:?}", state.evaluated)).value.clone().expect("a value")
            };
            assert_eq!(field("Arguments"), parse(r#"{"doubled":6,"id":"e"}"#).unwrap());
            assert_eq!(field("Output"), parse(r#"{"doubled":6,"id":"e"}"#).unwrap());
            let nested = look(&world, "e", entered(&events, "B")).state.expect("a state");
            assert_eq!(nested.within.len(), 1);
            assert_eq!((&*nested.within[0].0, nested.within[0].1), ("P", 0));
            let record = world.record("e").expect("it is there");
            assert!(world.journal.moment(&record, events.len() as u64 + 1).expect("it reads").is_none());
            // Also of what a fork copied.
            fork(&world, "e", "f", &definition(), at(entered(&events, "T"))).await.expect("it is forked");
            output(&world, "f").await;
            let copied = look(&world, "f", entered(&events, "B")).state.expect("a state");
            assert_eq!(copied.input.value(), nested.input.value());
            assert_eq!(copied.context["Execution"]["Id"], Value::from(arn("e")), "whose it was then");
            let last = entered(&events, "T");
            let own = look(&world, "f", last).state.expect("a state");
            assert_eq!(own.context["Execution"]["Id"], Value::from(arn("f")));
            // A fork of the fork, from what the fork copied; its past names the first one.
            let scheduled = last + 1;
            fork(&world, "e", "g", &definition(), at(scheduled)).await.expect("it is forked");
            fork(&world, "g", "h", &definition(), at(last)).await.expect("it is forked");
            output(&world, "h").await;
            for event in world.history("h") {
                look(&world, "h", event.id);
            }
            let first = look(&world, "h", 2).state.expect("a state");
            assert_eq!(first.context["Execution"]["Name"], Value::from("e"));
        }
    });
}

#[test]
fn what_failed_and_was_redriven_can_be_looked_into() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        let definition = format!(
            r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[
                {{"StartAt":"Once","States":{{"Once":{{{FUNCTION},"Parameters":{{"got.$":"$.n"}},"End":true}}}}}},
                {{"StartAt":"W","States":{{"W":{{"Type":"Wait","SecondsPath":"$.n","End":true}}}}}}]}}}}}}"#
        );
        world.start("e", &definition, r#"{"n":1}"#).await.expect("it starts");
        assert_eq!(world.closed("e").await.status, Status::Failed);
        world.journal.redrive(&arn("e"), Default::default()).await.expect("it is redriven");
        assert_eq!(world.closed("e").await.status, Status::Succeeded);
        for event in world.history("e") {
            let moment = look(&world, "e", event.id);
            let name = moment.state.as_ref().map(|state| &*state.name);
            match event.event_type {
                EventType::LambdaFunctionScheduled | EventType::LambdaFunctionFailed => {
                    assert_eq!(name, Some("Once"), "{event:?}");
                }
                EventType::WaitStateExited | EventType::WaitStateAborted => assert_eq!(name, Some("W"), "{event:?}"),
                _ => {}
            }
        }
    });
}
