//! The services whose wire formats are built in, and which operation a request means.

use std::sync::LazyLock;

use http::request::Parts;

use crate::fault::Fault;
use crate::model::{Operation, ServiceModel, Wire};
use crate::table;
use crate::uri::{Labels, form_pairs};

/// All services whose tables are embedded.
#[derive(Clone, Copy, Debug)]
pub struct Models {
    services: &'static [Entry],
}

/// A table that is compiled when its service is first spoken to.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    target_prefix: Option<&'static str>,
    wire: Wire,
    model: &'static LazyLock<ServiceModel>,
}

macro_rules! embedded {
    ($name:literal) => {
        LazyLock::new(|| {
            table::compile($name, include_str!(concat!("../../../models/", $name, ".json")))
                // The tables are part of the binary, and a test compiles each.
                .expect(concat!("the embedded table '", $name, "' is well formed"))
        })
    };
}

static STATES: LazyLock<ServiceModel> = embedded!("states");
static LAMBDA: LazyLock<ServiceModel> = embedded!("lambda");
static STS: LazyLock<ServiceModel> = embedded!("sts");
static S3: LazyLock<ServiceModel> = embedded!("s3");
static SQS: LazyLock<ServiceModel> = embedded!("sqs");
static SNS: LazyLock<ServiceModel> = embedded!("sns");
static EVENTS: LazyLock<ServiceModel> = embedded!("events");
static SCHEDULER: LazyLock<ServiceModel> = embedded!("scheduler");
static PIPES: LazyLock<ServiceModel> = embedded!("pipes");
static LOGS: LazyLock<ServiceModel> = embedded!("logs");
static IAM: LazyLock<ServiceModel> = embedded!("iam");
static SECRETSMANAGER: LazyLock<ServiceModel> = embedded!("secretsmanager");
static SSM: LazyLock<ServiceModel> = embedded!("ssm");
static KMS: LazyLock<ServiceModel> = embedded!("kms");

static EMBEDDED: [Entry; 14] = [
    Entry { name: "states", target_prefix: Some("AWSStepFunctions"), wire: Wire::AwsJson10, model: &STATES },
    Entry { name: "lambda", target_prefix: None, wire: Wire::RestJson, model: &LAMBDA },
    Entry { name: "sts", target_prefix: None, wire: Wire::Query, model: &STS },
    Entry { name: "s3", target_prefix: None, wire: Wire::RestXml, model: &S3 },
    Entry { name: "sqs", target_prefix: Some("AmazonSQS"), wire: Wire::AwsJson10, model: &SQS },
    Entry { name: "sns", target_prefix: None, wire: Wire::Query, model: &SNS },
    Entry { name: "events", target_prefix: Some("AWSEvents"), wire: Wire::AwsJson11, model: &EVENTS },
    Entry { name: "scheduler", target_prefix: None, wire: Wire::RestJson, model: &SCHEDULER },
    Entry { name: "pipes", target_prefix: None, wire: Wire::RestJson, model: &PIPES },
    Entry { name: "logs", target_prefix: Some("Logs_20140328"), wire: Wire::AwsJson11, model: &LOGS },
    Entry { name: "iam", target_prefix: None, wire: Wire::Query, model: &IAM },
    Entry {
        name: "secretsmanager",
        target_prefix: Some("secretsmanager"),
        wire: Wire::AwsJson11,
        model: &SECRETSMANAGER,
    },
    Entry { name: "ssm", target_prefix: Some("AmazonSSM"), wire: Wire::AwsJson11, model: &SSM },
    Entry { name: "kms", target_prefix: Some("TrentService"), wire: Wire::AwsJson11, model: &KMS },
];

/// What a request means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The service it is for.
    pub service: &'static ServiceModel,
    /// The operation it asks for.
    pub operation: &'static Operation,
    /// Whether the caller does not wait for the outcome (Lambda's `Event` invocations).
    pub asynchronous: bool,
    pub(crate) labels: Labels,
}

impl Models {
    /// The services built in.
    pub fn embedded() -> Models {
        Models { services: &EMBEDDED }
    }

