//! The optimized integrations that are one call of a service's API, as a table.

use windlass_asl::Pattern;
use windlass_protocol::{Operation, SdkInput, SdkInstants, SdkProblem};
use windlass_value::{Object, Payload, Value, object};
use windlass_workflow::{Identity, TaskCall};

use super::failure::{Failure, ServiceNames};
use super::http_metadata;
use super::job::{self, Job};
use super::models::{ApiAnswer, ApiFault, SdkService, call_api, cannot_start, problem_text, unusable};
use super::parameters::listed_problems;
use super::task_call::TaskCaller;

/// One action.
#[derive(Debug)]
pub(super) struct Optimized {
    /// As the resource names it.
    service: &'static str,
    action: &'static str,
    /// The SDK's name of the service that is called.
    sdk: &'static str,
    operation: &'static str,
    pub(super) names: ServiceNames,
    /// Whether the result tells of the HTTP answer.
    metadata: Metadata,
    shape: Shape,
    /// How `.sync` waits; `None` where it is not offered.
    pub(super) job: Option<&'static Job>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metadata {
    None,
    Json,
    Xml,
}

/// What the integration's parameters and result have of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The API's own.
    Api,
    /// SQS's older name of its attributes is taken too.
    SendMessage,
    /// The workflow is added to the resources; a refused entry is a failure.
    PutEvents,
    /// AWS marks the jobs it starts.
    SubmitJob,
    /// A task that is not placed is a failure for those who wait.
    RunTask,
    /// The job's name is in the result.
    StartJobRun,
    /// EMR's parameters: one cluster, one step.
    Emr,
}

const fn names(prefix: &'static str, service: &'static str, unmodelled: &'static str) -> ServiceNames {
    ServiceNames { prefix, service, unmodelled }
}

const SQS: ServiceNames = names("SQS", "AmazonSQS", "AmazonSQSException");
const SNS: ServiceNames = names("SNS", "AmazonSNS", "AmazonSNSException");
const EVENTS: ServiceNames = names("EventBridge", "AmazonEventBridge", "AmazonEventBridgeException");
const DYNAMODB: ServiceNames = names("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException");
const STATES: ServiceNames = names("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException");
const BATCH: ServiceNames = names("Batch", "AWSBatch", "AWSBatchException");
const ECS: ServiceNames = names("ECS", "AmazonECS", "AmazonECSException");
const GLUE: ServiceNames = names("Glue", "AWSGlue", "AWSGlueException");
const DATABREW: ServiceNames = names("DataBrew", "AWSGlueDataBrew", "AWSGlueDataBrewException");
const ATHENA: ServiceNames = names("Athena", "AmazonAthena", "AmazonAthenaException");
const SAGEMAKER: ServiceNames = names("SageMaker", "AmazonSageMaker", "AmazonSageMakerException");
const EMR: ServiceNames = names("ElasticMapReduce", "AmazonElasticMapReduce", "AmazonElasticMapReduceException");
const EMR_CONTAINERS: ServiceNames = names("EMRContainers", "AmazonEMRContainers", "AmazonEMRContainersException");
const EMR_SERVERLESS: ServiceNames = names("EmrServerless", "EmrServerless", "EmrServerlessException");
const CODEBUILD: ServiceNames = names("CodeBuild", "AWSCodeBuild", "AWSCodeBuildException");
const EKS: ServiceNames = names("EKS", "AmazonEKS", "AmazonEKSException");
const BEDROCK: ServiceNames = names("Bedrock", "AmazonBedrock", "AmazonBedrockException");
const MEDIACONVERT: ServiceNames = names("MediaConvert", "AWSMediaConvert", "AWSMediaConvertException");

