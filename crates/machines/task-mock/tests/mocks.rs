//! Files that are refused, and what calls are answered: data in `cases/`.

use windlass_task_mock::{Answer, Answers, Call, MockFile, TestCase, Validation};
use windlass_value::{Object, Timestamp, Value, object, parse};

fn cases(text: &str) -> Vec<Value> {
    parse(text).unwrap().as_array().unwrap().to_vec()
}

#[test]
fn wrong_files_are_refused_with_the_place() {
    for case in cases(include_str!("cases/refused.json")) {
        let name = case["name"].as_str().unwrap();
        let error = MockFile::read(case["file"].as_str().unwrap()).expect_err(name).to_string();
        assert!(error.starts_with(case["error"].as_str().unwrap()), "{name}: {error}");
    }
}

/// What a call is answered, in the words of the cases.
fn answered(answers: &Answers, asked: &Value) -> Object {
    let number = |name: &str| asked.get(name).and_then(Value::as_i64).unwrap_or_default() as u32;
    let indexes: Option<Vec<u32>> = asked
        .get("iteration")
        .and_then(Value::as_array)
        .map(|indexes| indexes.iter().map(|index| index.as_i64().unwrap() as u32).collect());
    let execution = object! { "Name" => "run" };
    let call = Call {
        state: "S",
        parameters: asked.get("sent").unwrap_or(&Value::Null),
        number: number("number"),
        iteration: indexes.as_deref().map(|indexes| (indexes, number("within"))),
        retry_count: 2,
        execution: &execution,
        at: Timestamp(0),
        seed: 1,
    };
    let mut found = Object::new();
    match answers.answer(&call) {
        Err(refusal) => {
            found.insert(if refusal.is_assertion { "assertion" } else { "refusal" }, refusal.cause);
        }
        Ok(given) => {
            match given.answer {
                Answer::Return(value) => found.insert("return", value),
                Answer::Throw { error, cause } => {
                    found.insert("throw", Value::array(vec![error.into(), cause.map_or(Value::Null, Value::from)]))
                }
            };
            found.insert("delayMs", given.delay_ms);
            found.insert("submitted", given.submitted);
            found.insert("validation", given.validation.as_str());
        }
    }
    found
}

#[test]
fn calls_are_answered_by_number_input_and_iteration() {
    for case in cases(include_str!("cases/answers.json")) {
        let name = case["name"].as_str().unwrap();
        let answers = Answers::read(&case["response"]).expect(name);
        for asked in case["calls"].as_array().unwrap().iter() {
            let found = answered(&answers, asked);
            let inputs = ["sent", "number", "iteration", "within"];
            let mut expected = asked.as_object().unwrap().iter().filter(|(key, _)| !inputs.contains(&&***key));
            let fits = expected.all(|(key, expected)| match (found.get(key), expected) {
                // A cause may go on with what another crate says.
                (Some(Value::String(found)), Value::String(expected)) => found.starts_with(&**expected),
                (found, expected) => found == Some(expected),
            });
            assert!(fits, "{name}: {asked} is answered {}", Value::from(found));
        }
    }
}

#[test]
fn a_test_case_is_the_same_after_its_text_was_kept() {
    let file = r#"{"Validation": "STRICT", "$schema": "left alone",
        "StateMachines": {"m": {"TestCases": {"B": {"S": "R", "T": {"0": {"Return": 1}}}, "A": {}}}, "n": {}},
        "MockedResponses": {"R": {"0": {"Return": {"b": 1, "a": 1.0}}}}, "MockResponses": {"Other": {"0": {"Return": 2}}}}"#;
    let file = MockFile::read(file).unwrap();
    assert_eq!(file.machines().map(|name| &**name).collect::<Vec<_>>(), ["m", "n"]);
    assert_eq!(file.cases("m").iter().map(|name| &***name).collect::<Vec<_>>(), ["A", "B"]);
    assert!(file.case("m", "C").is_none() && file.case("x", "A").is_none() && file.cases("n").is_empty());
    assert!(file.response("Other").is_some() && file.response("S").is_none());
    let case = file.case("m", "B").unwrap();
    let kept = TestCase::from_text(case.text()).unwrap();
    assert_eq!((kept.name(), kept.text(), kept.responses()), (case.name(), case.text(), case.responses()));
    assert_eq!(kept.validation(), Validation::Strict);
    assert!(kept.mocks("S") && kept.mocks("T") && !kept.mocks("U"));
    assert!(TestCase::from_text("{}").is_err());
}
