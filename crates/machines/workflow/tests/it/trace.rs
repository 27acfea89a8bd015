//! What a trace tells of a step.

use windlass_asl::{Options, parse_definition};
use windlass_value::{Payload, parse};
use windlass_workflow::{
    Budget, Effect, Event, EventKind, Execution, History, Limits, TaskCall, TaskFailure, Trace, World, step_traced,
};

use crate::world::{START, identity, token};

/// Runs until nothing is left to do without the world; tasks answer `{"n":7}` or fail.
fn traced(definition: &str, input: &str, fails: bool) -> Vec<String> {
    let definition = parse_definition(definition, &Options::default());
    let program = definition.machine.unwrap_or_else(|| panic!("{:?}", definition.diagnostics));
    let limits = Limits::default();
    let refusal = |_: &TaskCall| None;
    let world = World { limits: &limits, refusal: &refusal, token: &token };
    let trace = Trace::default();
    let mut execution = Execution::new(identity(Payload::from_text(input).unwrap()));
    let mut pending = vec![EventKind::Start];
    while let Some(kind) = pending.pop() {
        let event = Event { at: START, seed: 1, kind };
        let mut budget = Budget::default();
        let effects = step_traced(&program, &mut execution, &event, &world, &mut History::Off, &mut budget, &trace);
        for effect in effects {
            if let Effect::Call(TaskCall { task, .. }) = effect {
                pending.push(match fails {
                    false => EventKind::TaskSucceeded { task, output: parse(r#"{"n":7}"#).unwrap().into() },
                    true => {
                        let (error, cause) = (Some("E".into()), Some("c".into()));
                        EventKind::TaskFailed { task, error, cause, failure: TaskFailure::Run }
                    }
                });
            }
        }
    }
    let shown = trace.take().into_iter().map(|entry| match entry.value {
        Ok(value) => format!("{} {} = {value}", entry.state, entry.field),
        Err(failure) => format!("{} {}: {}", entry.state, entry.field, failure.error),
    });
    shown.collect()
}

const FUNCTION: &str = r#""Resource":"arn:aws:lambda:us-east-1:123456789012:function:f""#;

#[test]
fn a_jsonpath_state_tells_its_stages_and_its_paths() {
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task",{FUNCTION},"InputPath":"$.a","Parameters":{{"p.$":"$.x"}},
            "ResultSelector":{{"n.$":"$.n"}},"ResultPath":"$.r","OutputPath":"$.r","Assign":{{"v.$":"$.n"}},"End":true}}}}}}"#
    );
    assert_eq!(
        traced(&definition, r#"{"a":{"x":1}}"#, false),
        [
            r#"S InputPath = {"x":1}"#,
            "S Parameters/p = 1",
            r#"S Parameters = {"p":1}"#,
            r#"S Result = {"n":7}"#,
            "S Assign/v = 7",
            "S ResultSelector/n = 7",
            r#"S ResultSelector = {"n":7}"#,
            r#"S ResultPath = {"a":{"x":1},"r":{"n":7}}"#,
            r#"S OutputPath = {"n":7}"#,
            r#"S Variables = {"v":7}"#,
            "S Next = null",
        ]
    );
}

#[test]
fn a_jsonata_state_tells_where_an_expression_failed() {
    let definition = r#"{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Pass",
        "Output":{"a":["{% 1+1 %}","{% $states.input.none %}"]},"End":true}}}"#;
    let told = traced(definition, "{}", false);
    let failed = "States.QueryEvaluationError";
    assert_eq!(
        told[..3],
        ["S Output/a[0] = 2".to_owned(), format!("S Output/a[1]: {failed}"), format!("S Output: {failed}")]
    );
    assert!(told[3].starts_with(r#"S Error = {"Error":"States.QueryEvaluationError","Cause":"#), "{told:?}");
    assert_eq!(told.len(), 4);
}

#[test]
fn a_failure_tells_which_retrier_and_catcher_answered() {
    let definition = format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task",{FUNCTION},
            "Retry":[{{"ErrorEquals":["Other"]}},{{"ErrorEquals":["E"],"MaxAttempts":0}}],
            "Catch":[{{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"T"}}],"End":true}},
            "T":{{"Type":"Succeed"}}}}}}"#
    );
    assert_eq!(
        traced(&definition, "{}", true),
        [
            "S InputPath = {}",
            "S Parameters = {}",
            r#"S Error = {"Error":"E","Cause":"c"}"#,
            r#"S Retry[1] = {"Attempts":0}"#,
            r#"S Catch[0] = {"Error":"E","Cause":"c"}"#,
            r#"S Catch[0]/ResultPath = {"e":{"Error":"E","Cause":"c"}}"#,
            "S Variables = {}",
            r#"S Next = "T""#,
            r#"T InputPath = {"e":{"Error":"E","Cause":"c"}}"#,
            r#"T OutputPath = {"e":{"Error":"E","Cause":"c"}}"#,
            "T Variables = {}",
            "T Next = null",
        ]
    );
}

#[test]
fn a_choice_and_a_map_tell_their_fields() {
    let definition = r#"{"StartAt":"C","States":{
        "C":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.n","NumericEquals":2},
            {"Variable":"$.n","NumericLessThanPath":"$.max"}],"Next":"M"}]},
        "M":{"Type":"Map","ItemsPath":"$.items","ItemSelector":{"i.$":"$$.Map.Item.Index"},"MaxConcurrency":1,
            "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}}}"#;
    let told = traced(definition, r#"{"n":2,"max":3,"items":["a"]}"#, false);
    let wanted = [
        r#"C InputPath = {"n":2,"max":3,"items":["a"]}"#,
        "C Choices[0]/And[0]/Variable = 2",
        "C Choices[0]/And[1]/Variable = 2",
        "C Choices[0]/And[1]/NumericLessThanPath = 3",
        r#"C OutputPath = {"n":2,"max":3,"items":["a"]}"#,
        "C Variables = {}",
        r#"C Next = "M""#,
        r#"M InputPath = {"n":2,"max":3,"items":["a"]}"#,
        r#"M ItemsPath = ["a"]"#,
        "M MaxConcurrency = 1",
        r#"M InputPath = {"n":2,"max":3,"items":["a"]}"#,
        "M ItemSelector/i = 0",
        r#"M ItemSelector[0] = {"i":0}"#,
    ];
    assert_eq!(told[..wanted.len()], wanted);
}
