use windlass_jsonata::{Expression, Limits};
use windlass_value::Value;

/// Why the case fails, or nothing. A case has `expr`, perhaps `bindings`, and one
/// of `value`, `text` (the exact JSON text), `undefined`, `error` (the exact tail
/// of AWS's cause), `error_has`.
fn failure(case: &Value) -> Option<String> {
    let source = case["expr"].as_str().unwrap_or_default();
    let outcome = super::evaluate(source, None, &case["bindings"], &Limits::default());
    let shown = match &outcome {
        Ok(Some(value)) => value.to_text(),
        Ok(None) => "undefined".to_owned(),
        Err(error) => error.text(),
    };
    let good = if let Some(text) = case.get("text") {
        outcome.is_ok() && text.as_str() == Some(&shown)
    } else if let Some(value) = case.get("value") {
        outcome.as_ref().ok().and_then(Option::as_ref) == Some(value)
    } else if case.get("undefined").is_some() {
        matches!(outcome, Ok(None))
    } else if let Some(text) = case.get("error") {
        outcome.is_err() && text.as_str() == Some(&shown)
    } else if let Some(part) = case["error_has"].as_str() {
        outcome.is_err() && shown.contains(part)
    } else {
        false
    };
    (!good).then(|| format!("{source}: {} got {shown}", case.to_text()))
}

#[test]
fn own_cases() {
    for cases in [include_str!("../cases/evaluate.json"), include_str!("../cases/pictures.json")] {
        let cases = super::read(cases);
        let failures: Vec<String> = cases.as_array().expect("a list").iter().filter_map(failure).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

#[test]
fn references() {
    let cases = super::read(include_str!("../cases/references.json"));
    let strings = |names: &[String]| Value::array(names.iter().map(Value::from).collect());
    for case in cases.as_array().expect("a list").iter() {
        let source = case["expr"].as_str().expect("an expression");
        match Expression::compile(source) {
            Ok(expression) => {
                let unsupported: Vec<Value> =
                    expression.unsupported_references().iter().map(|reference| reference.to_string().into()).collect();
                assert_eq!(case.get("error"), None, "{source}");
                for (name, got) in [
                    ("variables", strings(expression.variables())),
                    ("states", strings(expression.states_members())),
                    ("unsupported", Value::array(unsupported)),
                ] {
                    let wanted = case.get(name).cloned().unwrap_or_else(|| Value::array(Vec::new()));
                    assert_eq!(got, wanted, "{source}: {name}");
                }
            }
            Err(error) => assert_eq!(case["error"].as_str(), Some(&*error.message), "{source}"),
        }
    }
}

/// The same world and bindings give the same answer, random or not.
#[test]
fn evaluation_is_deterministic() {
    let source = "{'r': $random(), 'u': $uuid(), 's': $shuffle([1..20]), 'n': $now(), 'm': $millis()}";
    let run = || super::evaluate(source, None, &Value::Null, &Limits::default());
    assert_eq!(run(), run());
    let got = run().ok().flatten().unwrap_or_default();
    assert_eq!(got["n"].as_str(), Some("2023-11-14T22:13:20.123Z"));
    assert_eq!(got["m"].as_i64(), Some(1_700_000_000_123));
}
