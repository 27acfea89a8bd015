//! The rows of `models/permissions`: each operation has one, and it can be filled.

use std::fs;
use std::path::Path;

use windlass_protocol::{Body, Call, Permission, Principal, has_permission_row, permissions};
use windlass_value::{Object, Value, object, parse};

const SERVICES: [&str; 14] = [
    "states",
    "lambda",
    "sts",
    "iam",
    "s3",
    "sqs",
    "sns",
    "events",
    "scheduler",
    "pipes",
    "logs",
    "secretsmanager",
    "ssm",
    "kms",
];

fn call(service: &str, operation: &str, input: Value) -> Call {
    Call {
        account: "111111111111".into(),
        region: "us-east-1".into(),
        service: service.into(),
        operation: operation.into(),
        input,
        body: Body::empty(),
        principal: Principal {
            arn: "arn:aws:iam::111111111111:user/ada".into(),
            account: "111111111111".into(),
            access_key_id: None,
        },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "r".into(),
    }
}

fn table(service: &str) -> Value {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let text = fs::read_to_string(models.join(format!("{service}.json"))).expect(service);
    parse(&text).expect(service)
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for service in SERVICES {
        let table = table(service);
        let operations = table["operations"].as_object().expect("operations");
        let without: Vec<&str> =
            operations.keys().map(|name| &**name).filter(|name| !has_permission_row(service, name)).collect();
        assert_eq!(without, Vec::<&str>::new(), "{service}: operations without a row");
        let rows = fs::read_to_string(folder.join(format!("permissions/{service}.txt"))).expect(service);
        let lines = rows.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("let "));
        for operation in lines.flat_map(|line| line.split(' ').next().unwrap_or_default().split(',')) {
            // What our own services ask each other is in no model.
            let is_own = operation.starts_with("windlass:");
            assert!(is_own || operations.contains_key(operation), "{service}: a row for {operation}, which is none");
        }
    }
    assert!(!has_permission_row("states", "Nothing"));
    assert!(permissions(&call("states", "Nothing", Value::empty_object())).is_none());
    assert!(permissions(&call("nothing", "Nothing", Value::empty_object())).is_none());
}

#[test]
fn every_tables_service_has_rows() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for entry in fs::read_dir(models).expect("models") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if let Some(service) = name.strip_suffix(".json") {
            assert!(SERVICES.contains(&service), "{service} has a table and no permissions");
        }
    }
}

/// The least that a shape takes: required members only.
fn minimal(table: &Value, shape: &str, depth: u8) -> Value {
    let shape = &table["shapes"][shape];
    match shape["type"].as_str().unwrap_or("structure") {
        "structure" if depth < 6 => {
            let mut object = Object::new();
            for name in shape["required"].as_array().into_iter().flat_map(|names| names.iter()) {
                let name = name.as_str().expect("a name");
                let member = &shape["members"][name];
                let target = member.as_str().or_else(|| member["shape"].as_str()).expect("a shape");
                object.insert(name, minimal(table, target, depth + 1));
            }
            object.into()
        }
        "list" => {
            let member = &shape["member"];
            match member.as_str().or_else(|| member["shape"].as_str()) {
                Some(target) => Value::array(vec![minimal(table, target, depth + 1)]),
                None => Value::array(Vec::new()),
            }
        }
        "map" | "structure" => Value::empty_object(),
        "string" | "blob" => Value::string("x"),
        "boolean" => Value::Bool(true),
        _ => Value::int(1),
    }
}

#[test]
fn required_members_fill_every_row() {
    let mut unfilled = Vec::new();
    for service in SERVICES {
        let table = table(service);
        for (name, operation) in table["operations"].as_object().expect("operations").iter() {
            let input = operation["input"].as_str().map_or_else(Value::empty_object, |shape| minimal(&table, shape, 0));
            match permissions(&call(service, name, input.clone())) {
                None => unfilled.push(format!("{service}:{name} {input}")),
                Some(permissions) => {
                    for Permission { action, resource, .. } in permissions {
                        assert!(action.contains(':'), "{service}:{name}");
                        let arn = resource.starts_with("arn:aws:") && resource.split(':').count() >= 6;
                        let member = ["x", "x:1", "arn:aws:iam::111111111111:user/ada"].contains(&&*resource);
                        assert!(arn || member || &*resource == "*", "{service}:{name} {resource}");
                    }
                }
            }
        }
    }
    assert_eq!(unfilled, Vec::<String>::new());
}

#[test]
fn what_calls_need() {
    let cases = parse(include_str!("cases/permissions.json")).expect("cases");
    for case in cases.as_array().expect("cases").iter() {
        let (service, operation) =
            case["call"].as_str().and_then(|call| call.split_once(' ')).expect("a service and an operation");
        let found = permissions(&call(service, operation, case["input"].clone()));
        let found = found.expect(operation).into_iter().map(|permission| {
            let mut keys = Object::new();
            for (key, values) in permission.context {
                let values = match values.as_slice() {
                    [value] => Value::String(value.clone()),
                    values => Value::array(values.iter().map(Value::from).collect()),
                };
                keys.insert(key, values);
            }
            match keys.is_empty() {
                true => Value::string(format!("{} {}", permission.action, permission.resource)),
                false => object! { format!("{} {}", permission.action, permission.resource) => keys },
            }
        });
        assert_eq!(Value::array(found.collect()).to_pretty(), case["needs"].to_pretty(), "{case}");
    }
}
