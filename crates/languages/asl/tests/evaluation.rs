//! Evaluation against data: what a path, a call, a template or a field gives in
//! a scope. The rows are in `cases/`.

mod surroundings;

use windlass_asl::intrinsic::Intrinsic;
use windlass_asl::jsonpath::{Path, ReferencePath};
use windlass_asl::{
    Condition, Failure, MapItems, Operand, Operator, PathField, Quantity, QuantityField, ResultPath, Scope,
    StringField, Template, Wait,
};
use windlass_jsonata::Expression;
use windlass_value::{Timestamp, Value, object};

use surroundings::Fixed;

/// A value of a few kilobytes whose text would have some 2^64 bytes.
fn enormous() -> Value {
    (0..64).fold(Value::from("x"), |inner, _| Value::from(vec![inner.clone(), inner]))
}

#[test]
fn failures_do_not_write_enormous_values() {
    let surroundings = Fixed::new();
    let input = object! { "all" => enormous() };
    let scope = Scope::new(&input, &surroundings);
    let missing = Template::Object(vec![("a".into(), Template::Path(Path::parse("$.absent").unwrap()))]);
    let failure = missing.evaluate(&scope, "Parameters").unwrap_err();
    assert!(
        failure.cause.ends_with("could not be found in the input '(object of more than 262144 bytes)'"),
        "{failure}"
    );
    let call = Intrinsic::parse("States.ArrayLength($.absent)").unwrap();
    assert!(call.evaluate(&scope).unwrap_err().cause.len() < 1_000);
    let number = Quantity::Path(Path::parse("$.all").unwrap());
    assert!(number.evaluate(&scope, QuantityField::TimeoutSeconds).unwrap_err().cause.len() < 1_000);
    let text = StringField::Path(Path::parse("$.all").unwrap());
    assert!(text.evaluate(&scope, "Error").unwrap_err().cause.len() < 1_000);
    assert!(Path::parse("$.concat($.all)").unwrap().evaluate(&scope).is_err());
}

/// Collects what differs, so that one run shows all of it.
#[derive(Default)]
struct Report {
    rows: usize,
    differences: Vec<String>,
}

impl Report {
    fn check(&mut self, row: &Value, actual: &Value, expected: &Value) {
        self.rows += 1;
        if actual.to_text() != expected.to_text() {
            self.differences.push(format!("{row}\n    expected {expected}\n    actual   {actual}"));
        }
    }

    #[track_caller]
    fn finish(self, rows_min: usize) {
        assert!(self.rows >= rows_min, "only {} rows", self.rows);
        assert!(
            self.differences.is_empty(),
            "{} of {} rows differ:\n{}",
            self.differences.len(),
            self.rows,
            self.differences.join("\n")
        );
    }
}

fn rows(text: &str) -> Vec<Value> {
    windlass_value::parse(text).expect("the cases are JSON").as_array().expect("the cases are an array").to_vec()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} of {row}"))
}

/// A failure in the shape of a row's expectation; its cause only where the row has one.
fn failure(failure: &Failure, row: &Value) -> Value {
    let cause = if row["cause"].is_null() { Value::Null } else { Value::from(failure.cause.as_str()) };
    object! { "error" => failure.error, "cause" => cause }
}

/// What a row expects, in the shape of [`outcome`].
fn expected(row: &Value) -> Value {
    match row.get("expected") {
        Some(value) => value.clone(),
        None => {
            object! { "error" => row["error"].as_str().unwrap_or("States.Runtime"), "cause" => &row["cause"] }
        }
    }
}

fn outcome(result: Result<Value, Failure>, row: &Value) -> Value {
    result.unwrap_or_else(|error| failure(&error, row))
}

