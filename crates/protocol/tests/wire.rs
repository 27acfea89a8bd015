//! Requests and answers as data: `cases/*.json` say what a request means or how it is refused.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use windlass_protocol::{
    Body, Fault, Models, Reply, Resolved, Wire, body_bytes_max, body_too_large, decode, decode_response, encode,
    encode_fault, encode_request, encode_unresolved_fault,
};
use windlass_value::{Object, Value, parse};

const REQUEST_ID: &str = "r-1";

#[test]
fn states() {
    run(include_str!("cases/states.json"), Some("AWSStepFunctions"));
}

#[test]
fn lambda() {
    run(include_str!("cases/lambda.json"), None);
}

#[test]
fn sts() {
    run(include_str!("cases/sts.json"), None);
}

#[test]
fn s3() {
    run(include_str!("cases/s3.json"), None);
}

#[test]
fn sqs() {
    run(include_str!("cases/sqs.json"), None);
}

#[test]
fn sns() {
    run(include_str!("cases/sns.json"), None);
}

#[test]
fn iam() {
    run(include_str!("cases/iam.json"), None);
}

#[test]
fn other_services() {
    run(include_str!("cases/others.json"), None);
}

fn run(cases: &str, target_service: Option<&str>) {
    let cases = parse(cases).expect("the cases are JSON");
    for case in cases.as_array().expect("a list of cases").iter() {
        let name = case["name"].as_str().expect("every case has a name");
        let parts = request(case, target_service);
        let scope = case["scope"].as_str();
        let body = expand(case["body"].as_str().expect("every case has a body"));
        let outcome = answer(case, &parts, scope, Bytes::from(body), name);
        if let Some(response) = outcome {
            compare(case, &response, name);
        } else {
            assert!(case["status"].is_null(), "{name}: nothing was answered");
        }
    }
}

fn request(case: &Value, target_service: Option<&str>) -> Parts {
    let mut request = Request::builder()
        .method(case["method"].as_str().unwrap_or("POST"))
        .uri(case["path"].as_str().unwrap_or("/"))
        .header("host", case["host"].as_str().unwrap_or("sync-anything.example:1234"));
    if let Some(target) = case["target"].as_str() {
        request = request.header("x-amz-target", target);
    }
    let json = target_service.map(|_| "application/x-amz-json-1.0");
    if let Some(content_type) = case["content_type"].as_str().or(json) {
        request = request.header("content-type", content_type);
    }
    for (name, value) in case["headers_in"].as_object().into_iter().flat_map(|headers| headers.iter()) {
        request = request.header(&**name, value.as_str().expect("header values are text"));
    }
    request.body(()).expect("a valid request").into_parts().0
}

/// `$é×3` stands for `ééé`, so that large bodies stay readable.
fn expand(body: &str) -> String {
    let Some((before, rest)) = body.split_once('$') else { return body.to_owned() };
    let (unit, rest) = rest.split_once('×').expect("a unit");
    let digits = rest.chars().take_while(char::is_ascii_digit).count();
    let count: usize = rest[..digits].parse().expect("a count");
    format!("{before}{}{}", unit.repeat(count), &rest[digits..])
}

fn in_memory(body: Body) -> Bytes {
    body.in_memory().expect("a body in memory").clone()
}

fn whole(response: Response<Body>) -> Response<Bytes> {
    response.map(in_memory)
}

/// What the server would answer, or nothing where the case is about reading only.
fn answer(case: &Value, parts: &Parts, scope: Option<&str>, body: Bytes, name: &str) -> Option<Response<Bytes>> {
    let models = Models::embedded();
    let wire = models.wire(parts, scope);
    let resolved = match wire {
        Wire::Query => models.resolve_query(parts, &body, scope),
        _ => models.resolve(parts, scope),
    };
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(fault) => return Some(whole(encode_unresolved_fault(wire, REQUEST_ID, &fault))),
    };
    if let Some(expected) = case["operation"].as_str() {
        assert_eq!(resolved.operation.name, expected, "{name}");
    }
    if let Some(expected) = case["body_bytes_max"].as_i64() {
        assert_eq!(body_bytes_max(&resolved) as i64, expected, "{name}");
    }
    if let Some(expected) = case["streams_input"].as_bool() {
        assert_eq!(resolved.operation.streams_input(), expected, "{name}");
    }
    match decode(&resolved, parts, body.into()) {
        Err(fault) => return Some(whole(encode_fault(&resolved, REQUEST_ID, &fault))),
        Ok((input, payload)) => {
            let payload = in_memory(payload);
            if !case["input"].is_null() {
                assert_eq!(input, case["input"], "{name}");
            }
            if let Some(expected) = case["payload"].as_str() {
                assert_eq!(payload, expected, "{name}");
            }
            comes_back(&resolved, input, payload, name);
        }
    }
    reply(case, &resolved)
}

