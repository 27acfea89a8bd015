//! What an optimized integration asks of its parameters.

/// Parameters of one call.
pub struct Parameters {
    /// Must be there.
    pub required: &'static [&'static str],
    /// May be there beside the required ones; `None` where the list is not known.
    pub optional: Option<&'static [&'static str]>,
}

/// Parameters of DynamoDB's calls that write one item.
const WRITE_ITEM: &[&str] = &[
    "ConditionExpression",
    "ConditionalOperator",
    "Expected",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnConsumedCapacity",
    "ReturnItemCollectionMetrics",
    "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
];

/// What is asked of `service:action`; `None` where nothing is checked.
pub fn parameters(service: &str, action: &str) -> Option<Parameters> {
    let (required, optional): (&[&str], Option<&[&str]>) = match (service, action) {
        ("lambda", "invoke") => (
            &["FunctionName"],
            Some(&[
                "Payload",
                "InvocationType",
                "Qualifier",
                "ClientContext",
                "LogType",
                "TenantId",
                "DurableExecutionName",
            ]),
        ),
        ("sqs", "sendMessage") => (
            &["QueueUrl", "MessageBody"],
            Some(&[
                "DelaySeconds",
                "MessageAttribute",
                "MessageAttributes",
                "MessageSystemAttributes",
                "MessageDeduplicationId",
                "MessageGroupId",
            ]),
        ),
        ("sns", "publish") => (
            &["Message"],
            Some(&[
                "MessageAttributes",
                "MessageStructure",
                "PhoneNumber",
                "Subject",
                "TargetArn",
                "TopicArn",
                "MessageGroupId",
                "MessageDeduplicationId",
            ]),
        ),
        ("events", "putEvents") => (&["Entries"], Some(&["EndpointId"])),
        ("states", "startExecution") => (&["StateMachineArn"], Some(&["Input", "Name", "TraceHeader"])),
        ("dynamodb", "getItem") => (
            &["TableName", "Key"],
            Some(&[
                "AttributesToGet",
                "ConsistentRead",
                "ExpressionAttributeNames",
                "ProjectionExpression",
                "ReturnConsumedCapacity",
            ]),
        ),
        ("dynamodb", "putItem") => (&["TableName", "Item"], Some(WRITE_ITEM)),
        ("dynamodb", "deleteItem") => (&["TableName", "Key"], Some(WRITE_ITEM)),
        ("dynamodb", "updateItem") => (
            &["TableName", "Key"],
            Some(&[
                "AttributeUpdates",
                "UpdateExpression",
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "ReturnValuesOnConditionCheckFailure",
            ]),
        ),
        ("ecs", "runTask") => (&["TaskDefinition"], None),
        ("glue", "startJobRun") => (&["JobName"], None),
        _ => return None,
    };
    Some(Parameters { required, optional })
}
