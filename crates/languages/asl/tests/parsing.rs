//! Definitions and what is said about them. The rows are in `definitions/`.

use windlass_asl::{
    Definition, Diagnostic, Options, Severity, StateKind, WorkflowType, invalid_definition_message, load_definition,
    parse_definition, parse_state,
};
use windlass_value::{Value, object, parse};

const EXPRESS: Options = Options { workflow_type: WorkflowType::Express };
const STANDARD: Options = Options { workflow_type: WorkflowType::Standard };

fn rows(text: &str) -> Vec<Value> {
    parse(text).unwrap().as_array().unwrap().to_vec()
}

fn written(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
    };
    let mut row = windlass_value::Object::new();
    row.insert("severity", severity);
    row.insert("code", diagnostic.code);
    row.insert("message", diagnostic.message.as_str());
    if let Some(location) = &diagnostic.location {
        row.insert("location", location.as_str());
    }
    row.insert("pointer", diagnostic.pointer.as_str());
    row.insert("line", diagnostic.start.line);
    row.insert("column", diagnostic.start.column);
    if let Some(help) = &diagnostic.help {
        row.insert("help", help.as_str());
    }
    Value::from(row)
}

#[test]
fn every_rule_says_what_where_and_at_which_line() {
    let rows = rows(include_str!("definitions/diagnostics.json"));
    assert!(rows.len() > 250);
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        let text = row["text"].as_str().map_or_else(|| row["definition"].to_pretty(), str::to_owned);
        let options = if row["workflowType"].as_str() == Some("EXPRESS") { EXPRESS } else { STANDARD };
        let definition = parse_definition(&text, &options);
        let found = Value::array(definition.diagnostics.iter().map(written).collect());
        assert_eq!(found.to_pretty(), row["diagnostics"].to_pretty(), "{name}:\n{text}");
        let refused = definition.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        assert_eq!(definition.machine.is_none(), refused, "{name}");
        for diagnostic in &definition.diagnostics {
            assert!(text.get(diagnostic.span.start..diagnostic.span.end).is_some(), "{name}");
            assert!(diagnostic.start <= diagnostic.end, "{name}");
        }
    }
}

/// A state of the type that is as small as may be, in the language.
fn smallest(state_type: &str) -> Value {
    let pass = object! { "StartAt" => "P", "States" => object! { "P" => object! { "Type" => "Pass", "End" => true } } };
    match state_type {
        "Task" => object! {
            "Type" => state_type, "Resource" => "arn:aws:lambda:us-east-1:111122223333:function:f", "Next" => "Z",
        },
        "Choice" => object! { "Type" => state_type, "Choices" => Value::array(Vec::new()), "Default" => "Z" },
        "Wait" => object! { "Type" => state_type, "Seconds" => 1, "Next" => "Z" },
        "Parallel" => object! { "Type" => state_type, "Branches" => Value::array(vec![pass]), "Next" => "Z" },
        "Map" => object! { "Type" => state_type, "ItemProcessor" => pass, "Next" => "Z" },
        "Pass" => object! { "Type" => state_type, "Next" => "Z" },
        _ => object! { "Type" => state_type },
    }
}

#[test]
fn every_field_is_allowed_on_its_state_types_and_languages_only() {
    let mut checked = 0;
    for row in rows(include_str!("definitions/fields.json")) {
        let field = row["field"].as_str().unwrap();
        for state_type in ["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"] {
            for language in ["JSONPath", "JSONata"] {
                let mut state = smallest(state_type).as_object().unwrap().as_ref().clone();
                state.insert(field, &row["value"]);
                let definition = object! {
                    "QueryLanguage" => language,
                    "StartAt" => "X",
                    "States" => object! { "X" => state, "Z" => object! { "Type" => "Succeed" } },
                };
                let found = parse_definition(&definition.to_text(), &STANDARD);
                let about: Vec<&str> = found
                    .diagnostics
                    .iter()
                    .filter(|found| found.location.as_deref() == Some("/States/X"))
                    .map(|found| found.message.as_str())
                    .filter(|message| message.contains(&format!("ield '{field}' is ")))
                    .collect();
                let expected = match row["on"][state_type].as_str() {
                    None => vec![format!("Field '{field}' is not supported")],
                    Some("both") => vec![],
                    Some(only) if only == language => vec![],
                    Some(only) => vec![format!(
                        "The QueryLanguage is set to '{language}', but field '{field}' is only supported for the '{only}' QueryLanguage"
                    )],
                };
                assert_eq!(about, expected, "{field} on {state_type} in {language}");
                checked += 1;
            }
        }
    }
    assert!(checked > 700);
}