/// What was read can be written as a request, and reads the same again.
fn comes_back(resolved: &Resolved, input: Value, payload: Bytes, name: &str) {
    let endpoint = "https://other.example:8443".parse().expect("an endpoint");
    let (service, operation) = (resolved.service, resolved.operation);
    let request = encode_request(service, operation, &endpoint, &input, payload.clone().into()).expect(name);
    assert_eq!(request.uri().authority().map(|it| it.as_str()), Some("other.example:8443"), "{name}");
    let (parts, body) = request.into_parts();
    let (models, scope) = (Models::embedded(), Some(service.name));
    let again = match models.wire(&parts, scope) {
        Wire::Query => models.resolve_query(&parts, &in_memory(body.clone()), scope),
        _ => models.resolve(&parts, scope),
    };
    let again = again.expect(name);
    assert_eq!(again.operation.name, operation.name, "{name}");
    let (read, body) = decode(&again, &parts, body).expect(name);
    assert_eq!((without_transport(read), in_memory(body)), (without_transport(input), payload), "{name}");
}

/// Members that say how a body travels differ where its document is written anew.
fn without_transport(input: Value) -> Value {
    match input {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !matches!(&***name, "ContentMD5" | "ContentLength" | "ContentType"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Object>()
            .into(),
        other => other,
    }
}

fn reply(case: &Value, resolved: &Resolved) -> Option<Response<Bytes>> {
    if case["fault"].as_object().is_some() {
        let given = &case["fault"];
        let mut fault = Fault::new(given["code"].as_str()?, given["message"].as_str()?);
        fault.status = given["status"].as_i64().map_or(400, |status| status as u16);
        fault.members = given["members"].as_object().map_or_else(Object::new, |members| (**members).clone());
        let response = whole(encode_fault(resolved, REQUEST_ID, &fault));
        let read = decode_response(resolved.service, resolved.operation, response.clone().map(Body::from)).err();
        // Answers to HEAD say no more than the status.
        if !response.body().is_empty() && resolved.wire == resolved.service.wire {
            let read = read.expect("a fault");
            let expected = case["code_on_wire"].as_str().unwrap_or(&fault.code);
            assert_eq!((&*read.code, &read.message), (expected, &fault.message));
        }
        return Some(response);
    }
    let output = case.get("reply")?.clone();
    let body = Bytes::from(case["reply_body"].as_str().unwrap_or_default().to_owned());
    let response = whole(encode(resolved, REQUEST_ID, Reply { output: output.clone(), body: body.clone().into() }));
    if resolved.service.wire == resolved.wire && response.status() != 304 {
        let answer = response.clone().map(Body::from);
        let read = decode_response(resolved.service, resolved.operation, answer).expect("a success");
        assert_eq!(in_memory(read.body), body);
        for (key, value) in read.output.as_object().into_iter().flat_map(|members| members.iter()) {
            assert_eq!(value, case["answer"].get(key).unwrap_or(&output[&**key]), "{key}");
        }
    }
    Some(response)
}

fn compare(case: &Value, response: &Response<Bytes>, name: &str) {
    let body = std::str::from_utf8(response.body()).expect("bodies are UTF-8");
    assert_eq!(Some(i64::from(response.status().as_u16())), case["status"].as_i64(), "{name}: {body}");
    for (header, expected) in case["headers"].as_object().into_iter().flat_map(|headers| headers.iter()) {
        let found = response.headers().get(&**header).and_then(|value| value.to_str().ok());
        assert_eq!(found, expected.as_str(), "{name}: {header}");
    }
    if let Some(expected) = case["answer_text"].as_str() {
        assert_eq!(body, expected, "{name}");
    }
    for key in ["answer", "error"] {
        if let Some(expected) = case.get(key) {
            assert_eq!(parse(body).as_ref(), Ok(expected), "{name}: {body}");
        }
    }
    if let Some(start) = case["error_starts"].as_str() {
        let document = parse(body).expect("an error is JSON");
        assert!(document["message"].as_str().is_some_and(|message| message.starts_with(start)), "{name}: {body}");
    }
}

#[test]
fn an_oversized_body_is_named_with_its_limit() {
    let parts = Request::post("/2015-03-31/functions/f/invocations").body(()).expect("a request").into_parts().0;
    let resolved = Models::embedded().resolve(&parts, Some("lambda")).expect("Invoke");
    let response = encode_fault(&resolved, REQUEST_ID, &body_too_large(&resolved));
    assert_eq!(response.status(), 413);
    assert_eq!(
        std::str::from_utf8(response.body().in_memory().expect("in memory")),
        Ok(r#"{"message":"Request must be smaller than 6291556 bytes for the InvokeFunction operation"}"#)
    );
}

#[test]
fn every_states_operation_is_found_by_its_target() {
    let models = Models::embedded();
    let model = models.service("states").expect("embedded");
    let names: Vec<&str> = model.operation_names().collect();
    assert_eq!(names.len(), 37);
    for name in names {
        let target = format!("AWSStepFunctions.{name}");
        let parts = Request::post("/").header("x-amz-target", target).body(()).expect("a request").into_parts().0;
        assert_eq!(models.resolve(&parts, None).expect(name).operation.name, name);
    }
    assert!(models.service("nothing").is_none());
}

/// Hostile bodies never panic.
#[test]
fn arbitrary_bodies_are_answered() {
    use proptest::prelude::*;
    let parts = Request::post("/")
        .header("x-amz-target", "AWSStepFunctions.CreateStateMachine")
        .body(())
        .expect("a request")
        .into_parts()
        .0;
    let resolved = Models::embedded().resolve(&parts, None).expect("known");
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| format!("{value:e}")),
        ".{0,8}".prop_map(|text| Value::from(text).to_text()),
        Just("[{\"key\":1}]".to_owned()),
        Just("{\"level\":\"ALL\",\"destinations\":[null]}".to_owned()),
    ];
    let key = prop_oneof![
        Just("name"),
        Just("definition"),
        Just("roleArn"),
        Just("type"),
        Just("loggingConfiguration"),
        Just("tags"),
        Just("publish"),
        Just("tracingConfiguration")
    ];
    proptest!(|(members in proptest::collection::vec((key, value), 0..8))| {
        let text: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let body = Bytes::from(format!("{{{}}}", text.join(",")));
        if let Err(fault) = decode(&resolved, &parts, body.into()) {
            prop_assert!(matches!(fault.code.as_str(), "SerializationException" | "ValidationException"));
            prop_assert_eq!(encode_fault(&resolved, "r", &fault).status(), 400);
        }
    });
}

