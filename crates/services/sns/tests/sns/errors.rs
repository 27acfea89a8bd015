use windlass_value::{Value, object, parse};

use crate::fixture::{World, queue_arn, topic_arn};

/// Operation, input, code, message, status. `T` stands for a standard topic's ARN, `F`
/// for a FIFO topic's, `S` for a subscription's, `Q` for a queue's.
const CASES: &[(&str, &str, &str, &str, u16)] = &[
    ("CreateTopic", r#"{"Name":""}"#, "InvalidParameter", "Invalid parameter: Topic Name", 400),
    ("CreateTopic", r#"{"Name":"a b"}"#, "InvalidParameter", "Invalid parameter: Topic Name", 400),
    ("CreateTopic", r#"{"Name":"a.fifo"}"#, "InvalidParameter", "Invalid parameter: Topic Name", 400),
    (
        "CreateTopic",
        r#"{"Name":"a","Attributes":{"FifoTopic":"true"}}"#,
        "InvalidParameter",
        "Invalid parameter: Topic Name",
        400,
    ),
    (
        "CreateTopic",
        r#"{"Name":"std","Attributes":{"DisplayName":"x"}}"#,
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
        400,
    ),
    (
        "CreateTopic",
        r#"{"Name":"std","Tags":[{"Key":"a","Value":"b"}]}"#,
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
        400,
    ),
    (
        "CreateTopic",
        r#"{"Name":"n","Tags":[{"Key":"a","Value":"b"},{"Key":"a","Value":"c"}]}"#,
        "InvalidParameter",
        "Invalid parameter: Duplicated keys are not allowed.",
        400,
    ),
    (
        "GetTopicAttributes",
        r#"{"TopicArn":"no"}"#,
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        400,
    ),
    (
        "GetTopicAttributes",
        r#"{"TopicArn":"arn:aws:sns:us-east-1:000000000000:none"}"#,
        "NotFound",
        "Topic does not exist",
        404,
    ),
    (
        "GetTopicAttributes",
        r#"{"TopicArn":"arn:aws:sns:eu-west-1:000000000000:std"}"#,
        "InvalidParameter",
        "Invalid parameter: TopicArn",
        400,
    ),
    (
        "SetTopicAttributes",
        r#"{"TopicArn":"T","AttributeName":"FifoTopic","AttributeValue":"false"}"#,
        "InvalidParameter",
        "Invalid parameter: AttributeName",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"pigeon","Endpoint":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: Amazon SNS does not support this protocol string: pigeon",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"firehose","Endpoint":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: Windlass does not implement subscriptions of the protocol firehose yet",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"sqs","Endpoint":"http://q"}"#,
        "InvalidParameter",
        "Invalid parameter: SQS endpoint ARN",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"http","Endpoint":"https://x"}"#,
        "InvalidParameter",
        "Invalid parameter: Endpoint must match the specified protocol",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q.fifo"}"#,
        "InvalidParameter",
        "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"sqs","Endpoint":"Q","Attributes":{"RawMessageDelivery":"maybe"}}"#,
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [maybe]. Must be true or false.",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"sqs","Endpoint":"Q","Attributes":{"RawMessageDelivery":"true"}}"#,
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"T","Protocol":"sqs","Endpoint":"Q","Attributes":{"FilterPolicy":"{\"key\":[]}"}}"#,
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: FilterPolicy: Empty arrays are not allowed\n at [Source: (String)\"{\"key\":[]}\"; line: 1, column: 10]",
        400,
    ),
    (
        "Subscribe",
        r#"{"TopicArn":"arn:aws:sns:us-east-1:000000000000:none","Protocol":"sqs","Endpoint":"Q"}"#,
        "NotFound",
        "Topic does not exist",
        404,
    ),
    ("GetSubscriptionAttributes", r#"{"SubscriptionArn":"T:0"}"#, "NotFound", "Subscription does not exist", 404),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"No","AttributeValue":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: AttributeName",
        400,
    ),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"RawMessageDelivery","AttributeValue":""}"#,
        "InvalidParameter",
        "Invalid parameter: RawMessageDelivery: Invalid value []. Must be true or false.",
        400,
    ),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"RedrivePolicy","AttributeValue":"{\"deadLetterTargetArn\":\"x\"}"}"#,
        "InvalidParameter",
        "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn",
        400,
    ),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"RedrivePolicy","AttributeValue":"{invalid"}"#,
        "InvalidParameter",
        "Invalid parameter: RedrivePolicy: failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]",
        400,
    ),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"FilterPolicyScope","AttributeValue":"Random"}"#,
        "InvalidParameter",
        "Invalid parameter: FilterPolicyScope: Invalid value [Random]. Please use either MessageBody or MessageAttributes",
        400,
    ),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"FilterPolicy","AttributeValue":"{\"a\":{\"b\":[1]}}"}"#,
        "InvalidParameter",
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy",
        400,
    ),
    (
        "SetSubscriptionAttributes",
        r#"{"SubscriptionArn":"S","AttributeName":"ReplayPolicy","AttributeValue":"{}"}"#,
        "InvalidParameter",
        "Invalid parameter: Windlass does not implement replays of archived messages yet",
        400,
    ),
    (
        "Unsubscribe",
        r#"{"SubscriptionArn":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1",
        400,
    ),
    ("ConfirmSubscription", r#"{"TopicArn":"T","Token":"random"}"#, "InvalidParameter", "Invalid token", 400),
    ("Publish", r#"{"TopicArn":"T","Message":""}"#, "InvalidParameter", "Invalid parameter: Empty message", 400),
    (
        "Publish",
        r#"{"TopicArn":"","Message":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","Subject":""}"#,
        "InvalidParameter",
        "Invalid parameter: Subject",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","Subject":"a\nb"}"#,
        "InvalidParameter",
        "Invalid parameter: Subject",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageStructure":"json"}"#,
        "InvalidParameter",
        "Invalid parameter: Message Structure - JSON message body failed to parse",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"{\"sqs\":\"x\"}","MessageStructure":"json"}"#,
        "InvalidParameter",
        "Invalid parameter: Message Structure - No default entry in JSON message body",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageDeduplicationId":"1"}"#,
        "InvalidParameter",
        "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"F","Message":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"F","Message":"x","MessageGroupId":"g"}"#,
        "InvalidParameter",
        "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        400,
    ),
    (
        "Publish",
        r#"{"TargetArn":"arn:aws:sns:us-east-1:000000000000:endpoint/APNS/a/1","Message":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
        400,
    ),
    (
        "Publish",
        r#"{"PhoneNumber":"+1a","Message":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: PhoneNumber Reason: +1a is not valid to publish to",
        400,
    ),
    (
        "Publish",
        r#"{"PhoneNumber":"+15551234567","Message":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: Windlass does not implement text messages to phone numbers yet",
        400,
    ),
    (
        "Publish",
        r#"{"Message":"x"}"#,
        "InvalidParameter",
        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":""}}}"#,
        "ParameterValueInvalid",
        "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{"a":{"StringValue":"b"}}}"#,
        "ValidationError",
        "1 validation error detected: Value null at 'messageAttributes.a.member.dataType' failed to satisfy constraint: Member must not be null",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{"a":{"DataType":"Number","BinaryValue":"AA=="}}}"#,
        "ParameterValueInvalid",
        "The message attribute 'a' with type 'Number' must use field 'String'.",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{"a":{"DataType":"Stringy","StringValue":"b"}}}"#,
        "ParameterValueInvalid",
        "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{"a^":{"DataType":"String","StringValue":"b"}}}"#,
        "ParameterValueInvalid",
        "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{".a":{"DataType":"String","StringValue":"b"}}}"#,
        "ParameterValueInvalid",
        "Invalid message attribute name starting with character '.' was found.",
        400,
    ),
    (
        "Publish",
        r#"{"TopicArn":"T","Message":"x","MessageAttributes":{"a..b":{"DataType":"String","StringValue":"b"}}}"#,
        "ParameterValueInvalid",
        "Message attribute name can not have successive '.' character.",
        400,
    ),
    (
        "PublishBatch",
        r#"{"TopicArn":"T","PublishBatchRequestEntries":[]}"#,
        "EmptyBatchRequest",
        "The batch request doesn't contain any entries.",
        400,
    ),
    (
        "PublishBatch",
        r#"{"TopicArn":"T","PublishBatchRequestEntries":[{"Id":"a","Message":"x"},{"Id":"a","Message":"y"}]}"#,
        "BatchEntryIdsNotDistinct",
        "Two or more batch entries in the request have the same Id.",
        400,
    ),
    (
        "PublishBatch",
        r#"{"TopicArn":"T","PublishBatchRequestEntries":[{"Id":"a.b","Message":"x"}]}"#,
        "InvalidBatchEntryId",
        "The Id of a batch entry in the batch request contains an impermissible character: a.b",
        400,
    ),
    (
        "PublishBatch",
        r#"{"TopicArn":"arn:aws:sns:us-east-1:000000000000:none","PublishBatchRequestEntries":[{"Id":"a","Message":"x"}]}"#,
        "NotFound",
        "Topic does not exist",
        404,
    ),
    (
        "PublishBatch",
        r#"{"TopicArn":"T","PublishBatchRequestEntries":[{"Id":"a","Message":"x","MessageAttributes":{"a":{"StringValue":"b"}}}]}"#,
        "ValidationError",
        "1 validation error detected: Value null at 'publishBatchRequestEntries.1.member.messageAttributes.a.member.dataType' failed to satisfy constraint: Member must not be null",
        400,
    ),
    (
        "AddPermission",
        r#"{"TopicArn":"T","Label":"l","AWSAccountId":["111111111111"],"ActionName":["Fly"]}"#,
        "InvalidParameter",
        "Invalid parameter: Policy statement action out of service scope!",
        400,
    ),
    (
        "TagResource",
        r#"{"ResourceArn":"arn:aws:sns:us-east-1:000000000000:none","Tags":[{"Key":"a","Value":"b"}]}"#,
        "ResourceNotFound",
        "Resource does not exist",
        404,
    ),
    ("ListTopics", r#"{"NextToken":"x"}"#, "InvalidParameter", "Invalid parameter: NextToken", 400),
    (
        "CreatePlatformApplication",
        r#"{}"#,
        "NotImplementedException",
        "Windlass does not implement the SNS operation CreatePlatformApplication yet.",
        501,
    ),
];