fn references(definition: &Definition) -> Vec<(String, Vec<String>)> {
    let plain = |(state, names): &(windlass_value::Text, Vec<windlass_value::Text>)| {
        (state.to_string(), names.iter().map(ToString::to_string).collect())
    };
    definition.variable_references.iter().map(plain).collect()
}

#[test]
fn variable_references_are_what_each_state_reads() {
    for row in rows(include_str!("definitions/variables.json")) {
        let definition = parse_definition(&row["definition"].to_text(), &STANDARD);
        assert!(definition.machine.is_some(), "{}: {:?}", row["name"], definition.diagnostics);
        let expected: Vec<(String, Vec<String>)> = row["references"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(state, names)| {
                let names = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
                (state.to_string(), names)
            })
            .collect();
        assert_eq!(references(&definition), expected, "{}", row["name"]);
    }
}

#[test]
fn the_refusal_joins_all_errors_and_leaves_out_warnings() {
    let text = r#"{"StartAt":"a","x-team":1,"States":{"a":{"Type":"Pass","Next":"c"},"b":{"Type":"Pass","Next":"a"}}}"#;
    assert_eq!(
        invalid_definition_message(&parse_definition(text, &STANDARD).diagnostics),
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next, \
         MISSING_END_STATE: Workflow has no terminal state at null'"
    );
}

#[test]
fn what_was_once_accepted_loads_whatever_the_rules_say_now() {
    for text in [
        r#"{"StartAt":"A","Fancy":1,"States":{"A":{"Type":"Pass","Next":"Gone","Colour":1},"B":{"Type":"Succeed"}}}"#,
        r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::new:call","End":true}}}"#,
        r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":-1,"End":true}}}"#,
        r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":0,"Retry":[{"ErrorEquals":[],"IntervalSeconds":-1}],"End":true}}}"#,
    ] {
        assert!(parse_definition(text, &STANDARD).machine.is_none(), "{text}");
        assert!(load_definition(text).is_ok(), "{text}");
    }
    for text in ["", "[]", "{}", r#"{"StartAt":"A","States":{"A":{"Type":"Nap"}}}"#] {
        assert!(load_definition(text).is_err(), "{text}");
    }
}

#[test]
fn one_state_is_read_without_its_surroundings() {
    let read = parse_state(
        r#"{"Type":"Choice","Choices":[{"Variable":"$v","IsNull":true,"Next":"Elsewhere"}]}"#,
        "S",
        &STANDARD,
    );
    assert_eq!(read.diagnostics, []);
    let state = read.state.unwrap();
    assert_eq!((&*state.name, state.kind.name()), ("S", "Choice"));
    assert_eq!(read.variable_references, [("S".into(), vec!["v".into()])]);
    let refused = parse_state(r#"{"Type":"Paas"}"#, "S", &STANDARD);
    assert!(refused.state.is_none());
    assert_eq!(refused.diagnostics[0].location.as_deref(), Some("/Type"));
}

#[test]
fn states_are_found_at_any_depth() {
    let text = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"M","States":
        {"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Succeed"}}}}}}]}}}"#;
    let machine = parse_definition(text, &STANDARD).machine.unwrap();
    assert!(matches!(machine.find("I").map(|state| &state.kind), Some(StateKind::Succeed)));
    assert!(machine.find("Q").is_none());
}

fn nested_parallels(depth: usize) -> String {
    let mut text = r#"{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}"#.to_owned();
    for level in 0..depth {
        text = format!(
            r#"{{"StartAt":"P{level}","States":{{"P{level}":{{"Type":"Parallel","End":true,"Branches":[{text}]}}}}}}"#
        );
    }
    text
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let pass = |parameters: String| {
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","Result":{parameters},"Parameters":{parameters},"End":true}}}}}}"#
        )
    };
    let choice = |depth: usize| {
        let rule = r#""Not":{"#.repeat(depth) + r#""Variable":"$.x","IsNull":true"# + &"}".repeat(depth);
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{"Type":"Choice","Choices":[{{"Next":"B",{rule}}}]}},"B":{{"Type":"Succeed"}}}}}}"#
        )
    };
    for (text, code) in [
        (nested_parallels(39), None),
        (nested_parallels(40), Some("TOO_DEEPLY_NESTED")),
        (nested_parallels(240), Some("TOO_DEEPLY_NESTED")),
        (nested_parallels(400), Some("INVALID_JSON_DESCRIPTION")),
        (choice(100), None),
        (choice(101), Some("TOO_DEEPLY_NESTED")),
        (choice(980), Some("TOO_DEEPLY_NESTED")),
        (pass(deep("[", "]", 300)), None),
        (pass(deep("[", "]", 990)), Some("TOO_DEEPLY_NESTED")),
        (pass(deep("[", "]", 1001)), Some("INVALID_JSON_DESCRIPTION")),
        (deep("{\"a\":", "}", 100_000), Some("INVALID_JSON_DESCRIPTION")),
    ] {
        let found = parse_definition(&text, &STANDARD);
        let errors: Vec<&str> = found.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(errors.first().copied(), code, "{}", &text[..60.min(text.len())]);
        let _ = load_definition(&text);
    }
}