#[test]
fn requests_without_a_signature_say_whom_they_are_for() {
    let presigned =
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261122%2Fus-east-1%2Fsts%2Faws4_request";
    type Headers = &'static [(&'static str, &'static str)];
    let cases: &[(&str, &str, &str, Headers, Option<&str>)] = &[
        ("GET", "localhost:4566", "/b/k", &[], Some("s3")),
        ("PUT", "localhost:4566", "/b", &[], Some("s3")),
        ("GET", "localhost:4566", "/", &[], None),
        ("GET", "b.localhost:4566", "/", &[], Some("s3")),
        ("GET", "b.s3.localhost:4566", "/", &[], Some("s3")),
        ("GET", "s3.eu-west-1.amazonaws.com", "/", &[], Some("s3")),
        ("GET", "localhost:4566", &format!("/?{presigned}"), &[], Some("sts")),
        ("GET", "localhost:4566", "/b/k?AWSAccessKeyId=a&Signature=s&Expires=1", &[], Some("s3")),
        ("POST", "localhost:4566", "/", &[("x-amz-target", "AmazonSSM.GetParameter")], Some("ssm")),
        ("POST", "localhost:4566", "/", &[("x-amz-target", "Nobody.GetParameter")], None),
        ("POST", "localhost:4566", "/", &[("content-type", "application/x-www-form-urlencoded")], None),
        ("POST", "localhost:4566", "/123456789012/q", &[("content-type", "application/x-www-form-urlencoded")], None),
        (
            "POST",
            "sqs.us-east-1.amazonaws.com",
            "/",
            &[("content-type", "application/x-www-form-urlencoded")],
            Some("sqs"),
        ),
        ("POST", "sync-states.us-east-1.amazonaws.com", "/", &[], Some("states")),
        ("GET", "localhost:4566", "/2015-03-31/functions", &[], None),
        ("POST", "localhost:4566", "/nothing", &[("content-type", "application/json")], None),
    ];
    for (method, host, path, headers, expected) in cases {
        let mut request = Request::builder().method(*method).uri(*path).header("host", *host);
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).expect("a request").into_parts().0;
        assert_eq!(Models::embedded().claimed_service(&parts), *expected, "{method} {host} {path}");
    }
}