/// (service, SDK's name, names) with its rows.
macro_rules! rows {
    ($($service:literal $sdk:literal $names:ident { $($action:literal $operation:literal $metadata:ident $shape:ident $job:expr;)* })*) => {
        &[$($(Optimized {
            service: $service, action: $action, sdk: $sdk, operation: $operation, names: $names,
            metadata: Metadata::$metadata, shape: Shape::$shape, job: $job,
        },)*)*]
    };
}

static ACTIONS: &[Optimized] = rows! {
    "sqs" "sqs" SQS { "sendMessage" "SendMessage" Json SendMessage None; }
    "sns" "sns" SNS { "publish" "Publish" Xml Api None; }
    "events" "eventbridge" EVENTS { "putEvents" "PutEvents" None PutEvents None; }
    "dynamodb" "dynamodb" DYNAMODB {
        "getItem" "GetItem" Json Api None;
        "putItem" "PutItem" Json Api None;
        "updateItem" "UpdateItem" Json Api None;
        "deleteItem" "DeleteItem" Json Api None;
    }
    "states" "sfn" STATES { "startExecution" "StartExecution" Json Api Some(&job::EXECUTION); }
    "batch" "batch" BATCH { "submitJob" "SubmitJob" Json SubmitJob Some(&job::BATCH_JOB); }
    "ecs" "ecs" ECS { "runTask" "RunTask" Json RunTask Some(&job::ECS_TASK); }
    "glue" "glue" GLUE { "startJobRun" "StartJobRun" Json StartJobRun Some(&job::GLUE_RUN); }
    "databrew" "databrew" DATABREW { "startJobRun" "StartJobRun" Json Api Some(&job::DATABREW_RUN); }
    "athena" "athena" ATHENA {
        "startQueryExecution" "StartQueryExecution" Json Api Some(&job::ATHENA_QUERY);
        "stopQueryExecution" "StopQueryExecution" Json Api None;
        "getQueryExecution" "GetQueryExecution" Json Api None;
        "getQueryResults" "GetQueryResults" Json Api None;
    }
    "sagemaker" "sagemaker" SAGEMAKER {
        "createTrainingJob" "CreateTrainingJob" Json Api Some(&job::TRAINING_JOB);
        "createTransformJob" "CreateTransformJob" Json Api Some(&job::TRANSFORM_JOB);
        "createProcessingJob" "CreateProcessingJob" Json Api Some(&job::PROCESSING_JOB);
        "createLabelingJob" "CreateLabelingJob" Json Api Some(&job::LABELING_JOB);
        "createHyperParameterTuningJob" "CreateHyperParameterTuningJob" Json Api Some(&job::TUNING_JOB);
        "createEndpoint" "CreateEndpoint" Json Api None;
        "createEndpointConfig" "CreateEndpointConfig" Json Api None;
        "createModel" "CreateModel" Json Api None;
        "updateEndpoint" "UpdateEndpoint" Json Api None;
    }
    "elasticmapreduce" "emr" EMR {
        "createCluster" "RunJobFlow" Json Emr Some(&job::EMR_CLUSTER);
        "terminateCluster" "TerminateJobFlows" Json Emr Some(&job::EMR_TERMINATION);
        "addStep" "AddJobFlowSteps" Json Emr Some(&job::EMR_STEP);
        "cancelStep" "CancelSteps" Json Emr None;
        "setClusterTerminationProtection" "SetTerminationProtection" Json Emr None;
    }
    "emr-containers" "emrcontainers" EMR_CONTAINERS {
        "createVirtualCluster" "CreateVirtualCluster" Json Api None;
        "deleteVirtualCluster" "DeleteVirtualCluster" Json Api Some(&job::VIRTUAL_CLUSTER_DELETION);
        "startJobRun" "StartJobRun" Json Api Some(&job::EMR_CONTAINERS_RUN);
    }
    "emr-serverless" "emrserverless" EMR_SERVERLESS {
        "createApplication" "CreateApplication" Json Api Some(&job::APPLICATION_CREATED);
        "startApplication" "StartApplication" Json Api Some(&job::APPLICATION_STARTED);
        "stopApplication" "StopApplication" Json Api Some(&job::APPLICATION_STOPPED);
        "deleteApplication" "DeleteApplication" Json Api Some(&job::APPLICATION_DELETED);
        "startJobRun" "StartJobRun" Json Api Some(&job::EMR_SERVERLESS_RUN);
        "cancelJobRun" "CancelJobRun" Json Api Some(&job::EMR_SERVERLESS_CANCELLATION);
    }
    "codebuild" "codebuild" CODEBUILD {
        "startBuild" "StartBuild" Json Api Some(&job::BUILD);
        "retryBuild" "RetryBuild" Json Api Some(&job::BUILD);
        "startBuildBatch" "StartBuildBatch" Json Api Some(&job::BUILD_BATCH);
        "retryBuildBatch" "RetryBuildBatch" Json Api Some(&job::BUILD_BATCH);
        "stopBuild" "StopBuild" Json Api None;
        "stopBuildBatch" "StopBuildBatch" Json Api None;
        "batchDeleteBuilds" "BatchDeleteBuilds" Json Api None;
        "batchGetReports" "BatchGetReports" Json Api None;
    }
    "eks" "eks" EKS {
        "createCluster" "CreateCluster" Json Api Some(&job::EKS_CLUSTER);
        "deleteCluster" "DeleteCluster" Json Api Some(&job::EKS_CLUSTER_DELETION);
        "createNodegroup" "CreateNodegroup" Json Api Some(&job::NODEGROUP);
        "deleteNodegroup" "DeleteNodegroup" Json Api Some(&job::NODEGROUP_DELETION);
        "createFargateProfile" "CreateFargateProfile" Json Api Some(&job::FARGATE_PROFILE);
        "deleteFargateProfile" "DeleteFargateProfile" Json Api Some(&job::FARGATE_PROFILE_DELETION);
    }
    "bedrock" "bedrock" BEDROCK {
        "createModelCustomizationJob" "CreateModelCustomizationJob" Json Api Some(&job::CUSTOMIZATION_JOB);
    }
    "mediaconvert" "mediaconvert" MEDIACONVERT { "createJob" "CreateJob" Json Api Some(&job::MEDIACONVERT_JOB); }
};

