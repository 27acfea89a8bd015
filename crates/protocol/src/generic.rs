//! Every service that AWS's SDKs know, for calls to other endpoints. The tables lie compressed
//! in one pack and are compiled when a service is first called.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use crate::model::ServiceModel;
use crate::models::{Models, hosted};
use crate::pack::{Pack, inflate, text_of};
use crate::table;

static PACK: &[u8] = include_bytes!("../../../models/generic.pack");
const MAGIC: &[u8] = b"windlass models 1\n";

static INDEX: LazyLock<Index> = LazyLock::new(|| match Index::read(PACK) {
    Ok(index) => index,
    // The pack is part of the binary, and a test reads all of it.
    Err(error) => {
        tracing::error!(error, "the pack of service tables cannot be read");
        Index::default()
    }
});

/// A service as Step Functions' `aws-sdk:<name>:<action>` names it.
#[derive(Clone, Copy, Debug)]
pub struct GenericService {
    /// Its model. Its `name` is the signing name where no other service has that, else the
    /// SDK's name; its `signing_name` and `endpoint_prefix` say how to reach it, its `wire` how
    /// to speak.
    pub model: &'static ServiceModel,
    /// The Java SDK's name in lower case: `cloudwatchlogs`.
    pub sdk_name: &'static str,
    /// What stands before the names of its errors: `CloudWatchLogs`.
    pub error_prefix: &'static str,
    /// Whether its table is one of [`Models::embedded`]'s own.
    pub hosted: bool,
}

impl Models {
    /// A service by the Java SDK's name in lower case, as `aws-sdk:<name>:<action>` has it;
    /// hosted or not.
    pub fn generic(&self, sdk_name: &str) -> Option<GenericService> {
        INDEX.rows.get(sdk_name)?.service()
    }

    /// The names that [`Models::generic`] knows, in no order.
    pub fn generic_names(&self) -> impl Iterator<Item = &'static str> {
        INDEX.rows.keys().map(String::as_str)
    }

    /// A service that is not hosted, by its signing name if only one has it, else by the SDK's.
    pub(crate) fn generic_by_name(&self, name: &str) -> Option<&'static ServiceModel> {
        let row = match INDEX.by_signing_name.get(name) {
            Some(Some(sdk_name)) => INDEX.rows.get(sdk_name),
            _ => INDEX.rows.get(name),
        };
        row.filter(|row| row.hosted.is_none())?.service().map(|service| service.model)
    }
}

#[derive(Default)]
struct Index {
    /// By SDK name.
    rows: HashMap<String, Row>,
    /// The SDK name of the service with a signing name; `None` where several have it.
    by_signing_name: HashMap<String, Option<String>>,
}

struct Row {
    sdk_name: String,
    prefix: String,
    /// The table of its own that it has.
    hosted: Option<String>,
    /// The name of its model.
    name: String,
    packed: &'static [u8],
    bytes: usize,
    model: OnceLock<Option<ServiceModel>>,
}

impl Row {
    fn service(&'static self) -> Option<GenericService> {
        let model = match &self.hosted {
            Some(name) => hosted(name)?,
            None => self
                .model
                .get_or_init(|| {
                    let compiled = self.compile();
                    compiled
                        .inspect_err(|error| {
                            tracing::error!(service = self.sdk_name, error, "a service table is unfit")
                        })
                        .ok()
                })
                .as_ref()?,
        };
        let hosted = self.hosted.is_some();
        Some(GenericService { model, sdk_name: &self.sdk_name, error_prefix: &self.prefix, hosted })
    }

    fn compile(&'static self) -> Result<ServiceModel, String> {
        let text = inflate(self.packed, self.bytes)?;
        table::compile(&self.name, std::str::from_utf8(&text).map_err(|error| error.to_string())?)
    }
}