#[test]
fn paths() {
    let world = Fixed::new();
    let mut report = Report::default();
    for row in rows(include_str!("cases/jsonpath.json")) {
        let parsed = Path::parse(text(&row, "path"));
        if row.get("invalid").is_some() {
            report.check(&row, &Value::from(parsed.is_err()), &Value::Bool(true));
            continue;
        }
        let path = match parsed {
            Ok(path) => path,
            Err(error) => {
                report.check(&row, &object! { "parse" => error.message }, &row["expected"]);
                continue;
            }
        };
        if let Some(definite) = row.get("definite") {
            report.check(&row, &Value::Bool(path.is_definite()), definite);
        }
        match path.evaluate(&Scope::new(&row["input"], &world)) {
            Ok(value) => report.check(&row, &value, row.get("expected").unwrap_or(&row["error"])),
            Err(error) => report.check(&row, &Value::from(error.message), &row["error"]),
        }
    }
    report.finish(300);
}

#[test]
fn result_paths() {
    let mut report = Report::default();
    for row in rows(include_str!("cases/resultpath.json")) {
        let written = text(&row, "path");
        let result_path = match written {
            "absent" => ResultPath::Replace,
            "null" => ResultPath::Discard,
            other => match ReferencePath::parse(other) {
                Ok(path) => ResultPath::At(path),
                Err(_) => {
                    report.check(&row, &row["invalid"], &Value::Bool(true));
                    continue;
                }
            },
        };
        let actual = match result_path.apply(&row["input"], row["result"].clone()) {
            Ok(value) => value,
            Err(error) => object! { "error" => error.error, "cause" => error.cause },
        };
        let expected = match row.get("expected") {
            Some(value) => value.clone(),
            None => object! { "error" => "States.Runtime", "cause" => &row["error"] },
        };
        report.check(&row, &actual, &expected);
    }
    report.finish(50);
}

#[test]
fn intrinsic_functions() {
    let world = Fixed::new();
    let mut report = Report::default();
    for row in rows(include_str!("cases/intrinsics.json")) {
        let parsed = Intrinsic::parse(text(&row, "call"));
        if row.get("invalid").is_some() {
            report.check(&row, &Value::from(parsed.is_err()), &Value::Bool(true));
            continue;
        }
        match parsed {
            Ok(call) => {
                let result = call.evaluate(&Scope::new(&row["input"], &world));
                report.check(&row, &outcome(result, &row), &expected(&row));
            }
            Err(error) => report.check(&row, &object! { "parse" => error.message }, &expected(&row)),
        }
    }
    report.finish(250);
}

#[test]
fn random_functions_draw_from_the_seed() {
    let world = Fixed::new();
    let scope = Scope::new(&Value::Null, &world);
    let uuid = Intrinsic::parse("States.UUID()").unwrap();
    let first = uuid.evaluate(&scope).unwrap();
    let second = uuid.evaluate(&scope).unwrap();
    assert_ne!(first, second);
    let first = first.as_str().unwrap();
    assert_eq!((first.len(), first.as_bytes()[14]), (36, b'4'), "{first}");

    let random = Intrinsic::parse("States.MathRandom(-3, 3)").unwrap();
    let mut seen: Vec<i64> = (0..500).map(|_| random.evaluate(&scope).unwrap().as_i64().unwrap()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [-3, -2, -1, 0, 1, 2], "the end is not in the range");
}

/// A template as a JSONPath state has it.
fn template(value: &Value) -> Template {
    match value {
        Value::Object(object) => Template::Object(
            object
                .iter()
                .map(|(name, member)| match name.strip_suffix(".$") {
                    Some(name) => {
                        let written = member.as_str().unwrap();
                        let hole = match Path::parse(written) {
                            Ok(path) => Template::Path(path),
                            Err(_) => Template::Intrinsic(Intrinsic::parse(written).unwrap()),
                        };
                        (name.into(), hole)
                    }
                    None => (name.clone(), template(member)),
                })
                .collect(),
        ),
        Value::Array(items) => Template::Array(items.iter().map(template).collect()),
        other => Template::Literal(other.clone()),
    }
}

