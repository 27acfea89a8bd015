//! HTTP tasks and API Gateway against a server on a real socket.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use windlass_outgoing::{Allow, Guard, Outgoing};
use windlass_stepfunctions::Outside;
use windlass_value::{Object, Value, object, parse};

use crate::world::World;
use crate::{compare, started};

/// Answers requests as their paths say; keeps what came.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

async fn serve() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut text = String::new();
                let mut buffer = [0; 4096];
                loop {
                    let count = socket.read(&mut buffer).await.unwrap_or(0);
                    text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| {
                        let (name, value) = line.split_once(':')?;
                        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
                    });
                    if count == 0 || body.len() >= length.unwrap_or(0) {
                        break;
                    }
                }
                let large = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n{}",
                    "x".repeat(300_000)
                );
                let answer = if text.contains("/json") {
                    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{\"a\":1}"
                } else if text.contains("/refused") {
                    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
                } else if text.contains("/token") && !text.contains("fresh") {
                    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                } else if text.contains("/image") {
                    "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
                } else if text.contains("/large") {
                    large.as_str()
                } else if text.contains("/slow") {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    ""
                } else {
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
                };
                kept.lock().push(text);
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    Server { address, seen }
}

async fn world(plain_http: bool) -> World {
    let guard = Guard::new(vec![Allow::parse("127.0.0.1").unwrap()]);
    let outside = Outside {
        outgoing: Some(Outgoing::new(guard, None).unwrap()),
        plain_http,
        timeout_ms: 1_000,
        response_bytes_max: 262_145,
        signer: Some(Arc::new(|request, region, _| {
            request.headers_mut().insert("authorization", format!("signed for {region}").parse().unwrap());
            Ok(())
        })),
    };
    World::with_outside(outside).await
}

