use windlass_protocol::Service;
use windlass_value::Value;

use crate::world::{World, call, json};

#[tokio::test]
async fn buses_are_made_changed_listed_and_removed() {
    let world = World::new();
    let made =
        world.ok("CreateEventBus", r#"{"Name":"orders","Description":"d","Tags":[{"Key":"a","Value":"b"}]}"#).await;
    assert_eq!(made["EventBusArn"], Value::from("arn:aws:events:us-east-1:123456789012:event-bus/orders"));
    let refusals = [
        ("CreateEventBus", r#"{"Name":"orders"}"#, "ResourceAlreadyExistsException: Event bus orders already exists."),
        (
            "CreateEventBus",
            r#"{"Name":"default"}"#,
            "ResourceAlreadyExistsException: Event bus default already exists.",
        ),
        ("CreateEventBus", r#"{"Name":"a/b"}"#, "ValidationException: Event bus name must not contain '/'."),
        ("DescribeEventBus", r#"{"Name":"x"}"#, "ResourceNotFoundException: Event bus x does not exist."),
        ("DeleteEventBus", r#"{"Name":"default"}"#, "ValidationException: Cannot delete event bus default."),
        ("ListRules", r#"{"EventBusName":"x"}"#, "ResourceNotFoundException: Event bus x does not exist."),
    ];
    for (operation, input, expected) in refusals {
        assert_eq!(world.refusal(operation, input).await, expected, "{operation} {input}");
    }
    let described = world.ok("DescribeEventBus", r#"{"Name":"orders"}"#).await;
    assert_eq!(described["Description"], Value::from("d"));
    assert_eq!(described["CreationTime"], Value::int(1_795_366_800));
    let all = world.ok("ListEventBuses", "{}").await;
    let names: Vec<_> = all["EventBuses"].as_array().unwrap().iter().map(|bus| bus["Name"].to_text()).collect();
    assert_eq!(names, [r#""default""#, r#""orders""#]);
    let first = world.ok("ListEventBuses", r#"{"Limit":1}"#).await;
    let token = first["NextToken"].as_str().unwrap();
    let second = world.ok("ListEventBuses", &format!(r#"{{"Limit":1,"NextToken":"{token}"}}"#)).await;
    assert_eq!(second.pointer("/EventBuses/0/Name"), Some(&Value::from("orders")));
    assert_eq!(second.get("NextToken"), None);
    let wrong = world.refusal("ListEventBuses", &format!(r#"{{"NamePrefix":"o","NextToken":"{token}"}}"#)).await;
    assert_eq!(wrong, "ValidationException: Parameter NextToken is not valid.");

    world.ok("PutRule", r#"{"Name":"r","EventBusName":"orders","EventPattern":"{\"source\":[\"s\"]}"}"#).await;
    let refused = world.refusal("DeleteEventBus", r#"{"Name":"orders"}"#).await;
    assert_eq!(refused, "ValidationException: Event bus can't be deleted since it has rules.");
    world.ok("DeleteRule", r#"{"Name":"r","EventBusName":"orders"}"#).await;
    world.ok("DeleteEventBus", r#"{"Name":"orders"}"#).await;
    world.ok("DeleteEventBus", r#"{"Name":"orders"}"#).await;
    assert!(world.call("DescribeEventBus", r#"{"Name":"orders"}"#).await.is_err());
}

#[tokio::test]
async fn a_bus_has_a_policy() {
    let mut world = World::new();
    let permit = r#"{"Action":"events:PutEvents","Principal":"111122223333","StatementId":"one"}"#;
    world.ok("PutPermission", permit).await;
    let permit = r#"{"Action":"events:PutEvents","Principal":"*","StatementId":"two","Condition":{"Type":"StringEquals","Key":"aws:PrincipalOrgID","Value":"o-1"}}"#;
    world.ok("PutPermission", permit).await;
    world.restart(0).await;
    let policy = world.ok("DescribeEventBus", "{}").await["Policy"].clone();
    let expected = json(
        r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"one","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"events:PutEvents","Resource":"arn:aws:events:us-east-1:123456789012:event-bus/default"},
            {"Sid":"two","Effect":"Allow","Principal":"*","Action":"events:PutEvents","Resource":"arn:aws:events:us-east-1:123456789012:event-bus/default","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}"#,
    );
    assert_eq!(json(policy.as_str().unwrap()), expected);
    let arn = "arn:aws:events:us-east-1:123456789012:event-bus/default";
    assert_eq!(world.events.resource_policy(arn).await.unwrap().as_deref(), policy.as_str());
    world.ok("RemovePermission", r#"{"StatementId":"one"}"#).await;
    let refused = world.refusal("RemovePermission", r#"{"StatementId":"one"}"#).await;
    assert_eq!(refused, "ResourceNotFoundException: Statement with the provided id does not exist.");
    world.ok("RemovePermission", r#"{"RemoveAllPermissions":true}"#).await;
    let refused = world.refusal("RemovePermission", r#"{"StatementId":"two"}"#).await;
    assert_eq!(refused, "ResourceNotFoundException: EventBus does not have a policy.");
}

#[tokio::test]
async fn buses_and_rules_have_tags() {
    let mut world = World::new();
    let rule = r#"{"Name":"r","EventPattern":"{\"source\":[\"s\"]}","Tags":[{"Key":"a","Value":"1"}]}"#;
    world.ok("PutRule", rule).await;
    for resource in ["rule/r", "event-bus/default"] {
        let arn = format!("arn:aws:events:us-east-1:123456789012:{resource}");
        let tag = |key: &str| format!(r#"{{"ResourceARN":"{arn}","Tags":[{{"Key":"{key}","Value":"2"}}]}}"#);
        world.ok("TagResource", &tag("b")).await;
        world.ok("UntagResource", &format!(r#"{{"ResourceARN":"{arn}","TagKeys":["a"]}}"#)).await;
        world.restart(0).await;
        let tags = world.ok("ListTagsForResource", &format!(r#"{{"ResourceARN":"{arn}"}}"#)).await;
        assert_eq!(tags.to_text(), r#"{"Tags":[{"Key":"b","Value":"2"}]}"#, "{arn}");
        let refused = world.refusal("TagResource", &tag("aws:x")).await;
        assert_eq!(refused, "ValidationException: System tags cannot be added/updated by requester.");
    }
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let world = World::new();
    let refused = world.refusal("CreateEndpoint", "{}").await;
    let expected = "NotImplementedException: Windlass does not implement the EventBridge operation CreateEndpoint yet.";
    assert_eq!(refused, expected);
    let outside = call("windlass:ConnectionAuthorization", r#"{"ConnectionArn":"x"}"#);
    assert_eq!(world.raw(outside).await.unwrap_err().code, "UnknownOperationException");
}