impl Optimized {
    /// The row of an action.
    pub(super) fn of(service: &str, action: &str) -> Option<&'static Optimized> {
        ACTIONS.iter().find(|row| row.service == service && row.action == action)
    }

    /// The SDK's name of the service.
    pub(super) fn sdk(&self) -> &'static str {
        self.sdk
    }

    /// The operation of its API.
    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether the call goes to Step Functions itself.
    pub(super) fn is_own(&self) -> bool {
        self.service == "states"
    }

    /// The service that is called; an error says what is missing.
    pub(super) fn api(&self) -> Result<(SdkService, &'static Operation), String> {
        let unknown = || {
            let Optimized { service, action, sdk, .. } = self;
            format!(
                "The service integration '{service}:{action}' cannot be called: this build has no model of the service '{sdk}'."
            )
        };
        let service = SdkService::of(self.sdk).ok_or_else(unknown)?;
        let operation = service.model.operation(self.operation).ok_or_else(unknown)?;
        Ok((service, operation))
    }

    /// Why these parameters cannot start the task; `None` when they can.
    pub(super) fn refusal(&self, parameters: &Value) -> Option<String> {
        let Value::Object(given) = parameters else {
            return Some(cannot_start(parameters, &["The parameters must be an object".to_owned()]));
        };
        let listed = listed_problems(self.service, self.action, given);
        let mut problems = Vec::new();
        if let Ok((service, operation)) = self.api() {
            let read = service.model.read_sdk_input(operation, &self.prepared(given, None));
            problems = read.err().unwrap_or_default();
        }
        if let Some(listed) = listed {
            problems.retain(|problem| matches!(problem, SdkProblem::Invalid(_)));
            problems.splice(0..0, listed);
        }
        let problems: Vec<String> = problems.iter().map(problem_text).collect();
        (!problems.is_empty()).then(|| cannot_start(parameters, &problems))
    }

    /// The parameters as the API has them, in PascalCase.
    fn prepared(&self, given: &Object, identity: Option<&Identity>) -> Value {
        let mut parameters = Object::clone(given);
        match self.shape {
            Shape::Api | Shape::StartJobRun => {}
            Shape::SendMessage => {
                if let Some(attributes) = parameters.remove("MessageAttribute") {
                    parameters.insert("MessageAttributes", attributes);
                }
            }
            Shape::PutEvents => {
                if let (Some(Value::Array(entries)), Some(identity)) = (given.get("Entries"), identity) {
                    let entries = entries.iter().map(|entry| with_resources(entry, identity)).collect();
                    parameters.insert("Entries", Value::array(entries));
                }
            }
            Shape::SubmitJob => {
                let marked = object! { "Name" => "MANAGED_BY_AWS", "Value" => "STARTED_BY_STEP_FUNCTIONS" };
                let overrides = given.get("ContainerOverrides").and_then(Value::as_object);
                let mut overrides = overrides.map_or_else(Object::new, |overrides| Object::clone(overrides));
                let environment = overrides.get("Environment").and_then(Value::as_array);
                let mut environment = environment.map_or_else(Vec::new, |environment| Vec::clone(environment));
                environment.push(marked);
                overrides.insert("Environment", Value::array(environment));
                parameters.insert("ContainerOverrides", overrides);
            }
            Shape::RunTask => {
                if !parameters.contains_key("StartedBy") {
                    parameters.insert("StartedBy", "AWS Step Functions");
                }
            }
            Shape::Emr => emr_parameters(self.action, &mut parameters),
        }
        parameters.into()
    }

    /// Makes the call. `name` is what a nested execution is called whose author gave it
    /// no name.
    pub(super) async fn call(
        &self,
        caller: TaskCaller<'_>,
        task: &TaskCall,
        pattern: Pattern,
    ) -> Result<Payload, Failure> {
        let (service, operation) = self.api().map_err(Failure::task)?;
        let parameters = task.parameters.value();
        let given = parameters.as_object().map_or_else(Object::new, |given| Object::clone(given));
        let mut prepared = self.prepared(&given, Some(caller.identity));
        if self.is_own() && given.get("Name").is_none_or(Value::is_null) {
            // The name follows from the attempt, so that a repeat of it finds its own child.
            let mut with_name = prepared.as_object().map_or_else(Object::new, |given| Object::clone(given));
            with_name.insert("Name", caller.name_for(task));
            prepared = with_name.into();
        }
        let input = service.model.read_sdk_input(operation, &prepared);
        let input: SdkInput = input.map_err(|problems| unusable(parameters, &problems))?;
        let ApiAnswer { reply, body, request_id } =
            call_api(caller, task, service, operation, input).await.map_err(|ApiFault { fault, request_id }| {
                self.no_host(&fault.code, &given)
                    .unwrap_or_else(|| Failure::of_fault(&fault, self.names, Some(service.model), &request_id))
            })?;
        let output = service.model.write_sdk_output(operation, &reply, &body, SdkInstants::EpochMs);
        let mut result = output.as_object().map_or_else(Object::new, |output| Object::clone(output));
        self.finish(&mut result, &given, pattern)?;
        let content_type = match self.metadata {
            Metadata::None => return Ok(Payload::from_value(result.into())),
            Metadata::Json => "application/x-amz-json-1.0",
            Metadata::Xml => "text/xml",
        };
        let headers = [
            ("x-amzn-RequestId", request_id.to_string()),
            ("connection", "keep-alive".to_owned()),
            ("Content-Length", reply.output.to_text().len().to_string()),
            ("Date", http_metadata::date(caller.environment.now())),
            ("Content-Type", content_type.to_owned()),
        ];
        const OK: i64 = 200;
        http_metadata::add_to(&mut result, &headers, OK, &request_id);
        Ok(Payload::from_value(result.into()))
    }

    /// A queue's address is also the host that the SDK calls: a bare name is none.
    fn no_host(&self, code: &str, given: &Object) -> Option<Failure> {
        if self.shape != Shape::SendMessage || code != "InvalidAddress" {
            return None;
        }
        let address = given.get("QueueUrl").and_then(Value::as_str)?;
        let host = address.split_once("://").map_or(address, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default();
        let is_bare = !host.contains(['.', ':']) && host != "localhost";
        is_bare.then(|| {
            let cause = format!("Unable to execute HTTP request: {host}: Name or service not known");
            Failure::new("SQS.SdkClientException", cause)
        })
    }

    /// The result as the integration has it, or the failure that an answer is.
    fn finish(&self, result: &mut Object, given: &Object, pattern: Pattern) -> Result<(), Failure> {
        match self.shape {
            Shape::PutEvents => {
                let failed = result.get("FailedEntryCount").and_then(Value::as_i64).unwrap_or_default();
                if failed > 0 {
                    return Err(Failure::new("EventBridge.FailedEntry", Value::from(result.clone()).to_text()));
                }
            }
            Shape::RunTask if pattern != Pattern::RequestResponse => {
                let failures = result.get("Failures").and_then(Value::as_array);
                if failures.is_some_and(|failures| !failures.is_empty()) {
                    return Err(Failure::new("AmazonECS.Unknown", Value::from(result.clone()).to_text()));
                }
            }
            Shape::StartJobRun => {
                if let Some(name) = given.get("JobName") {
                    result.insert("JobName", name);
                }
            }
            Shape::Emr => emr_result(self.action, result),
            _ => {}
        }
        Ok(())
    }
}

