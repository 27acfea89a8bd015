//! Requests to other endpoints and their answers as data: what is written is what botocore writes.

use http::Response;
use windlass_protocol::{Body, Models, decode_response, encode_request};
use windlass_value::{Object, Value, parse};

fn cases(text: &str) -> Vec<Value> {
    parse(text).expect("the cases are JSON").as_array().expect("a list").to_vec()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{case} has a {key}"))
}

/// The fields of a form stand in no order.
fn in_order(body: &str) -> Vec<&str> {
    let mut fields: Vec<&str> = if body.starts_with("Action=") { body.split('&').collect() } else { vec![body] };
    fields.sort_unstable();
    fields
}

#[test]
fn requests_are_written_as_botocore_writes_them() {
    for case in cases(include_str!("cases/requests.json")) {
        let name = text(&case, "name");
        let service = Models::embedded().generic(text(&case, "service")).expect(name).model;
        let operation = service.operation(text(&case, "operation")).expect(name);
        let endpoint = "http://127.0.0.1:4566/base/".parse().expect("an endpoint");
        let payload = Body::from(case["payload"].as_str().unwrap_or_default().to_owned());
        let request = encode_request(service, operation, &endpoint, &case["input"], payload).expect(name);
        let (parts, body) = request.into_parts();
        let body = body.in_memory().expect("in memory");
        assert_eq!(parts.method.as_str(), text(&case, "method"), "{name}");
        let path = parts.uri.path_and_query().map(|path| path.as_str()).and_then(|path| path.strip_prefix("/base"));
        assert_eq!(path, case["path"].as_str(), "{name}");
        for (header, expected) in case["headers"].as_object().expect(name).iter() {
            let found = parts.headers.get(&**header).and_then(|value| value.to_str().ok());
            assert_eq!(found, expected.as_str(), "{name}: {header}");
        }
        match case["body_hex"].as_str() {
            Some(expected) => {
                assert_eq!(body.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected, "{name}");
            }
            None => {
                let expected = case["body"].as_str().unwrap_or_default();
                assert_eq!(in_order(&String::from_utf8_lossy(body)), in_order(expected), "{name}");
            }
        }
    }
}

#[test]
fn answers_are_read() {
    for case in cases(include_str!("cases/answers.json")) {
        let name = text(&case, "name");
        let service = Models::embedded().generic(text(&case, "service")).expect(name).model;
        let operation = service.operation(text(&case, "operation")).expect(name);
        let status = case["status"].as_i64().and_then(|status| u16::try_from(status).ok()).expect(name);
        let body = Body::from(text(&case, "answer").to_owned());
        let response = Response::builder().status(status).body(body).expect("a response");
        match decode_response(service, operation, response) {
            Ok(reply) => assert_eq!(reply.output, case["output"], "{name}"),
            Err(fault) => {
                let found = (fault.code.as_str(), fault.message.as_str(), fault.status);
                let expected = &case["fault"];
                assert_eq!(found, (text(expected, "code"), text(expected, "message"), status), "{name}");
                let members = expected["members"].as_object().map(|members| Object::clone(members));
                assert_eq!(Some(fault.members), members, "{name}");
            }
        }
    }
}

/// What SDKs do that the tables know of.
#[test]
fn models_tell_payloads_tokens_and_errors() {
    let model = |name: &str| Models::embedded().generic(name).expect(name).model;
    let operation = |service: &str, name: &str| model(service).operation(name).expect("an operation");
    let s3 = model("s3");
    assert_eq!(s3.input_payload(operation("s3", "PutObject")), Some("Body"));
    assert_eq!(s3.input_payload(operation("s3", "PutBucketPolicy")), Some("Policy"));
    assert_eq!(s3.input_payload(operation("s3", "PutBucketTagging")), None);
    assert_eq!(s3.output_payload(operation("s3", "GetObject")), Some("Body"));
    assert_eq!(model("iam").error_name("NoSuchEntity"), Some("NoSuchEntityException"));
    assert_eq!(model("dynamodb").error_name("ResourceNotFoundException"), Some("ResourceNotFoundException"));
    assert_eq!(model("dynamodb").error_name("Nothing"), None);
    assert_eq!(model("ecs").idempotency_token(operation("ecs", "RunTask")), Some("clientToken"));
    assert_eq!(model("ecs").idempotency_token(operation("ecs", "ListTasks")), None);
    assert!(operation("s3", "UploadPart").streams_input() && !operation("lambda", "Invoke").streams_input());
}
