use windlass_value::{Object, Value, object};

use crate::destination::Destination;
use crate::request::Request;

/// Which bound of a retry policy was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// `MaximumRetryAttempts`
    Attempts,
    /// `MaximumEventAgeInSeconds`
    Age,
}

impl Exhausted {
    /// As a dead letter names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Exhausted::Attempts => "MaximumRetryAttempts",
            Exhausted::Age => "MaximumEventAgeInSeconds",
        }
    }
}

/// What a dead-letter queue gets of a delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// What could not be delivered.
    pub body: &'a str,
    /// Message attributes by name, in AWS's order.
    pub attributes: Vec<(&'a str, String)>,
    /// For a queue with message groups.
    pub group: Option<&'a str>,
}

impl DeadLetter<'_> {
    /// The message to that queue.
    pub fn request(&self, queue: &Destination) -> Request {
        /// What SQS takes of a message, at most.
        const ATTRIBUTE_CHARS_MAX: usize = 1024;
        let mut request = Request::send_message(queue, self.body, self.group, None);
        let attributes: Object = self
            .attributes
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                let value: String = value.chars().take(ATTRIBUTE_CHARS_MAX).collect();
                (*name, object! { "DataType" => "String", "StringValue" => value })
            })
            .collect();
        if let Value::Object(input) = &request.input {
            let mut input = Object::clone(input);
            input.insert("MessageAttributes", attributes);
            request.input = input.into();
        }
        request
    }
}