async fn end_of(world: &World, resource: &str, parameters: &Value) -> Value {
    let task = object! {
        "Type" => "Task", "End" => true, "Resource" => format!("arn:aws:states:::{resource}"), "Parameters" => parameters,
    };
    let arn = started(world, object! { "StartAt" => "T", "States" => object! { "T" => task } }).await;
    loop {
        let end = world.call("DescribeExecution", object! { "executionArn" => &arn }).await.unwrap().output;
        if end["status"].as_str() != Some("RUNNING") {
            return end;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The parameters of a case, with the server's address for `SERVER`.
fn parameters(server: &Server, text: &str) -> Value {
    parse(&text.replace("SERVER", &server.address)).unwrap()
}

const CONNECTION: &str = r#""Authentication":{"ConnectionArn":"arn:aws:events:us-east-1:123456789012:connection/c/1"}"#;

#[tokio::test]
async fn http_tasks_send_what_definition_and_connection_say() {
    let server = serve().await;
    let world = world(true).await;
    let authorization = r#"{"Headers":{"X-Key":"k","Both":"connection"},"QueryParameters":{"q":"c d"},"BodyParameters":{"b":"connection"}}"#;
    world.apis.answer("windlass:ConnectionAuthorization", &parse(authorization).unwrap());
    let text = format!(
        r#"{{"ApiEndpoint":"SERVER/json","Method":"POST",{CONNECTION},"Headers":{{"Both":"definition"}},"QueryParameters":{{"q":"x","r":["1","2"]}},"RequestBody":{{"a":[1],"b":"definition"}}}}"#
    );
    let end = end_of(&world, "http:invoke", &parameters(&server, &text)).await;
    assert_eq!(end["status"], Value::from("SUCCEEDED"), "{end}");
    let result = parse(end["output"].as_str().unwrap()).unwrap();
    assert_eq!(result["ResponseBody"].to_text(), r#"{"a":1}"#);
    assert_eq!((result["StatusCode"].as_i64(), result["StatusText"].as_str()), (Some(201), Some("Created")));
    assert_eq!(result["Headers"]["content-type"].to_text(), r#"["application/json"]"#);
    let seen = server.seen.lock()[0].to_lowercase();
    for expected in [
        "post /json?r=1&r=2&q=c%20d http/1.1",
        "\r\nx-key: k\r\n",
        "\r\nboth: connection\r\n",
        "\r\nuser-agent: amazon|stepfunctions|httpinvoke|us-east-1\r\n",
        "\r\nrange: bytes=0-262144\r\n",
        "\r\ncontent-type: application/json; charset=utf-8\r\n",
        "\r\n\r\n{\"a\":[1],\"b\":\"connection\"}",
    ] {
        assert!(seen.contains(expected), "{expected} in {seen}");
    }
}

#[tokio::test]
async fn a_test_shows_request_and_response_and_secrets_only_where_asked() {
    let server = serve().await;
    let world = world(true).await;
    let authorization =
        r#"{"Headers":{"X-Key":"secret"},"QueryParameters":{"q":"secret"},"BodyParameters":{"b":"secret"}}"#;
    world.apis.answer("windlass:ConnectionAuthorization", &parse(authorization).unwrap());
    let text = format!(
        r#"{{"ApiEndpoint":"SERVER/json","Method":"POST",{CONNECTION},"Headers":{{"Own":"o"}},"RequestBody":{{"a":1}}}}"#
    );
    let task = object! {
        "Type" => "Task", "End" => true, "Resource" => "arn:aws:states:::http:invoke",
        "Parameters" => parameters(&server, &text),
    };
    for (level, reveals) in [("TRACE", false), ("TRACE", true), ("DEBUG", true)] {
        let tested = world.call(
            "TestState",
            object! {
                "definition" => task.to_text(), "roleArn" => "arn:aws:iam::123456789012:role/r",
                "inspectionLevel" => level, "revealSecrets" => reveals,
            },
        );
        let tested = tested.await.unwrap().output;
        assert_eq!(tested["status"], Value::from("SUCCEEDED"), "{tested}");
        let data = &tested["inspectionData"];
        if level == "DEBUG" {
            assert!(data["request"].is_null() && data["response"].is_null(), "{data}");
            continue;
        }
        let address = &server.address;
        let (query, body) = if reveals { ("?q=secret", r#"{"a":1,"b":"secret"}"#) } else { ("", r#"{"a":1}"#) };
        let request = object! {
            "protocol" => "http", "method" => "POST", "url" => format!("{address}/json{query}"), "headers" => "*", "body" => body,
        };
        compare(&data["request"], &request, true).unwrap_or_else(|reason| panic!("{reason} in {data}"));
        let headers = data["request"]["headers"].as_str().unwrap();
        assert!(headers.starts_with('[') && headers.contains("own: o"), "{headers}");
        assert_eq!(headers.contains("x-key: secret"), reveals, "{headers}");
        let response = object! {
            "protocol" => "http", "statusCode" => "201", "statusMessage" => "Created", "headers" => "*", "body" => r#"{"a":1}"#,
        };
        compare(&data["response"], &response, true).unwrap_or_else(|reason| panic!("{reason} in {data}"));
    }
    assert_eq!(server.seen.lock().len(), 3);
    assert!(server.seen.lock().iter().all(|seen| seen.contains("secret")), "what is hidden is sent all the same");
}

#[tokio::test]
async fn a_token_that_ended_early_is_fetched_anew() {
    let server = serve().await;
    for (second, status) in [("fresh", "SUCCEEDED"), ("stale", "FAILED")] {
        let world = world(true).await;
        let answers =
            format!(r#"[{{"Headers":{{"Authorization":"stale"}}}},{{"Headers":{{"Authorization":"{second}"}}}}]"#);
        world.apis.answer("windlass:ConnectionAuthorization", &parse(&answers).unwrap());
        let text = format!(r#"{{"ApiEndpoint":"SERVER/token","Method":"GET",{CONNECTION}}}"#);
        let end = end_of(&world, "http:invoke", &parameters(&server, &text)).await;
        assert_eq!(end["status"], Value::from(status), "{end}");
    }
    assert_eq!(server.seen.lock().len(), 3, "the same token is not tried twice");
}

#[tokio::test]
async fn http_tasks_send_forms() {
    let server = serve().await;
    let world = world(true).await;
    world.apis.answer("windlass:ConnectionAuthorization", &Value::empty_object());
    let text = format!(
        r#"{{"ApiEndpoint":"SERVER/","Method":"PUT",{CONNECTION},"Headers":{{"Content-Type":"application/x-www-form-urlencoded"}},"RequestBody":{{"a":["x","y"]}},"Transform":{{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{{"ArrayFormat":"BRACKETS"}}}}}}"#
    );
    let end = end_of(&world, "http:invoke", &parameters(&server, &text)).await;
    assert_eq!(end["status"], Value::from("SUCCEEDED"), "{end}");
    assert!(server.seen.lock()[0].ends_with("\r\n\r\na%5B%5D=x&a%5B%5D=y"));
}

#[tokio::test]
async fn what_fails_an_http_task_has_its_own_name() {
    let server = serve().await;
    let fault = |code: &str, status: i64| {
        object! { "fault" => object! { "code" => code, "message" => "m", "status" => status } }
    };
    let fine = Value::empty_object;
    for (plain, path, authorization, error, cause) in [
        (true, "SERVER/refused", fine(), "States.Http.StatusCode.400", "Bad Request"),
        (true, "SERVER/image", fine(), "States.Runtime", "*"),
        (true, "SERVER/large", fine(), "States.DataLimitExceeded", "*"),
        (true, "SERVER/slow", fine(), "States.Http.Socket", "*"),
        (true, "http://127.0.0.1:9/", fine(), "States.Http.Socket", "*"),
        (true, "http://169.254.169.254/", fine(), "States.TaskFailed", "*"),
        (false, "SERVER/json", fine(), "States.Runtime", "*"),
        (
            true,
            "SERVER/json",
            fault("ResourceNotFoundException", 400),
            "Events.ConnectionResource.ResourceNotFound",
            "m",
        ),
        (true, "SERVER/json", fault("AccessDeniedException", 403), "Events.ConnectionResource.AccessDenied", "m"),
        (true, "SERVER/json", fault("NoBackendConfigured", 400), "States.TaskFailed", "m"),
    ] {
        let world = world(plain).await;
        world.apis.answer("windlass:ConnectionAuthorization", &authorization);
        let text = format!(r#"{{"ApiEndpoint":"{path}","Method":"GET",{CONNECTION}}}"#);
        let end = end_of(&world, "http:invoke", &parameters(&server, &text)).await;
        let expected = object! { "status" => "FAILED", "error" => error, "cause" => cause };
        compare(&end, &expected, false).unwrap_or_else(|reason| panic!("{path}: {reason} in {end}"));
    }
}

#[tokio::test]
async fn http_tasks_refuse_parameters_in_awss_words() {
    let world = world(true).await;
    for (more, problem) in [
        (r#""Method":"GET","Headers":["a"]"#, "The value of the field 'Headers' has an invalid format"),
        (r#""Method":"TRACE""#, "The value of the field 'Method' has an invalid format"),
        (r#""Method":"GET","Headers":{"Host":"h"}"#, "The header 'Host' is not supported by Step Functions"),
        (r#""Method":"GET","Body":{}"#, "The field 'Body' is not supported by Step Functions"),
        (r#""Headers":{}"#, "The field 'Method' is required but was missing"),
    ] {
        let text = format!(r#"{{"ApiEndpoint":"https://x.test/",{CONNECTION},{more}}}"#);
        let end = end_of(&world, "http:invoke", &parse(&text).unwrap()).await;
        assert_eq!(end["error"], Value::from("States.Runtime"), "{end}");
        let cause = end["cause"].as_str().unwrap();
        assert!(cause.ends_with(&format!("could not be used to start the Task: [{problem}]")), "{cause}");
        world
            .call(
                "DeleteStateMachine",
                object! { "stateMachineArn" => "arn:aws:states:us-east-1:123456789012:stateMachine:m" },
            )
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn api_gateway_is_invoked_by_stage_and_path() {
    let server = serve().await;
    let world = world(true).await;
    let text = r#"{"ApiEndpoint":"SERVER","Method":"POST","Stage":"prod","Path":"json/x","QueryParameters":{"q":["1","2"]},"Headers":{"H":["a"]},"RequestBody":{"n":null,"a":1},"AuthType":"IAM_ROLE"}"#;
    let end = end_of(&world, "apigateway:invoke", &parameters(&server, text)).await;
    assert_eq!(end["status"], Value::from("SUCCEEDED"), "{end}");
    let seen = server.seen.lock()[0].to_lowercase();
    for expected in [
        "post /prod/json/x?q=1&q=2 http/1.1",
        "\r\nh: a\r\n",
        "\r\nauthorization: signed for us-east-1\r\n",
        "\r\n\r\n{\"a\":1}",
    ] {
        assert!(seen.contains(expected), "{expected} in {seen}");
    }
}

#[tokio::test]
async fn api_gateways_errors_are_named_by_their_status() {
    let server = serve().await;
    let world = world(true).await;
    let text = r#"{"ApiEndpoint":"SERVER","Method":"GET","Path":"/refused"}"#;
    let end = end_of(&world, "apigateway:invoke", &parameters(&server, text)).await;
    let expected: Object =
        [("error", Value::from("ApiGateway.400")), ("cause", Value::from("no"))].into_iter().collect();
    compare(&end, &expected.into(), false).unwrap_or_else(|reason| panic!("{reason} in {end}"));
}

#[tokio::test]
async fn api_gateway_is_called_by_https_only() {
    let server = serve().await;
    let world = world(false).await;
    let text = r#"{"ApiEndpoint":"SERVER","Method":"GET","Path":"json"}"#;
    let end = end_of(&world, "apigateway:invoke", &parameters(&server, text)).await;
    assert_eq!(end["error"], Value::from("States.Runtime"), "{end}");
    assert!(end["cause"].as_str().unwrap().contains("plain_http"), "{end}");
    assert!(server.seen.lock().is_empty());
}