#[test]
fn templates() {
    let world = Fixed::new();
    let mut report = Report::default();
    for row in rows(include_str!("cases/template.json")) {
        let result = template(&row["template"]).evaluate(&Scope::new(&row["input"], &world), "Parameters");
        report.check(&row, &outcome(result, &row), &expected(&row));
    }
    report.finish(30);
}

const OPERATORS: [Operator; 23] = [
    Operator::StringEquals,
    Operator::StringLessThan,
    Operator::StringGreaterThan,
    Operator::StringLessThanEquals,
    Operator::StringGreaterThanEquals,
    Operator::StringMatches,
    Operator::NumericEquals,
    Operator::NumericLessThan,
    Operator::NumericGreaterThan,
    Operator::NumericLessThanEquals,
    Operator::NumericGreaterThanEquals,
    Operator::TimestampEquals,
    Operator::TimestampLessThan,
    Operator::TimestampGreaterThan,
    Operator::TimestampLessThanEquals,
    Operator::TimestampGreaterThanEquals,
    Operator::BooleanEquals,
    Operator::IsNull,
    Operator::IsPresent,
    Operator::IsNumeric,
    Operator::IsString,
    Operator::IsBoolean,
    Operator::IsTimestamp,
];

fn condition(rule: &Value) -> Condition {
    let list = |value: &Value| value.as_array().unwrap().iter().map(condition).collect();
    let object = rule.as_object().unwrap();
    for (name, value) in object.iter() {
        match &**name {
            "And" => return Condition::And(list(value)),
            "Or" => return Condition::Or(list(value)),
            "Not" => return Condition::Not(Box::new(condition(value))),
            _ => {}
        }
    }
    let variable = Path::parse(text(rule, "Variable")).unwrap();
    let (name, value) = object.iter().find(|(name, _)| &***name != "Variable").unwrap();
    let plain = name.strip_suffix("Path");
    let operator = OPERATORS.into_iter().find(|operator| format!("{operator:?}") == plain.unwrap_or(name)).unwrap();
    let operand = match plain {
        Some(_) => Operand::Path(Path::parse(value.as_str().unwrap()).unwrap()),
        None => Operand::Literal(value.clone()),
    };
    Condition::Compare { variable, operator, operand }
}

#[test]
fn conditions() {
    let world = Fixed::new();
    let mut report = Report::default();
    for row in rows(include_str!("cases/choice.json")) {
        let result = condition(&row["rule"]).evaluate(&Scope::new(&row["input"], &world), 0);
        report.check(&row, &outcome(result.map(Value::from), &row), &expected(&row));
    }
    report.finish(600);
}

#[test]
fn waits() {
    let now = Timestamp(1_767_225_600_000);
    let world = Fixed::new();
    let mut report = Report::default();
    for row in rows(include_str!("cases/wait.json")) {
        let (name, value) = row["wait"].as_object().unwrap().get_index(0).unwrap();
        let path = || Path::parse(value.as_str().unwrap()).unwrap();
        let wait = match &**name {
            "Seconds" => Wait::Seconds(Quantity::Literal(value.as_f64().unwrap())),
            "SecondsPath" => Wait::Seconds(Quantity::Path(path())),
            "Timestamp" => Wait::Until(Timestamp::parse_rfc3339(value.as_str().unwrap()).unwrap()),
            _ => Wait::UntilPath(path()),
        };
        let result = wait.evaluate(&Scope::new(&row["input"], &world), now);
        report.check(&row, &outcome(result.map(|until| Value::int(until.as_ms())), &row), &expected(&row));
    }
    report.finish(40);
}

fn path_field(spec: &Value) -> PathField {
    match spec.as_str() {
        None => PathField::Discard,
        Some("absent") => PathField::Whole,
        Some(path) => PathField::Path(Path::parse(path).unwrap()),
    }
}

const QUANTITIES: [QuantityField; 8] = [
    QuantityField::TimeoutSeconds,
    QuantityField::HeartbeatSeconds,
    QuantityField::MaxConcurrency,
    QuantityField::ToleratedFailureCount,
    QuantityField::ToleratedFailurePercentage,
    QuantityField::MaxItems,
    QuantityField::MaxItemsPerBatch,
    QuantityField::MaxInputBytesPerBatch,
];