#[test]
fn refusals_of_unsigned_requests_are_said_as_their_service_says_them() {
    let cases = [
        ("localhost:4566", "/b/k?AWSAccessKeyId=a&Signature=s&Expires=1", Wire::RestXml),
        ("b.s3.localhost:4566", "/k", Wire::RestXml),
        ("localhost:4566", "/b/k", Wire::RestJson),
        ("iam.amazonaws.com", "/", Wire::Query),
        ("logs.us-east-1.amazonaws.com", "/", Wire::AwsJson11),
    ];
    for (host, path, expected) in cases {
        let parts = Request::get(path).header("host", host).body(()).expect("a request").into_parts().0;
        assert_eq!(Models::embedded().wire(&parts, None), expected, "{host} {path}");
    }
}

/// Hostile documents, forms, hosts and answers never panic.
#[test]
fn arbitrary_markup_and_forms_are_answered() {
    use proptest::prelude::*;
    let models = Models::embedded();
    let resolve = |path: &str, scope: &str| {
        let parts = Request::post(path).header("content-type", "application/x-www-form-urlencoded").body(());
        let parts = parts.expect("a request").into_parts().0;
        let resolved = match scope {
            "s3" => models.resolve(&parts, Some("s3")),
            _ => models.resolve_query(&parts, b"Action=PublishBatch", Some(scope)),
        };
        (resolved.expect("known"), parts)
    };
    let (delete, delete_parts) = resolve("/b?delete", "s3");
    let (publish, publish_parts) = resolve("/", "sns");
    let ec2 = models.generic("ec2").expect("a table").model;
    let cbor = models.generic("eventbridgev2").expect("a table").model;
    let piece = prop_oneof![
        Just("<Delete>"),
        Just("</Delete>"),
        Just("<Object>"),
        Just("</Object>"),
        Just("<Key>k</Key>"),
        Just("<Key/>"),
        Just("<![CDATA[x]]>"),
        Just("&amp;"),
        Just("&#0;"),
        Just("&x;"),
        Just("<!-- -->"),
        Just("<a b='c' b='d'>"),
        Just("<?xml?>"),
        Just("é"),
        Just("<"),
        Just("]]>"),
    ];
    let field = prop_oneof![
        Just("PublishBatchRequestEntries.member.1.Id=1"),
        Just("PublishBatchRequestEntries.member.1=x"),
        Just("PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=a"),
        Just("PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.DataType=a"),
        Just("PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.BinaryValue=%ff"),
        Just("PublishBatchRequestEntries="),
        Just("=&&="),
        Just("TopicArn=%"),
    ];
    proptest!(|(
        pieces in proptest::collection::vec(piece, 0..12),
        fields in proptest::collection::vec(field, 0..8),
        host in "[a-z0-9.:é\\[\\]-]{0,20}",
        path in "/[ -~]{0,10}",
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    )| {
        let body = pieces.concat();
        let decoded = decode(&delete, &delete_parts, body.clone().into());
        if let Err(fault) = decoded {
            prop_assert!(matches!(fault.code.as_str(), "MalformedXML" | "MissingRequestBodyError"), "{fault}");
        }
        if let Err(fault) = decode(&publish, &publish_parts, fields.join("&").into()) {
            prop_assert_eq!(fault.code, "SerializationException");
        }
        prop_assert!(windlass_protocol::s3_address(&host, &path).ends_with(&path));
        let operation = ec2.operation("DescribeInstances").expect("known");
        let _ = decode_response(ec2, operation, Response::new(body.into()));
        let operation = cbor.operation("CreateEventBus").expect("known");
        let _ = decode_response(cbor, operation, Response::new(bytes.into()));
    });
}