impl Index {
    fn read(pack: &'static [u8]) -> Result<Index, String> {
        let pack = Pack::read(pack, MAGIC)?;
        let services = &pack.services;
        let mut by_signing_name: HashMap<String, Option<String>> = HashMap::new();
        for row in services.iter() {
            let sdk_name = text_of(row, "sdk")?;
            let signing_name = row["hosted"].as_str().or(row["signing"].as_str()).ok_or("a service without a name")?;
            // A hosted service keeps its name whoever else signs with it.
            if row["hosted"].is_null() && services.iter().any(|other| other["hosted"].as_str() == Some(signing_name)) {
                continue;
            }
            by_signing_name
                .entry(signing_name.to_owned())
                .and_modify(|other| *other = None)
                .or_insert(Some(sdk_name.to_owned()));
        }
        let mut rows = HashMap::new();
        for row in services.iter() {
            let sdk_name = text_of(row, "sdk")?.to_owned();
            let hosted = row["hosted"].as_str().map(str::to_owned);
            let (packed, bytes) = match hosted {
                Some(_) => (&[][..], 0),
                None => pack.table(row)?,
            };
            let signing_name = row["signing"].as_str().unwrap_or_default();
            let is_only_one = by_signing_name.get(signing_name) == Some(&Some(sdk_name.clone()));
            let name = if is_only_one { signing_name.to_owned() } else { sdk_name.clone() };
            let prefix = text_of(row, "prefix")?.to_owned();
            let model = OnceLock::new();
            rows.insert(sdk_name.clone(), Row { sdk_name, prefix, hosted, name, packed, bytes, model });
        }
        Ok(Index { rows, by_signing_name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Wire;

    #[test]
    fn every_table_compiles() {
        let models = Models::embedded();
        assert!(Index::read(PACK).is_ok());
        let names: Vec<&str> = models.generic_names().collect();
        assert!(names.len() > 430, "{}", names.len());
        let mut operations = 0;
        for name in names {
            let service = models.generic(name).unwrap_or_else(|| panic!("the table of {name}"));
            assert_eq!(service.error_prefix.to_lowercase(), name);
            assert!(service.model.operation_names().count() > 0, "{name}");
            operations += service.model.operation_names().count();
            let found = models.service(service.model.name).unwrap_or_else(|| panic!("the name of {name}"));
            assert!(std::ptr::eq(found, service.model), "{name} is found by its name {}", service.model.name);
        }
        assert!(operations > 19_000, "{operations}");
    }

    #[test]
    fn services_are_found_by_the_sdks_names() {
        let cases = [
            ("sfn", "Sfn", "states", "states", Wire::AwsJson10, true),
            ("eventbridge", "EventBridge", "events", "events", Wire::AwsJson11, true),
            ("cloudwatchlogs", "CloudWatchLogs", "logs", "logs", Wire::AwsJson11, true),
            ("dynamodb", "DynamoDb", "dynamodb", "dynamodb", Wire::AwsJson10, false),
            ("rdsdata", "RdsData", "rds-data", "rds-data", Wire::RestJson, false),
            ("bedrockruntime", "BedrockRuntime", "bedrockruntime", "bedrock", Wire::RestJson, false),
            ("ec2", "Ec2", "ec2", "ec2", Wire::Ec2, false),
            ("cloudwatch", "CloudWatch", "monitoring", "monitoring", Wire::AwsJson10, false),
            (
                "elasticloadbalancingv2",
                "ElasticLoadBalancingV2",
                "elasticloadbalancingv2",
                "elasticloadbalancing",
                Wire::Query,
                false,
            ),
            ("route53", "Route53", "route53", "route53", Wire::RestXml, false),
            ("sesv2", "SesV2", "sesv2", "ses", Wire::RestJson, false),
            ("memorydb", "MemoryDB", "memorydb", "memorydb", Wire::AwsJson11, false),
            ("eventbridgev2", "EventBridgeV2", "eventbridgev2", "events", Wire::RpcV2Cbor, false),
            ("s3control", "S3Control", "s3control", "s3", Wire::RestXml, false),
        ];
        for (sdk_name, prefix, name, signing_name, wire, is_hosted) in cases {
            let service = Models::embedded().generic(sdk_name).expect(sdk_name);
            let found = (service.error_prefix, service.model.name, service.model.signing_name.as_str());
            assert_eq!(found, (prefix, name, signing_name), "{sdk_name}");
            assert_eq!((service.model.wire, service.hosted), (wire, is_hosted), "{sdk_name}");
        }
        assert!(Models::embedded().generic("alexaforbusiness").is_none());
        assert!(Models::embedded().generic("states").is_none());
    }

    #[test]
    fn a_damaged_pack_is_refused() {
        assert!(Index::read(b"windlass models 2\n").is_err());
        assert!(Index::read(&PACK[..20]).is_err());
        assert!(Index::read(&PACK[..2000]).is_err());
        assert!(Index::read(&PACK[..PACK.len() - 1]).is_err());
    }
}