#[test]
fn a_mebibyte_of_mistakes_stays_bounded() {
    let states: String =
        (0..9000).map(|index| format!(r#""s{index}":{{"Type":"Pass","Next":"t{index}","Foo":1}},"#)).collect();
    let text = format!(r#"{{"StartAt":"s0","States":{{{states}"end":{{"Type":"Succeed"}}}}}}"#);
    let found = parse_definition(&text, &STANDARD);
    assert_eq!(found.diagnostics.len(), 1000);
    assert!(found.machine.is_none());

    let name = "n".repeat(100_000);
    let members: Vec<String> = (0..20_000).map(|index| format!(r#""a{index}.$":1"#)).collect();
    let text = format!(
        r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","End":true,"Parameters":{{"{name}":{{"{name}":{{{}}}}}}}}}}}}}"#,
        members.join(",")
    );
    let found = parse_definition(&text, &STANDARD);
    let bytes: usize = found.diagnostics.iter().map(|found| found.pointer.len() + found.message.len()).sum();
    assert!(found.machine.is_none() && bytes < 4 << 20, "{bytes}");
}

#[test]
fn a_large_definition_is_accepted() {
    let states: String = (0..3000)
        .map(|index| {
            format!(
                r#""s{index}":{{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{{"FunctionName":"f","Payload":{{"a.$":"$.x.y","b":{{"c.$":"States.Format('{{}}',$.z)"}}}}}},"Retry":[{{"ErrorEquals":["States.ALL"]}}],"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"end"}}],"Next":"{}"}},"#,
                if index == 2999 { "end".to_owned() } else { format!("s{}", index + 1) }
            )
        })
        .collect();
    let text = format!(r#"{{"StartAt":"s0","States":{{{states}"end":{{"Type":"Succeed"}}}}}}"#);
    let found = parse_definition(&text, &STANDARD);
    assert_eq!(found.diagnostics, []);
    assert_eq!(found.machine.map(|machine| machine.states.len()), Some(3001));
}

/// Every copy of a document with one node replaced.
fn with_one_replaced(value: &Value, by: &Value, found: &mut dyn FnMut(Value)) {
    found(by.clone());
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter() {
                with_one_replaced(member, by, &mut |changed| {
                    let mut copy = object.as_ref().clone();
                    copy.insert(name.clone(), changed);
                    found(Value::from(copy));
                });
                let mut copy = object.as_ref().clone();
                copy.remove(name);
                found(Value::from(copy));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                with_one_replaced(item, by, &mut |changed| {
                    let mut copy = items.as_ref().clone();
                    copy[index] = changed;
                    found(Value::array(copy));
                });
            }
        }
        _ => {}
    }
}

#[test]
fn any_value_in_any_place_is_read_or_refused() {
    let replacements =
        rows(r#"[null, true, -1, 1e400, "", "$", "$.a[?(", "{% ( %}", "States.ALL", [], [1], {}, {"a.$": 1}]"#);
    let (mut accepted, mut refused) = (0, 0);
    for complete in rows(include_str!("definitions/complete.json")) {
        assert_eq!(parse_definition(&complete.to_text(), &STANDARD).diagnostics, []);
        for by in &replacements {
            with_one_replaced(&complete, by, &mut |changed| {
                let text = changed.to_text();
                let read = parse_definition(&text, &STANDARD);
                if read.machine.is_some() {
                    accepted += 1;
                    assert!(load_definition(&text).is_ok(), "{text}");
                } else {
                    refused += 1;
                    assert!(!read.diagnostics.is_empty(), "{text}");
                }
            });
        }
    }
    assert!(accepted > 500 && refused > 1500, "{accepted} {refused}");
}