/// An event's entry with the state machine and the execution among its resources.
fn with_resources(entry: &Value, identity: &Identity) -> Value {
    let Value::Object(members) = entry else { return entry.clone() };
    let mut members = Object::clone(members);
    let given = members.get("Resources").and_then(Value::as_array);
    let mut resources = given.map_or_else(Vec::new, |given| Vec::clone(given));
    resources.push((&identity.machine_arn).into());
    resources.push((&identity.arn).into());
    members.insert("Resources", Value::array(resources));
    members.into()
}

/// EMR's actions take one cluster and one step, its API lists of them.
fn emr_parameters(action: &str, parameters: &mut Object) {
    let list = |value: Value| Value::array(vec![value]);
    let (cluster, is_list) = match action {
        "addStep" => ("JobFlowId", false),
        "terminateCluster" | "setClusterTerminationProtection" => ("JobFlowIds", true),
        _ => ("ClusterId", false),
    };
    if cluster != "ClusterId"
        && let Some(id) = parameters.remove("ClusterId")
    {
        parameters.insert(cluster, if is_list { list(id) } else { id });
    }
    for (one, many) in [("Step", "Steps"), ("StepId", "StepIds")] {
        if let Some(step) = parameters.remove(one) {
            parameters.insert(many, list(step));
        }
    }
}

fn emr_result(action: &str, result: &mut Object) {
    match action {
        "createCluster" => {
            if let Some(id) = result.remove("JobFlowId") {
                result.insert("ClusterId", id);
            }
        }
        "addStep" => {
            if let Some(Value::Array(ids)) = result.remove("StepIds") {
                result.insert("StepId", ids.first().cloned().unwrap_or_default());
            }
        }
        "cancelStep" => {
            if let Some(Value::Array(steps)) = result.remove("CancelStepsInfoList")
                && let Some(Value::Object(step)) = steps.first()
            {
                result.extend(Object::clone(step));
            }
        }
        _ => {}
    }
}
