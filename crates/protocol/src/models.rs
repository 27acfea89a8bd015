//! The services whose wire formats are built in.

use std::sync::LazyLock;

use crate::model::{ServiceModel, Wire};
use crate::table;

/// All services whose tables are embedded.
#[derive(Clone, Copy, Debug)]
pub struct Models {
    pub(crate) services: &'static [Entry],
}

/// A table that is compiled when its service is first spoken to.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    pub(crate) target_prefix: Option<&'static str>,
    pub(crate) wire: Wire,
    pub(crate) model: &'static LazyLock<ServiceModel>,
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

/// The model of a table of its own.
pub(crate) fn hosted(name: &str) -> Option<&'static ServiceModel> {
    EMBEDDED.iter().find(|entry| entry.name == name).map(|entry| &**entry.model)
}

impl Entry {
    /// Whether it takes forms: as its only protocol, or, like SQS, as its older one.
    pub(crate) fn takes_forms(&self) -> bool {
        self.wire == Wire::Query || self.name == "sqs"
    }
}

impl Models {
    /// The services built in.
    pub fn embedded() -> Models {
        Models { services: &EMBEDDED }
    }

    /// The model of a service by its signing name; of one that is not hosted by that name if it
    /// has it alone, else by the SDK's (`bedrockruntime`).
    pub fn service(&self, name: &str) -> Option<&'static ServiceModel> {
        self.named(Some(name)).map(|entry| &**entry.model).or_else(|| self.generic_by_name(name))
    }

    pub(crate) fn named(&self, service: Option<&str>) -> Option<&'static Entry> {
        service.and_then(|name| self.services.iter().find(|entry| entry.name == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Location, Operation};

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
        for service in [&LAMBDA, &SCHEDULER, &PIPES, &S3] {
            for operation in service.operations.values().filter(|operation| !operation.shadowed) {
                let path = operation.uri.fill(|_| Some("a/b:c 1".to_owned())).expect("all labels are given");
                let required = required_outside_body(service, operation);
                let mut request = http::Request::builder().method(operation.method.clone());
                let mut path = path;
                for (location, name) in required {
                    if location == Location::Header {
                        request = request.header(name, "x");
                    } else {
                        path.push_str(&format!("{}{name}=x", if path.contains('?') { '&' } else { '?' }));
                    }
                }
                let parts = request.uri(&path).body(()).expect("a request").into_parts().0;
                let resolved = Models::embedded().resolve(&parts, Some(service.name)).expect(&path);
                assert_eq!(resolved.operation.name, operation.name, "{path}");
                assert!(resolved.labels.iter().all(|(_, value)| value == "a/b:c 1"), "{path}");
            }
        }
    }

    fn required_outside_body<'a>(service: &'a ServiceModel, operation: &'a Operation) -> Vec<(Location, &'a str)> {
        let Some(Kind::Structure(structure)) = operation.input.map(|id| &service.shape(id).kind) else { return vec![] };
        structure
            .members
            .iter()
            .filter(|member| member.required && matches!(member.location, Location::Query | Location::Header))
            .map(|member| (member.location, member.wire_name.as_str()))
            .collect()
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
