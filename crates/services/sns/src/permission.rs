use windlass_protocol::{Call, Outcome};
use windlass_value::{Object, Value, object};

use crate::faults;
use crate::input;
use crate::sns::Shared;
use crate::topic::Topic;
use crate::topic_name::TopicName;

/// What a permission may be about.
const ACTIONS: [&str; 10] = [
    "Publish",
    "PublishBatch",
    "Subscribe",
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "ListSubscriptionsByTopic",
    "Receive",
];

impl Shared {
    /// `AddPermission`: a statement of the topic's policy.
    pub(crate) async fn add_permission(&self, call: &Call) -> Outcome {
        let label = input::text(&call.input, "Label").to_owned();
        let accounts = input::texts(&call.input, "AWSAccountId");
        let actions = input::texts(&call.input, "ActionName");
        if label.is_empty() {
            return Err(faults::missing("label"));
        }
        if accounts.is_empty() {
            return Err(faults::missing("aWSAccountId"));
        }
        if actions.is_empty() {
            return Err(faults::missing("actionName"));
        }
        if !actions.iter().all(|action| *action == "*" || ACTIONS.contains(action)) {
            return Err(faults::invalid("Policy statement action out of service scope!"));
        }
        let one_or_more = |mut values: Vec<Value>| match values.len() {
            1 => values.swap_remove(0),
            _ => Value::array(values),
        };
        let principals = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root").into()).collect();
        let actions = actions.iter().map(|action| format!("SNS:{action}").into()).collect();
        let change = |name: &TopicName, topic: &mut Topic| {
            let statement = object! {
                "Sid" => label.as_str(),
                "Effect" => "Allow",
                "Principal" => object! { "AWS" => one_or_more(principals) },
                "Action" => one_or_more(actions),
                "Resource" => name.to_string(),
            };
            let policy = topic.policy(name);
            let mut statements = statements(&policy);
            if statements.iter().any(|other| other["Sid"].as_str() == Some(label.as_str())) {
                return Err(faults::invalid("Statement already exists"));
            }
            statements.push(statement);
            set(topic, &policy, statements);
            Ok(())
        };
        self.change_topic(call, "TopicArn", change).await
    }

    /// `RemovePermission`. A label that is not there is no error.
    pub(crate) async fn remove_permission(&self, call: &Call) -> Outcome {
        let label = input::text(&call.input, "Label").to_owned();
        let change = |name: &TopicName, topic: &mut Topic| {
            let policy = topic.policy(name);
            let mut statements = statements(&policy);
            let before = statements.len();
            statements.retain(|statement| statement["Sid"].as_str() != Some(label.as_str()));
            if statements.len() < before {
                set(topic, &policy, statements);
            }
            Ok(())
        };
        self.change_topic(call, "TopicArn", change).await
    }
}

fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.to_vec(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn set(topic: &mut Topic, policy: &Value, statements: Vec<Value>) {
    let mut policy: Object = policy.as_object().map(|object| (**object).clone()).unwrap_or_default();
    policy.insert("Statement", statements);
    topic.attributes.insert("Policy".to_owned(), Value::from(policy).to_text());
}