    /// The model of a service by its signing name.
    pub fn service(&self, name: &str) -> Option<&'static ServiceModel> {
        self.services.iter().find(|entry| entry.name == name).map(|entry| &**entry.model)
    }

    /// Which operation a request asks for: by `X-Amz-Target`, else by method and path. The
    /// `Host` says nothing, so `sync-` prefixes and foreign names do no harm. The service in the
    /// signature's credential scope, where there is one, chooses among services that share paths.
    /// Operations of query services stand in the body; see [`Models::resolve_query`].
    ///
    /// # Errors
    /// `UnknownOperationException`.
    pub fn resolve(&self, parts: &Parts, credential_scope_service: Option<&str>) -> Result<Resolved, Fault> {
        if let Some(target) = parts.headers.get(TARGET) {
            return self.resolve_target(&String::from_utf8_lossy(target.as_bytes()));
        }
        let named = self.named(credential_scope_service);
        let found = self
            .services
            .iter()
            .filter(|entry| entry.wire == Wire::RestJson && named.is_none_or(|named| std::ptr::eq(named, *entry)))
            .find_map(|entry| resolve_path(entry.model, parts));
        found.ok_or_else(|| unknown_operation(404, format!("no operation for {} {}", parts.method, parts.uri.path())))
    }

    /// Which operation a form body asks for; for requests that [`Models::wire`] calls
    /// [`Wire::Query`].
    ///
    /// # Errors
    /// `MissingAction` without an `Action`, `InvalidAction` where no service knows it.
    pub fn resolve_query(&self, body: &[u8], credential_scope_service: Option<&str>) -> Result<Resolved, Fault> {
        let text = String::from_utf8_lossy(body);
        let value = |name: &str| form_pairs(&text).find(|(key, _)| key == name).map(|(_, value)| value);
        let Some(action) = value("Action") else {
            return Err(Fault::new("MissingAction", "The request must contain the parameter Action."));
        };
        let version = value("Version").unwrap_or_default();
        let named = self.named(credential_scope_service);
        self.services
            .iter()
            .filter(|entry| entry.wire == Wire::Query && named.is_none_or(|named| std::ptr::eq(named, *entry)))
            .map(|entry| &**entry.model)
            .filter(|service| version.is_empty() || service.api_version == version)
            .find_map(|service| {
                let operation = service.operation(&action)?;
                Some(Resolved { service, operation, asynchronous: false, labels: Labels::new() })
            })
            .ok_or_else(|| {
                Fault::new("InvalidAction", format!("Could not find operation {action} for version {version}"))
            })
    }

    /// How a request speaks, to answer it even if it means nothing.
    pub fn wire(&self, parts: &Parts, credential_scope_service: Option<&str>) -> Wire {
        let content_type = parts.headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let starts = |prefix: &str| content_type.is_some_and(|text| text.starts_with(prefix.as_bytes()));
        if parts.headers.contains_key(TARGET) {
            return if starts("application/x-amz-json-1.1") { Wire::AwsJson11 } else { Wire::AwsJson10 };
        }
        if let Some(entry) = self.named(credential_scope_service) {
            return entry.wire;
        }
        if starts("application/x-amz-json-1.1") {
            Wire::AwsJson11
        } else if starts("application/x-amz-json") {
            Wire::AwsJson10
        } else if starts("application/x-www-form-urlencoded") && parts.uri.path() == "/" {
            Wire::Query
        } else {
            Wire::RestJson
        }
    }

    fn named(&self, service: Option<&str>) -> Option<&'static Entry> {
        service.and_then(|name| self.services.iter().find(|entry| entry.name == name))
    }

    fn resolve_target(&self, target: &str) -> Result<Resolved, Fault> {
        let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
        self.services
            .iter()
            .find(|entry| entry.target_prefix == Some(prefix))
            .and_then(|entry| {
                let service = &**entry.model;
                let operation = service.operation(name)?;
                Some(Resolved { service, operation, asynchronous: false, labels: Labels::new() })
            })
            .ok_or_else(|| unknown_operation(400, format!("no service here knows the target '{target}'")))
    }
}

const TARGET: &str = "x-amz-target";
const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// AWS answers without a text.
fn unknown_operation(status: u16, explanation: String) -> Fault {
    Fault::new("UnknownOperationException", "").with_status(status).explained(explanation)
}

fn resolve_path(service: &'static ServiceModel, parts: &Parts) -> Option<Resolved> {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or(""));
    let (operation, labels) = service
        .operations
        .values()
        .filter(|operation| operation.method == parts.method)
        .filter_map(|operation| Some((operation, operation.uri.matches(path, query)?)))
        .max_by_key(|(operation, _)| operation.uri.literals())?;
    let asynchronous = parts.headers.get(INVOCATION_TYPE).is_some_and(|value| value == "Event");
    Some(Resolved { service, operation, asynchronous, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_the_entries_say() {
        for entry in &EMBEDDED {
            assert_eq!(entry.wire, entry.model.wire, "{}", entry.name);
            assert_eq!(entry.name, entry.model.name);
            assert_eq!(entry.target_prefix, entry.model.target_prefix.as_deref());
        }
    }

    #[test]
    fn every_rest_operation_is_found_at_its_path() {
        let services = [&LAMBDA, &SCHEDULER, &PIPES];
        for operation in services.into_iter().flat_map(|service| service.operations.values()) {
            let path = operation.uri.fill(|_| Some("a/b:c 1".to_owned())).expect("all labels are given");
            let request = http::Request::builder().method(operation.method.clone()).uri(&path).body(());
            let parts = request.expect("a request").into_parts().0;
            let resolved = Models::embedded().resolve(&parts, None).expect(&path);
            assert_eq!(resolved.operation.name, operation.name, "{path}");
            assert!(resolved.labels.iter().all(|(_, value)| value == "a/b:c 1"), "{path}");
        }
    }

    #[test]
    fn every_pattern_compiles() {
        let broken: Vec<String> = EMBEDDED
            .iter()
            .flat_map(|entry| &entry.model.shapes)
            .filter_map(|shape| shape.pattern.as_ref()?.compiles().err())
            .collect();
        assert_eq!(broken, Vec::<String>::new());
    }
}
