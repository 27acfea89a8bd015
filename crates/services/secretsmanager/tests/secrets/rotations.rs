use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use windlass_protocol::{Call, Dispatcher, Fault, Reply};
use windlass_value::{Value, object};

use crate::fixture::{Answer, START, call, token, world_with};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:000000000000:function:rotate";

async fn secrets(dispatcher: &Dispatcher, operation: &str, input: Value) -> Result<Value, Fault> {
    let mut call = call(operation, input);
    call.depth = 2;
    Ok(dispatcher.call(call).await?.output)
}

/// Does what AWS's template of a rotation function does.
async fn step(dispatcher: Dispatcher, call: Call) -> Result<Reply, Fault> {
    let event = call.body.in_memory().expect("a payload").clone();
    let event = windlass_value::parse(std::str::from_utf8(&event).expect("text")).expect("JSON");
    let secret = event["SecretId"].clone();
    let version = event["ClientRequestToken"].clone();
    let described = secrets(&dispatcher, "DescribeSecret", object! { "SecretId" => secret.clone() }).await?;
    let versions = &described["VersionIdsToStages"];
    assert!(versions[version.as_str().expect("a token")].to_text().contains("AWSPENDING"), "{described}");
    match event["Step"].as_str().expect("a step") {
        "createSecret" => {
            let put = object! {
                "SecretId" => secret,
                "ClientRequestToken" => version.clone(),
                "SecretString" => format!("made for {}", &version.as_str().expect("a token")[..4]),
                "VersionStages" => vec![Value::from("AWSPENDING")],
            };
            secrets(&dispatcher, "PutSecretValue", put).await?;
        }
        "setSecret" | "testSecret" => {
            let get = object! { "SecretId" => secret, "VersionId" => version, "VersionStage" => "AWSPENDING" };
            secrets(&dispatcher, "GetSecretValue", get).await?;
        }
        "finishSecret" => {
            let current = versions
                .as_object()
                .expect("versions")
                .iter()
                .find(|(_, stages)| stages.to_text().contains("AWSCURRENT"));
            let (current, _) = current.expect("a current version");
            let update = object! {
                "SecretId" => secret,
                "VersionStage" => "AWSCURRENT",
                "MoveToVersionId" => version,
                "RemoveFromVersionId" => current,
            };
            secrets(&dispatcher, "UpdateSecretVersionStage", update).await?;
        }
        other => panic!("unknown step {other}"),
    }
    Ok(Reply::default())
}

