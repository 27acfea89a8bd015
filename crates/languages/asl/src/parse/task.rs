//! Task.

use windlass_value::{Object, Value};

use super::WorkflowType;
use super::expression::Sees;
use super::integration;
use super::machine::SECONDS_MAX;
use super::place::Place;
use super::record::Record;
use super::resource;
use super::template::Reading;
use super::wait::literal;
use super::walk::{Bounds, SCHEMA, Walk};
use crate::program::{Pattern, QueryLanguage, Resource, Task};
use crate::template::Template;
use crate::validate::similar;

impl Walk {
    pub(crate) fn task(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<Task> {
        let bounds = Bounds::integer(1, SECONDS_MAX);
        if language == QueryLanguage::JsonPath {
            self.at_most_one(record, &["TimeoutSeconds", "TimeoutSecondsPath"]);
            self.at_most_one(record, &["HeartbeatSeconds", "HeartbeatSecondsPath"]);
        }
        let timeout = self.quantity(record, "TimeoutSeconds", "TimeoutSecondsPath", bounds, language);
        let heartbeat = self.quantity(record, "HeartbeatSeconds", "HeartbeatSecondsPath", bounds, language);
        if let (Some(timeout), Some(heartbeat)) = (literal(timeout.as_ref()), literal(heartbeat.as_ref()))
            && heartbeat >= timeout
        {
            self.schema("HeartbeatSeconds must be smaller than TimeoutSeconds", &record.at("HeartbeatSeconds"));
        }
        let resource = self.resource(record, language);
        let credentials = self.credentials(record, language);
        let (arn, resource) = resource?;
        Some(Task { arn, resource, timeout_seconds: timeout, heartbeat_seconds: heartbeat, credentials })
    }

    fn resource(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<(windlass_value::Text, Resource)> {
        let name = "Resource";
        let text = self.string(record, name)?.clone();
        let place = record.at(name);
        let (resource, known) = match resource::read(&text) {
            resource::Reading::Known(resource) => (Some(resource), true),
            resource::Reading::Unlisted(resource) => (Some(resource), false),
            resource::Reading::Unknown => (None, false),
            resource::Reading::NoArn => {
                self.schema("Value is not a valid resource ARN", &place);
                return None;
            }
        };
        if !known {
            let message = format!(
                "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
            );
            self.schema(message, &place).help = suggestion(&text);
            // A stored definition goes on when an integration leaves the table.
            return Some((text, resource?));
        }
        let resource = resource?;
        self.workflow_type_allows(&resource, &place);
        if let Resource::Integration { service, action, pattern } = &resource {
            self.parameters(record, language, &text, service, action);
            if *pattern == Pattern::WaitForTaskToken {
                self.task_token(record, language);
            }
        }
        Some((text, resource))
    }

    /// Express workflows wait for nothing.
    fn workflow_type_allows(&mut self, resource: &Resource, place: &Place<'_>) {
        if self.workflow_type != WorkflowType::Express && !self.express_children {
            return;
        }
        let message = match resource {
            Resource::Activity => "Express state machine does not support Activity ARN",
            Resource::Integration { pattern: Pattern::Sync | Pattern::Sync2, .. } => {
                "Express state machine does not support '.sync' service integration"
            }
            // The blank at the end is AWS's.
            Resource::Integration { pattern: Pattern::WaitForTaskToken, .. } => {
                "Express state machine does not support '.waitForTaskToken' service integration "
            }
            _ => return,
        };
        self.schema(message, place).help = Some("make it a Standard workflow to wait for a result".to_owned());
    }

    fn parameters(&mut self, record: &Record<'_>, language: QueryLanguage, arn: &str, service: &str, action: &str) {
        let field = match language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        let Some(value) = record.get(field) else {
            if !service.starts_with("aws-sdk:") {
                let message = format!("{field} field is required for resource ARN: {arn}");
                self.schema(message, &record.at("Resource"));
            }
            return;
        };
        let (Value::Object(object), Some(asked)) = (value, integration::parameters(service, action)) else { return };
        let place = record.at(field);
        for name in asked.required {
            if !has_parameter(object, name, language) {
                self.schema(format!("The field '{name}' is required but was missing"), &place);
            }
        }
        let Some(optional) = asked.optional else { return };
        let known = || asked.required.iter().chain(optional).copied();
        for key in object.keys() {
            let name = match language {
                QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
                QueryLanguage::Jsonata => key,
            };
            if !known().any(|known| known == name) {
                let message = format!("The field '{name}' is not supported by Step Functions");
                let help = self.did_you_mean(name, known());
                self.member_error(message, &Record::new(object, &place), key).help = help;
            }
        }
    }

    /// A callback that hands its token to nobody can only time out.
    fn task_token(&mut self, record: &Record<'_>, language: QueryLanguage) {
        let (field, needle) = match language {
            QueryLanguage::JsonPath => ("Parameters", "$$"),
            QueryLanguage::Jsonata => ("Arguments", "$states"),
        };
        let Some(value) = record.get(field) else { return };
        // A whole document computed by an expression may hold the token.
        let text = value.to_text();
        if !text.contains("Task.Token") && !text.contains(&format!("{needle}\"")) && !text.contains("context") {
            self.warning(SCHEMA, "No task token is passed to the task", &record.at(field)).help =
                Some(match language {
                    QueryLanguage::JsonPath => {
                        "add \"TaskToken.$\": \"$$.Task.Token\" to what the receiver gets".to_owned()
                    }
                    QueryLanguage::Jsonata => "pass $states.context.Task.Token to the receiver".to_owned(),
                });
        }
    }

    fn credentials(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<Template> {
        let name = "Credentials";
        let object = self.object(record, name)?;
        let place = record.at(name);
        if !has_parameter(object, "RoleArn", language) {
            self.schema("The field 'RoleArn' is required but was missing", &place);
        }
        self.template(record, name, Reading { language, sees: Sees::Input })
    }
}

fn has_parameter(object: &Object, name: &str, language: QueryLanguage) -> bool {
    object.contains_key(name)
        || (language == QueryLanguage::JsonPath && object.keys().any(|key| key.strip_suffix(".$") == Some(name)))
}

/// The integration a writer may have meant.
fn suggestion(text: &str) -> Option<String> {
    let (prefix, call) = text.split_once(":states:::")?;
    let base = call.split('.').next().unwrap_or(call);
    let names: Vec<String> = resource::integration_names().collect();
    if names.iter().any(|name| name == base) {
        return Some(format!("'{base}' does not have this integration pattern"));
    }
    let meant = similar::nearest(base, names.iter().map(String::as_str))?;
    Some(format!("did you mean '{prefix}:states:::{meant}'?"))
}