#[test]
fn fields() {
    let world = Fixed::new();
    let mut report = Report::default();
    for row in rows(include_str!("cases/fields.json")) {
        let scope = Scope::new(&row["input"], &world);
        let spec = &row["spec"];
        let result = match text(&row, "kind") {
            "path" => path_field(spec).evaluate(&scope),
            "items" => MapItems::Path(path_field(spec))
                .evaluate(&scope)
                .map(|items| Value::array((0..items.len()).filter_map(|at| items.item(at)).collect())),
            field @ ("Error" | "Cause") => {
                let written = spec.as_str().unwrap();
                let string = match Path::parse(written) {
                    Ok(path) => StringField::Path(path),
                    Err(_) => StringField::Intrinsic(Intrinsic::parse(written).unwrap()),
                };
                string.evaluate(&scope, field).map(Value::from)
            }
            name => {
                let field = QUANTITIES.into_iter().find(|field| field.name() == name).unwrap();
                Quantity::Path(Path::parse(spec.as_str().unwrap()).unwrap())
                    .evaluate(&scope, field)
                    .map(|number| Value::from(windlass_value::Number::from_f64(number)))
            }
        };
        report.check(&row, &outcome(result, &row), &expected(&row));
    }
    report.finish(80);
}

fn expression(written: &str) -> Option<Expression> {
    let source = written.strip_prefix("{%")?.strip_suffix("%}")?;
    Some(Expression::compile(source.trim()).unwrap())
}

/// A template as a JSONata state has it.
fn jsonata_template(value: &Value) -> Template {
    match value {
        Value::Object(object) => {
            Template::Object(object.iter().map(|(name, member)| (name.clone(), jsonata_template(member))).collect())
        }
        Value::Array(items) => Template::Array(items.iter().map(jsonata_template).collect()),
        Value::String(text) => expression(text).map_or_else(|| Template::Literal(value.clone()), Template::Expression),
        other => Template::Literal(other.clone()),
    }
}

#[test]
fn expressions() {
    let world = Fixed::new();
    let now = Timestamp(1_767_225_600_000);
    let instant = |until: Timestamp| Value::int(until.as_ms());
    let mut report = Report::default();
    for row in rows(include_str!("cases/jsonata.json")) {
        let mut scope = Scope::new(&row["input"], &world);
        scope.result = row.get("result");
        scope.error_output = row.get("errorOutput");
        let spec = &row["spec"];
        let source = || expression(spec.as_str().unwrap()).unwrap();
        let result = match text(&row, "kind") {
            "Condition" => Condition::Expression(source()).evaluate(&scope, 1).map(Value::from),
            "Seconds" => Wait::Seconds(Quantity::Expression(source())).evaluate(&scope, now).map(instant),
            "Timestamp" => Wait::UntilExpression(source()).evaluate(&scope, now).map(instant),
            field @ ("Error" | "Cause") => StringField::Expression(source()).evaluate(&scope, field).map(Value::from),
            "Items" => MapItems::Template((!spec.is_null()).then(|| jsonata_template(spec)))
                .evaluate(&scope)
                .map(|items| Value::array((0..items.len()).filter_map(|at| items.item(at)).collect())),
            name => match QUANTITIES.into_iter().find(|field| field.name() == name) {
                Some(field) => Quantity::Expression(source())
                    .evaluate(&scope, field)
                    .map(|number| Value::from(windlass_value::Number::from_f64(number))),
                None => jsonata_template(spec).evaluate(&scope, name),
            },
        };
        match result {
            Ok(value) => report.check(&row, &value, &expected(&row)),
            Err(error) => report.check(
                &row,
                &object! { "error" => error.error, "cause" => error.cause, "location" => error.location },
                &object! { "error" => &row["error"], "cause" => &row["cause"], "location" => &row["location"] },
            ),
        }
    }
    report.finish(70);
}

