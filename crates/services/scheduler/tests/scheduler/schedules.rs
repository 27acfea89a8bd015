use windlass_value::Value;

use crate::world::{World, json, schedule};

#[tokio::test]
async fn schedules_are_made_shown_changed_and_removed() {
    let mut world = World::new();
    let made = world.schedule("one", "cron(0 12 * * ? *)", r#""Description":"d","ClientToken":"t1""#).await;
    let arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/one";
    assert_eq!(made["ScheduleArn"], Value::from(arn));
    // The same token is the same request; another is not.
    let again = world.schedule("one", "cron(0 12 * * ? *)", r#""Description":"d","ClientToken":"t1""#).await;
    assert_eq!(again, made);
    let refusals = [
        (
            schedule("one", "cron(0 12 * * ? *)", r#""ClientToken":"t2""#),
            "409 ConflictException: Schedule one already exists.",
        ),
        (
            schedule("two", "cron(0 12 * * ? *)", r#""ClientToken":"t1""#),
            "409 ConflictException: The client token was used before, with other parameters.",
        ),
        (
            schedule("two", "cron(0 12 * * ? *)", r#""GroupName":"g""#),
            "404 ResourceNotFoundException: Schedule group g does not exist.",
        ),
    ];
    for (input, expected) in refusals {
        assert_eq!(world.refusal("CreateSchedule", &input).await, expected, "{input}");
    }
    world.restart(1_000).await;
    let shown = world.ok("GetSchedule", r#"{"Name":"one"}"#).await;
    let expected = format!(
        r#"{{"Arn":"{arn}","GroupName":"default","Name":"one","ScheduleExpression":"cron(0 12 * * ? *)","ScheduleExpressionTimezone":"UTC","Description":"d","State":"ENABLED","CreationDate":1795366800,"LastModificationDate":1795366800,"Target":{{"Arn":"arn:aws:sqs:us-east-1:123456789012:q","RoleArn":"arn:aws:iam::123456789012:role/r","Input":"<aws.scheduler.scheduled-time>","RetryPolicy":{{"MaximumEventAgeInSeconds":86400,"MaximumRetryAttempts":185}}}},"FlexibleTimeWindow":{{"Mode":"OFF"}},"ActionAfterCompletion":"NONE"}}"#
    );
    assert_eq!(shown.to_text(), expected);
    // An update says everything anew.
    let update = schedule(
        "one",
        "rate(5 hours)",
        r#""State":"DISABLED","FlexibleTimeWindow":{"Mode":"FLEXIBLE","MaximumWindowInMinutes":15}"#,
    );
    world.ok("UpdateSchedule", &update).await;
    let shown = world.ok("GetSchedule", r#"{"Name":"one"}"#).await;
    assert_eq!(shown.get("Description"), None);
    assert_eq!(shown["State"], Value::from("DISABLED"));
    assert_eq!(shown["FlexibleTimeWindow"], json(r#"{"Mode":"FLEXIBLE","MaximumWindowInMinutes":15}"#));
    assert_eq!(shown["CreationDate"], Value::int(1_795_366_800));
    assert_eq!(shown["LastModificationDate"], Value::int(1_795_366_801));
    world.ok("DeleteSchedule", r#"{"Name":"one","ClientToken":"d"}"#).await;
    world.ok("DeleteSchedule", r#"{"Name":"one","ClientToken":"d"}"#).await;
    let missing = "404 ResourceNotFoundException: Schedule one does not exist.";
    for operation in ["DeleteSchedule", "GetSchedule"] {
        assert_eq!(world.refusal(operation, r#"{"Name":"one"}"#).await, missing, "{operation}");
    }
    assert_eq!(world.refusal("UpdateSchedule", &update).await, missing);
}

#[tokio::test]
async fn schedules_are_checked() {
    let world = World::new();
    let cases = [
        ("rate(5 parsecs)", "", "Invalid Schedule Expression rate(5 parsecs)."),
        ("cron(0 12 * * * *)", "", "Invalid Schedule Expression cron(0 12 * * * *)."),
        (
            "rate(1 hours)",
            r#""ScheduleExpressionTimezone":"Mars/Base""#,
            "Invalid ScheduleExpressionTimezone Mars/Base.",
        ),
        (
            "rate(1 hours)",
            r#""StartDate":1795366000"#,
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        ("rate(1 hours)", r#""EndDate":1795366000"#, "The EndDate you specify must be in the future."),
        (
            "rate(1 hours)",
            r#""StartDate":1795370000,"EndDate":1795369000"#,
            "The StartDate you specify must come before the EndDate.",
        ),
        (
            "rate(1 hours)",
            r#""FlexibleTimeWindow":{"Mode":"FLEXIBLE"}"#,
            "MaximumWindowInMinutes must be provided, from 1 to 1440, when the flexible time window is FLEXIBLE.",
        ),
    ];
    for (expression, more, expected) in cases {
        let found = world.refusal("CreateSchedule", &schedule("s", expression, more)).await;
        assert_eq!(found, format!("400 ValidationException: {expected}"), "{expression} {more}");
    }
}

#[tokio::test]
async fn schedules_are_listed_by_pages() {
    let world = World::new();
    world.ok("CreateScheduleGroup", r#"{"Name":"g"}"#).await;
    for n in 0..7 {
        world.schedule(&format!("a{n}"), "rate(1 day)", r#""State":"DISABLED""#).await;
        world.schedule(&format!("b{n}"), "rate(1 day)", r#""GroupName":"g","State":"DISABLED""#).await;
    }
    world.schedule("on", "cron(0 0 1 1 ? *)", "").await;
    let cases = [
        ("", 15),
        (r#","GroupName":"g""#, 7),
        (r#","NamePrefix":"a""#, 7),
        (r#","NamePrefix":"b","GroupName":"g""#, 7),
        (r#","NamePrefix":"b","GroupName":"default""#, 0),
        (r#","State":"ENABLED""#, 1),
    ];
    for (filter, count) in cases {
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let page = world.ok("ListSchedules", &format!(r#"{{"MaxResults":3{filter}{token}}}"#)).await;
            let found = page["Schedules"].as_array().unwrap().clone();
            assert!(found.len() <= 3);
            names.extend(found.iter().map(|schedule| schedule["Arn"].to_text()));
            match page["NextToken"].as_str() {
                Some(next) => token = format!(r#","NextToken":"{next}""#),
                None => break,
            }
        }
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((names.len(), sorted), (count, names.clone()), "{filter}");
    }
    let refused = world.refusal("ListSchedules", r#"{"NextToken":"AAAAAAAAAAAAAAAA"}"#).await;
    assert_eq!(refused, "400 ValidationException: Invalid NextToken.");
}