#[tokio::test]
async fn errors_are_awss() {
    let world = World::new();
    let topic = world.topic("std", Value::Null).await;
    let fifo = world.topic("first.fifo", object! { "FifoTopic" => "true" }).await;
    assert_eq!(fifo, topic_arn("first.fifo"));
    let subscription = world.subscribe(&topic, "q", Value::Null).await;
    let mut wrong = Vec::new();
    for (operation, input, code, message, status) in CASES {
        let input = input
            .replace("\"T\"", &format!("\"{topic}\""))
            .replace("\"T:0\"", &format!("\"{topic}:0\""))
            .replace("\"F\"", &format!("\"{fifo}\""))
            .replace("\"S\"", &format!("\"{subscription}\""))
            .replace("\"Q\"", &format!("\"{}\"", queue_arn("q")));
        match world.try_call(operation, parse(&input).unwrap()).await {
            Ok(output) => wrong.push(format!("{operation} {input} answered {output}")),
            Err(fault) if (fault.code.as_str(), fault.message.as_str(), fault.status) == (*code, *message, *status) => {
            }
            Err(fault) => {
                wrong.push(format!("{operation} {input}\n  {} {}\n  not {code} {message}", fault.code, fault.message))
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn messages_have_a_length() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let long = |bytes: usize| "x".repeat(bytes);
    world.publish(&topic, &long(262_144), Value::Null).await;
    let attribute = object! { "a" => object! { "DataType" => "String", "StringValue" => "b" } };
    for (message, attributes) in [(long(262_145), Value::Null), (long(262_144), attribute)] {
        let input = object! { "TopicArn" => &topic, "Message" => message, "MessageAttributes" => attributes };
        let fault = world.try_call("Publish", input).await.unwrap_err();
        assert_eq!(fault.message, "Invalid parameter: Message too long");
    }
    let entry = |id: &str| object! { "Id" => id, "Message" => long(150_000) };
    let input = object! { "TopicArn" => &topic, "PublishBatchRequestEntries" => vec![entry("a"), entry("b")] };
    assert_eq!(world.try_call("PublishBatch", input).await.unwrap_err().code, "BatchRequestTooLong");
    let entries: Vec<Value> = (0..11).map(|id| object! { "Id" => id.to_string(), "Message" => "x" }).collect();
    let input = object! { "TopicArn" => &topic, "PublishBatchRequestEntries" => entries };
    assert_eq!(world.try_call("PublishBatch", input).await.unwrap_err().code, "TooManyEntriesInBatchRequest");
}
