use windlass_value::Value;

use crate::world::{QUEUE, World};

#[tokio::test]
async fn rules_are_put_described_listed_and_removed() {
    let mut world = World::new();
    let no_rule = "ResourceNotFoundException: Rule r does not exist on EventBus default.";
    let refusals = [
        (
            "PutRule",
            r#"{"Name":"r"}"#,
            "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            "PutRule",
            r#"{"Name":"r","ScheduleExpression":"rate(1 minutes)"}"#,
            "ValidationException: Parameter ScheduleExpression is not valid.",
        ),
        (
            "PutRule",
            r#"{"Name":"r","ScheduleExpression":"at(2030-01-01T00:00:00)"}"#,
            "ValidationException: Parameter ScheduleExpression is not valid.",
        ),
        (
            "PutRule",
            r#"{"Name":"r","EventBusName":"b","ScheduleExpression":"rate(1 minute)"}"#,
            "ValidationException: ScheduleExpression is supported only on the default event bus.",
        ),
        (
            "PutRule",
            r#"{"Name":"r","EventBusName":"b","EventPattern":"{\"a\":[1]}"}"#,
            "ResourceNotFoundException: Event bus b does not exist.",
        ),
        ("DescribeRule", r#"{"Name":"r"}"#, no_rule),
        ("EnableRule", r#"{"Name":"r"}"#, no_rule),
        ("PutTargets", r#"{"Rule":"r","Targets":[{"Id":"a","Arn":"arn:aws:sqs:us-east-1:123456789012:q"}]}"#, no_rule),
    ];
    for (operation, input, expected) in refusals {
        assert_eq!(world.refusal(operation, input).await, expected, "{operation} {input}");
    }
    let refused = world.refusal("PutRule", r#"{"Name":"r","EventPattern":"{\"a\":1}"}"#).await;
    assert!(refused.starts_with("InvalidEventPatternException: Event pattern is not valid. Reason: "), "{refused}");

    world.rule("r", r#"{"source":["s"]}"#, QUEUE).await;
    world.restart(0).await;
    let described = world.ok("DescribeRule", r#"{"Name":"r"}"#).await;
    let expected = r#"{"Name":"r","Arn":"arn:aws:events:us-east-1:123456789012:rule/r","EventPattern":"{\"source\":[\"s\"]}","State":"ENABLED","EventBusName":"default","CreatedBy":"123456789012"}"#;
    assert_eq!(described.to_text(), expected);
    let targets = world.ok("ListTargetsByRule", r#"{"Rule":"r"}"#).await;
    assert_eq!(targets.to_text(), format!(r#"{{"Targets":[{QUEUE}]}}"#));
    let names = world.ok("ListRuleNamesByTarget", r#"{"TargetArn":"arn:aws:sqs:us-east-1:123456789012:q"}"#).await;
    assert_eq!(names.to_text(), r#"{"RuleNames":["r"]}"#);
    // A rule that is put again keeps its targets.
    world.ok("PutRule", r#"{"Name":"r","EventPattern":"{\"source\":[\"t\"]}","State":"DISABLED"}"#).await;
    let refused = world.refusal("DeleteRule", r#"{"Name":"r"}"#).await;
    assert_eq!(refused, "ValidationException: Rule can't be deleted since it has targets.");
    world.ok("RemoveTargets", r#"{"Rule":"r","Ids":["q","no such"]}"#).await;
    world.ok("DeleteRule", r#"{"Name":"r"}"#).await;
    world.ok("DeleteRule", r#"{"Name":"r"}"#).await;
    assert_eq!(world.ok("ListRules", "{}").await.to_text(), r#"{"Rules":[]}"#);
}

#[tokio::test]
async fn targets_are_checked() {
    let world = World::new();
    world.ok("PutRule", r#"{"Name":"r","EventPattern":"{\"source\":[\"s\"]}"}"#).await;
    let states = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    let queue = "arn:aws:sqs:us-east-1:123456789012:q";
    let cases = [
        (
            r#""Arn":"nothing""#.to_owned(),
            "Parameter nothing is not valid. Reason: Provided Arn is not in correct format.".to_owned(),
        ),
        (
            r#""Arn":"arn:aws:kinesis:us-east-1:123456789012:stream/s""#.to_owned(),
            "Target a: Windlass does not deliver to targets of the service 'kinesis' (stream) yet.".to_owned(),
        ),
        (format!(r#""Arn":"{states}""#), format!("RoleArn is required for target {states}.")),
        (format!(r#""Arn":"{queue}.fifo""#), "Parameter(s) SqsParameters must be specified for target: a.".to_owned()),
        (format!(r#""Arn":"{queue}","Input":"x""#), "JSON syntax error in input for target a".to_owned()),
        (
            format!(r#""Arn":"{queue}","Input":"1","InputPath":"$.a""#),
            "Only one of Input, InputPath, or InputTransformer must be provided for target a.".to_owned(),
        ),
        (
            format!(r#""Arn":"{queue}","InputPath":"x""#),
            "Parameter InputPath is not valid. Reason: x is not a JSON path to one value.".to_owned(),
        ),
        (
            format!(r#""Arn":"{queue}","DeadLetterConfig":{{"Arn":"{queue}.fifo"}}"#),
            "Parameter DeadLetterConfig.Arn is not valid. Reason: It must be the ARN of a standard SQS queue."
                .to_owned(),
        ),
    ];
    for (target, expected) in cases {
        let input = format!(r#"{{"Rule":"r","Targets":[{{"Id":"a",{target}}}]}}"#);
        let found = world.refusal("PutTargets", &input).await;
        assert_eq!(found, format!("ValidationException: {expected}"), "{target}");
    }
    for id in 0..5 {
        world.target("r", &format!(r#"{{"Id":"{id}","Arn":"{queue}"}}"#)).await;
    }
    let sixth = format!(r#"{{"Rule":"r","Targets":[{{"Id":"6","Arn":"{queue}"}}]}}"#);
    let expected = "LimitExceededException: The requested resource exceeds the maximum number allowed.";
    assert_eq!(world.refusal("PutTargets", &sixth).await, expected);
}

#[tokio::test]
async fn patterns_are_tried() {
    let world = World::new();
    let event = r#"{\"id\":\"1\",\"source\":\"s\",\"account\":\"1\",\"time\":\"2026-01-01T00:00:00Z\",\"region\":\"r\",\"resources\":[],\"detail-type\":\"t\",\"detail\":{\"n\":5}}"#;
    let patterns = [(r#"{\"detail\":{\"n\":[{\"numeric\":[\">\",4]}]}}"#, true), (r#"{\"source\":[\"x\"]}"#, false)];
    for (pattern, expected) in patterns {
        let found = world.ok("TestEventPattern", &format!(r#"{{"EventPattern":"{pattern}","Event":"{event}"}}"#)).await;
        assert_eq!(found["Result"], Value::Bool(expected), "{pattern}");
    }
    let refused = world.refusal("TestEventPattern", r#"{"EventPattern":"{\"a\":[1]}","Event":"[]"}"#).await;
    assert_eq!(refused, "ValidationException: Parameter Event is not valid. Reason: It is not a JSON object.");
}