#[test]
fn work_is_bounded() {
    let world = Fixed::new();
    // Each `..` multiplies the work; nothing but the bound ends this.
    let mut nested = Value::int(1);
    for _ in 0..60 {
        nested = object! { "a" => nested };
    }
    let path = Path::parse("$..a..a..a..a..a..a").unwrap();
    let error = path.evaluate(&Scope::new(&nested, &world)).unwrap_err();
    assert_eq!(error.reason, windlass_asl::jsonpath::Reason::TooMuch);
}

#[test]
fn texts_are_bounded() {
    let world = Fixed::new();
    // A few shared arrays that would be terabytes of text.
    let mut value = Value::from("x".repeat(1000));
    for _ in 0..8 {
        value = Value::array(vec![value; 50]);
    }
    let scope = Scope::new(&value, &world);
    for call in [
        "States.JsonToString($)",
        "States.Format('{}', $)",
        "States.Hash($, 'MD5')",
        "States.ArrayUnique($)",
        "States.ArrayPartition($, 1)",
        "States.MathAdd($, 1)",
        "States.Base64Encode($)",
    ] {
        let error = Intrinsic::parse(call).unwrap().evaluate(&scope).unwrap_err();
        assert_eq!(error.error, "States.IntrinsicFailure", "{call}");
        assert!(error.cause.len() < 200, "{call}");
    }
}

mod any_input {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the text, reading it ends, and what is read keeps its text.
        #[test]
        fn parsers_do_not_panic(text in "[$@.\\[\\]()'\"?*:,a-cλ😀0-9 !=<>&|~/\\\\{}-]{0,40}") {
            let world = Fixed::new();
            let input = object! { "a" => Value::array(vec![Value::int(1), object! { "b" => "c" }]) };
            let scope = Scope::new(&input, &world);
            for text in [text.clone(), format!("${text}"), format!("$.a[?(@.{text})]"), format!("$[{text}]")] {
                if let Ok(path) = Path::parse(&text) {
                    prop_assert_eq!(path.text(), text.as_str());
                    let _ = path.evaluate(&scope);
                }
                let _ = ReferencePath::parse(&text);
            }
            for text in [text.clone(), format!("States.Format({text})"), format!("States.Array('{text}', $.{text})")] {
                if let Ok(call) = Intrinsic::parse(&text) {
                    prop_assert_eq!(call.text(), text.as_str());
                    let _ = call.evaluate(&scope);
                }
            }
        }

        /// What a ResultPath puts is what the same path reads, and the rest stays.
        #[test]
        fn result_paths_read_back(names in prop::collection::vec("[a-d]{1,2}", 1..5), value in any::<i64>()) {
            let written: String = names.iter().map(|name| format!("['{name}']")).collect();
            let written = format!("${written}");
            let input = object! { "zz" => "kept", "a" => object! { "b" => Value::empty_object() } };
            let put = ResultPath::At(ReferencePath::parse(&written).unwrap()).apply(&input, Value::int(value)).unwrap();
            prop_assert_eq!(&put["zz"], &input["zz"]);
            let world = Fixed::new();
            let read = Path::parse(&written).unwrap().evaluate(&Scope::new(&put, &world)).unwrap();
            prop_assert_eq!(read, Value::int(value));
        }

        /// An indefinite path that meets the same values gives what the definite one does.
        #[test]
        fn plain_and_fanned_out_steps_agree(items in prop::collection::vec(any::<i32>(), 0..6), at in -7i64..7) {
            let input = object! { "l" => Value::array(items.iter().map(|item| Value::int((*item).into())).collect()) };
            let world = Fixed::new();
            let scope = Scope::new(&input, &world);
            let one = Path::parse(&format!("$.l[{at}]")).unwrap().evaluate(&scope).unwrap();
            let listed = Path::parse(&format!("$.l[{at},{at}]")).unwrap().evaluate(&scope).unwrap();
            prop_assert_eq!(&listed, &Value::array(vec![one.clone(), one]));
        }
    }
}
