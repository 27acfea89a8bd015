use windlass_value::{Arn, Object, Text, Value, object};

use crate::destination::Destination;
use crate::event_entry::EventEntry;

/// One AWS API call that a delivery stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The signing name.
    pub service: String,
    /// As the service model names it.
    pub operation: String,
    /// Whose resource it is.
    pub account: String,
    /// Where it is.
    pub region: String,
    /// The input by member name.
    pub input: Value,
    /// The raw payload, for operations that have one.
    pub body: Option<Text>,
}

impl Request {
    fn to(arn: &Arn, service: &str, operation: &str, input: Value) -> Request {
        Request {
            service: service.to_owned(),
            operation: operation.to_owned(),
            account: arn.account.clone(),
            region: arn.region.clone(),
            input,
            body: None,
        }
    }

    /// Starts an execution; one of that name that exists already is the same one.
    pub fn start_execution(destination: &Destination, name: &str, input: &str) -> Request {
        let arn = destination.arn.to_string();
        let input = object! { "stateMachineArn" => arn, "name" => name, "input" => input };
        Request::to(&destination.arn, "states", "StartExecution", input)
    }

    /// Runs an Express execution and waits for its end.
    pub fn start_sync_execution(destination: &Destination, input: &str) -> Request {
        let input = object! { "stateMachineArn" => destination.arn.to_string(), "input" => input };
        Request::to(&destination.arn, "states", "StartSyncExecution", input)
    }

    /// Invokes a function, as an event or to wait for its answer.
    pub fn invoke(destination: &Destination, payload: &str, waits: bool) -> Request {
        let kind = if waits { "RequestResponse" } else { "Event" };
        let input = object! { "FunctionName" => destination.arn.to_string(), "InvocationType" => kind };
        let request = Request::to(&destination.arn, "lambda", "Invoke", input);
        Request { body: Some(payload.into()), ..request }
    }

    /// Sends a message to a queue.
    pub fn send_message(
        destination: &Destination,
        body: &str,
        group: Option<&str>,
        deduplication: Option<&str>,
    ) -> Request {
        let mut input = Object::new();
        input.insert("QueueUrl", Request::queue_url(&destination.arn));
        input.insert("MessageBody", body);
        insert_some(&mut input, "MessageGroupId", group);
        insert_some(&mut input, "MessageDeduplicationId", deduplication);
        Request::to(&destination.arn, "sqs", "SendMessage", input.into())
    }

    /// The name by which a queue of that ARN is called.
    pub fn queue_url(arn: &Arn) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{}", arn.region, arn.account, arn.resource)
    }

    /// Publishes to a topic.
    pub fn publish(
        destination: &Destination,
        message: &str,
        group: Option<&str>,
        deduplication: Option<&str>,
    ) -> Request {
        let mut input = Object::new();
        input.insert("TopicArn", destination.arn.to_string());
        input.insert("Message", message);
        insert_some(&mut input, "MessageGroupId", group);
        insert_some(&mut input, "MessageDeduplicationId", deduplication);
        Request::to(&destination.arn, "sns", "Publish", input.into())
    }

    /// Puts an event on a bus.
    pub fn put_event(destination: &Destination, entry: &EventEntry) -> Request {
        let entry = entry.to_value(&destination.arn.to_string());
        Request::to(&destination.arn, "events", "PutEvents", object! { "Entries" => Value::array(vec![entry]) })
    }

    /// Makes a log stream; one that exists already is fine.
    pub fn create_log_stream(destination: &Destination, group: &str, stream: &str) -> Request {
        let input = object! { "logGroupName" => group, "logStreamName" => stream };
        Request::to(&destination.arn, "logs", "CreateLogStream", input)
    }

    /// Writes one line of a log.
    pub fn put_log_event(destination: &Destination, group: &str, stream: &str, at_ms: i64, message: &str) -> Request {
        let event = object! { "timestamp" => at_ms, "message" => message };
        let events = Value::array(vec![event]);
        let input = object! { "logGroupName" => group, "logStreamName" => stream, "logEvents" => events };
        Request::to(&destination.arn, "logs", "PutLogEvents", input)
    }
}

fn insert_some(object: &mut Object, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(name, value);
    }
}
