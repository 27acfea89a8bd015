//! What a Task's `Resource` names.

use windlass_value::{Arn, Text};

use crate::program::{Pattern, Resource};

/// Request-response.
const R: u8 = 1;
/// `.sync`
const S: u8 = 2;
/// `.sync:2`
const S2: u8 = 4;
/// `.waitForTaskToken`
const T: u8 = 8;

/// One service's actions, each with its patterns.
type Actions = &'static [(&'static str, u8)];

/// The optimized integrations.
const INTEGRATIONS: &[(&str, Actions)] = &[
    ("lambda", &[("invoke", R | T)]),
    ("sns", &[("publish", R | T)]),
    ("sqs", &[("sendMessage", R | T)]),
    ("events", &[("putEvents", R | T)]),
    ("states", &[("startExecution", R | S | S2 | T)]),
    ("dynamodb", &[("getItem", R), ("putItem", R), ("updateItem", R), ("deleteItem", R)]),
    ("batch", &[("submitJob", R | S)]),
    ("ecs", &[("runTask", R | S | T)]),
    ("glue", &[("startJobRun", R | S)]),
    ("databrew", &[("startJobRun", R | S)]),
    (
        "athena",
        &[("startQueryExecution", R | S), ("stopQueryExecution", R), ("getQueryExecution", R), ("getQueryResults", R)],
    ),
    (
        "sagemaker",
        &[
            ("createTrainingJob", R | S),
            ("createTransformJob", R | S),
            ("createProcessingJob", R | S),
            ("createLabelingJob", R | S),
            ("createHyperParameterTuningJob", R | S),
            ("createEndpoint", R),
            ("createEndpointConfig", R),
            ("createModel", R),
            ("updateEndpoint", R),
        ],
    ),
    (
        "elasticmapreduce",
        &[
            ("createCluster", R | S),
            ("terminateCluster", R | S),
            ("addStep", R | S),
            ("cancelStep", R),
            ("setClusterTerminationProtection", R),
            ("modifyInstanceFleetByName", R),
            ("modifyInstanceGroupByName", R),
        ],
    ),
    ("emr-containers", &[("createVirtualCluster", R), ("deleteVirtualCluster", R | S), ("startJobRun", R | S)]),
    (
        "emr-serverless",
        &[
            ("createApplication", R | S),
            ("startApplication", R | S),
            ("stopApplication", R | S),
            ("deleteApplication", R | S),
            ("startJobRun", R | S),
            ("cancelJobRun", R | S),
        ],
    ),
    (
        "codebuild",
        &[
            ("startBuild", R | S),
            ("startBuildBatch", R | S),
            ("retryBuild", R | S),
            ("retryBuildBatch", R | S),
            ("stopBuild", R),
            ("stopBuildBatch", R),
            ("batchDeleteBuilds", R),
            ("batchGetReports", R),
        ],
    ),
    (
        "eks",
        &[
            ("createCluster", R | S),
            ("deleteCluster", R | S),
            ("createNodegroup", R | S),
            ("deleteNodegroup", R | S),
            ("createFargateProfile", R | S),
            ("deleteFargateProfile", R | S),
            ("runJob", R | S),
            ("call", R | T),
        ],
    ),
    ("apigateway", &[("invoke", R | T)]),
    ("bedrock", &[("invokeModel", R | T), ("createModelCustomizationJob", R | S)]),
    ("mediaconvert", &[("createJob", R | S)]),
    ("http", &[("invoke", R)]),
];

/// The optimized integrations' names as they stand in an ARN, for suggestions.
pub(crate) fn integration_names() -> impl Iterator<Item = String> {
    INTEGRATIONS
        .iter()
        .flat_map(|(service, actions)| actions.iter().map(move |(action, _)| format!("{service}:{action}")))
}

/// What a `Resource` was read as.
pub(crate) enum Reading {
    /// Something that can be called.
    Known(Resource),
    /// An integration that is not in the table, or not with this pattern.
    Unlisted(Resource),
    /// An ARN of nothing that can be called.
    Unknown,
    /// Not even an ARN.
    NoArn,
}

/// Reads the ARN of a function, an activity or an integration.
pub(crate) fn read(text: &str) -> Reading {
    let Some(arn) = Arn::parse(text) else { return Reading::NoArn };
    match (arn.service.as_str(), arn.resource_type()) {
        ("lambda", "function") => Reading::Known(Resource::Function),
        ("states", "activity") if !arn.resource_id().is_empty() => Reading::Known(Resource::Activity),
        ("states", _) if arn.region.is_empty() && arn.account.is_empty() => {
            integration(&arn.resource).unwrap_or(Reading::Unknown)
        }
        _ => Reading::Unknown,
    }
}

/// `service:action[pattern]` or `aws-sdk:service:action[pattern]`.
fn integration(resource: &str) -> Option<Reading> {
    let (call, pattern) = [Pattern::Sync2, Pattern::Sync, Pattern::WaitForTaskToken]
        .into_iter()
        .find_map(|pattern| Some((resource.strip_suffix(pattern.suffix())?, pattern)))
        .unwrap_or((resource, Pattern::RequestResponse));
    let (service, action) = call.rsplit_once(':')?;
    let known = match service.strip_prefix("aws-sdk:") {
        // Services and their actions grow; the call itself says what is not there.
        Some(name) => {
            matches!(pattern, Pattern::RequestResponse | Pattern::WaitForTaskToken)
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                && action.starts_with(|first: char| first.is_ascii_lowercase())
                && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        None => {
            let needed = match pattern {
                Pattern::RequestResponse => R,
                Pattern::Sync => S,
                Pattern::Sync2 => S2,
                Pattern::WaitForTaskToken => T,
            };
            INTEGRATIONS
                .iter()
                .filter(|(name, _)| *name == service)
                .flat_map(|(_, actions)| actions.iter())
                .any(|(name, patterns)| *name == action && patterns & needed != 0)
        }
    };
    let resource = Resource::Integration { service: Text::from(service), action: Text::from(action), pattern };
    Some(if known { Reading::Known(resource) } else { Reading::Unlisted(resource) })
}
