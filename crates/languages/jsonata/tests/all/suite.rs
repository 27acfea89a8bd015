use windlass_jsonata::{ErrorKind, Limits};
use windlass_value::Value;

/// The suite asks for up to a million items and deeper nesting than AWS allows.
fn limits(case: &Value) -> Limits {
    let depth_max = case["depth"].as_i64().and_then(|depth| usize::try_from(depth).ok()).unwrap_or(5_000);
    Limits { depth_max, value_bytes_max: 200_000_000, fuel_max: 50_000_000, ..Limits::default() }
}

/// Why the case fails, or nothing.
fn failure(case: &Value, datasets: &Value) -> Option<String> {
    let source = case["expr"].as_str().unwrap_or_default();
    let input = match case["dataset"].as_str() {
        Some(name) => datasets.get(name),
        None => case.get("data"),
    };
    let outcome = super::evaluate(source, input, &case["bindings"], &limits(case));
    let wanted_code = case.get("code").or_else(|| case["error"].get("code")).and_then(Value::as_str);
    match (outcome, wanted_code) {
        (Ok(got), Some(code)) => Some(format!("wanted {code}, got {}", shown(got.as_ref()))),
        (Err(error), Some(code)) if error.code() == Some(code) => None,
        // The suite's own runner raises this for its depth and time limits.
        (Err(error), Some("U1001")) if error.kind == ErrorKind::Limit => None,
        (Err(error), Some(code)) => Some(format!("wanted {code}, got {error}")),
        (Err(error), None) => Some(format!("got {error}")),
        (Ok(got), None) => {
            let wanted = case.get("result");
            let same = match (&got, wanted) {
                _ if case.get("unordered").is_some() => got.is_some(),
                (Some(got), Some(wanted)) => got == wanted,
                (None, None) => true,
                _ => false,
            };
            (!same).then(|| format!("wanted {}, got {}", shown(wanted), shown(got.as_ref())))
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("undefined".to_owned(), |value| value.to_text().chars().take(200).collect())
}

#[test]
fn official_suite() {
    let cases = super::read(include_str!("../suite/cases.json"));
    let datasets = super::read(include_str!("../suite/datasets.json"));
    let exceptions = super::read(include_str!("../suite/exceptions.json"));
    let mut surprises = Vec::new();
    let mut passed = 0;
    let cases = cases.as_array().expect("a list of cases");
    for case in cases.iter() {
        let id = case["id"].as_str().unwrap_or_default();
        match (failure(case, &datasets), exceptions.get(id)) {
            (None, None) => passed += 1,
            (Some(_), Some(_)) => {}
            (None, Some(_)) => surprises.push(format!("{id}: listed as an exception, but passes")),
            (Some(why), None) => surprises.push(format!("{id}: {} => {why}", case["expr"].to_text())),
        }
    }
    assert!(surprises.is_empty(), "{passed} of {} passed\n{}", cases.len(), surprises.join("\n"));
}