fn function_error() -> Reply {
    Reply {
        output: object! { "FunctionError" => "Unhandled" },
        body: r#"{"errorType":"Oops","errorMessage":"no"}"#.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_takes_its_four_steps_and_comes_again() {
    let steps: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = steps.clone();
    let lambda: Answer = Arc::new(move |dispatcher, call| {
        assert_eq!(&*call.principal.arn, "secretsmanager.amazonaws.com");
        assert!(call.source_arn.is_some() && call.idempotency_key.is_some());
        assert_eq!(call.input["FunctionName"].as_str(), Some(LAMBDA));
        let event = String::from_utf8(call.body.in_memory().expect("a payload").to_vec()).expect("text");
        noted.lock().push(event.split('"').nth(3).expect("a step").to_owned());
        Box::pin(step(dispatcher, call))
    });
    let mut world = world_with(lambda);
    world.secret("s", "first").await;
    let rotate = object! {
        "SecretId" => "s",
        "RotationLambdaARN" => LAMBDA,
        "RotationRules" => object! { "AutomaticallyAfterDays" => 10 },
        "ClientRequestToken" => token('2'),
    };
    let begun = world.ok("RotateSecret", rotate).await;
    assert_eq!(begun["VersionId"].as_str(), Some(token('2').as_str()));
    world.ms_pass(1_000).await;
    let all = ["createSecret", "setSecret", "testSecret", "finishSecret"];
    assert_eq!(*steps.lock(), all);
    assert_eq!(world.read("s", "AWSCURRENT").await, "made for 2222");
    assert_eq!(world.read("s", "AWSPREVIOUS").await, "first");
    let described = world.ok("DescribeSecret", object! { "SecretId" => "s" }).await;
    assert_eq!(described["RotationEnabled"].as_bool(), Some(true));
    assert_eq!(described["RotationLambdaARN"].as_str(), Some(LAMBDA));
    assert_eq!(described["RotationRules"].to_text(), r#"{"AutomaticallyAfterDays":10}"#);
    assert_eq!(described["NextRotationDate"].as_i64(), Some(START.as_ms() / 1000 + 10 * 86_400));
    assert!(described["LastRotatedDate"].as_i64() >= Some(START.as_ms() / 1000));
    // By itself, also after a restart.
    world.days_pass(5).await;
    world.restart();
    world.days_pass(6).await;
    assert_eq!(steps.lock().len(), 8);
    assert_ne!(world.read("s", "AWSCURRENT").await, "made for 2222");
    assert_eq!(world.read("s", "AWSPREVIOUS").await, "made for 2222");
    world.ok("CancelRotateSecret", object! { "SecretId" => "s" }).await;
    world.days_pass(30).await;
    assert_eq!(steps.lock().len(), 8);
    let described = world.ok("DescribeSecret", object! { "SecretId" => "s" }).await;
    assert_eq!(described["RotationEnabled"].as_bool(), Some(false));
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_is_tried_again_and_the_rotation_taken_up_later() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let lambda: Answer = Arc::new(move |dispatcher, call| match counted.fetch_add(1, Ordering::SeqCst) {
        // The first step fails twice; the second one always, until it is begun anew.
        0 | 1 | 3..=7 => Box::pin(std::future::ready(Ok(function_error()))),
        _ => Box::pin(step(dispatcher, call)),
    });
    let world = world_with(lambda);
    world.secret("s", "first").await;
    let rotate = object! { "SecretId" => "s", "RotationLambdaARN" => LAMBDA, "ClientRequestToken" => token('2') };
    world.ok("RotateSecret", rotate).await;
    let message = "A previous rotation isn't complete. That rotation will be reattempted.";
    world.refused("RotateSecret", object! { "SecretId" => "s" }, "InvalidRequestException", message).await;
    for _ in 0..20 {
        world.ms_pass(60_000).await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 8);
    assert_eq!(world.read("s", "AWSCURRENT").await, "first");
    // The version that was begun is gone on with.
    let again = world.ok("RotateSecret", object! { "SecretId" => "s", "ClientRequestToken" => token('3') }).await;
    assert_eq!(again["VersionId"].as_str(), Some(token('2').as_str()));
    world.ms_pass(1_000).await;
    assert_eq!(world.read("s", "AWSCURRENT").await, "made for 2222");
    // Schedules.
    let rotate = |rules: Value| object! { "SecretId" => "s", "RotateImmediately" => false, "RotationRules" => rules };
    let schedule = |text: &str| object! { "ScheduleExpression" => text };
    for wrong in ["rate(3 hours)", "at(2030-01-01T00:00:00)", "daily", "cron(1)"] {
        let refused = world.fault("RotateSecret", rotate(schedule(wrong))).await;
        assert_eq!(refused.code, "InvalidParameterException", "{wrong}");
    }
    for (text, of_day) in [("rate(4 hours)", None), ("cron(0 8 1 * ? *)", Some(8 * 3600))] {
        assert_eq!(world.ok("RotateSecret", rotate(schedule(text))).await.get("VersionId"), None);
        let described = world.ok("DescribeSecret", object! { "SecretId" => "s" }).await;
        let next = described["NextRotationDate"].as_i64().expect("an instant");
        assert!(next > START.as_ms() / 1000 && of_day.is_none_or(|of_day| next % 86_400 == of_day), "{described}");
        assert_eq!(described["RotationRules"]["ScheduleExpression"].as_str(), Some(text));
    }
}
