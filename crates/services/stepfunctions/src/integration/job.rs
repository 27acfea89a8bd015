//! How `.sync` waits for a job to end: what to ask its service, where the answer says how
//! the job stands, and how to end it. Everything in PascalCase, as integrations see it.

use windlass_value::{Object, Value};

/// A kind of job.
#[derive(Debug)]
pub(super) struct Job {
    /// The operation that tells how the job stands.
    pub(super) describe: &'static str,
    /// What it is asked with.
    pub(super) ask: &'static [Ask],
    /// Where in the answer the job is: a JSON pointer.
    pub(super) entry: &'static str,
    /// Where in the job its status is.
    pub(super) status: &'static str,
    /// The statuses that are a success.
    pub(super) succeeded: &'static [&'static str],
    /// The statuses that are a failure.
    pub(super) failed: &'static [&'static str],
    /// Whether the job has succeeded once its service knows it no more.
    pub(super) until_gone: bool,
    /// The member that holds the job in the result; empty: the job is the result.
    pub(super) member: &'static str,
    /// What a success must be looked at again for.
    pub(super) verdict: Verdict,
    /// The operation that ends it, and what it is asked with.
    pub(super) cancel: Option<(&'static str, &'static [Ask])>,
}

/// What a job that has ended may still be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What its status says.
    Status,
    /// A failure where a container ended with another code than 0.
    ExitCodes,
    /// The execution's own, which tells its input and output as it was asked.
    Execution,
}

/// One member of a question.
#[derive(Debug)]
pub(super) struct Ask {
    member: &'static str,
    from: From,
    is_list: bool,
}

#[derive(Debug)]
enum From {
    /// A place in what the service answered when it took the job.
    Answer(&'static str),
    /// A place in the task's parameters.
    Parameter(&'static str),
    /// A text.
    Text(&'static str),
}

const fn answer(member: &'static str, place: &'static str) -> Ask {
    Ask { member, from: From::Answer(place), is_list: false }
}

const fn parameter(member: &'static str, place: &'static str) -> Ask {
    Ask { member, from: From::Parameter(place), is_list: false }
}

const fn list(ask: Ask) -> Ask {
    Ask { member: ask.member, from: ask.from, is_list: true }
}

const REASON: Ask = Ask {
    member: "Reason",
    from: From::Text("The Step Functions task that started this was cancelled."),
    is_list: false,
};
const CAUSE: Ask = Ask {
    member: "Cause",
    from: From::Text("The Step Functions task that started this was cancelled."),
    is_list: false,
};

/// A question's parameters. What is not there is left out.
pub(super) fn question(asks: &[Ask], parameters: &Value, answered: &Value) -> Value {
    let found = asks.iter().filter_map(|ask| {
        let value = match ask.from {
            From::Answer(place) => answered.pointer(place)?.clone(),
            From::Parameter(place) => parameters.pointer(place)?.clone(),
            From::Text(text) => text.into(),
        };
        Some((ask.member, if ask.is_list { Value::array(vec![value]) } else { value }))
    });
    found.collect::<Object>().into()
}

const PLAIN: Job = Job {
    describe: "",
    ask: &[],
    entry: "",
    status: "",
    succeeded: &[],
    failed: &[],
    until_gone: false,
    member: "",
    verdict: Verdict::Status,
    cancel: None,
};

pub(super) static EXECUTION: Job = Job {
    describe: "DescribeExecution",
    ask: &[answer("ExecutionArn", "/ExecutionArn")],
    status: "/Status",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED", "TIMED_OUT", "ABORTED"],
    verdict: Verdict::Execution,
    cancel: Some(("StopExecution", &[answer("ExecutionArn", "/ExecutionArn"), CAUSE])),
    ..PLAIN
};

pub(super) static BATCH_JOB: Job = Job {
    describe: "DescribeJobs",
    ask: &[list(answer("Jobs", "/JobId"))],
    entry: "/Jobs/0",
    status: "/Status",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED"],
    cancel: Some(("TerminateJob", &[answer("JobId", "/JobId"), REASON])),
    ..PLAIN
};

pub(super) static ECS_TASK: Job = Job {
    describe: "DescribeTasks",
    ask: &[parameter("Cluster", "/Cluster"), list(answer("Tasks", "/Tasks/0/TaskArn"))],
    entry: "/Tasks/0",
    status: "/LastStatus",
    succeeded: &["STOPPED"],
    verdict: Verdict::ExitCodes,
    cancel: Some(("StopTask", &[parameter("Cluster", "/Cluster"), answer("Task", "/Tasks/0/TaskArn"), REASON])),
    ..PLAIN
};

pub(super) static GLUE_RUN: Job = Job {
    describe: "GetJobRun",
    ask: &[parameter("JobName", "/JobName"), answer("RunId", "/JobRunId")],
    entry: "/JobRun",
    status: "/JobRunState",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"],
    cancel: Some(("BatchStopJobRun", &[parameter("JobName", "/JobName"), list(answer("JobRunIds", "/JobRunId"))])),
    ..PLAIN
};

pub(super) static DATABREW_RUN: Job = Job {
    describe: "DescribeJobRun",
    ask: &[parameter("Name", "/Name"), answer("RunId", "/RunId")],
    status: "/State",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED", "STOPPED", "TIMEOUT"],
    cancel: Some(("StopJobRun", &[parameter("Name", "/Name"), answer("RunId", "/RunId")])),
    ..PLAIN
};

pub(super) static ATHENA_QUERY: Job = Job {
    describe: "GetQueryExecution",
    ask: &[answer("QueryExecutionId", "/QueryExecutionId")],
    status: "/QueryExecution/Status/State",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED", "CANCELLED"],
    cancel: Some(("StopQueryExecution", &[answer("QueryExecutionId", "/QueryExecutionId")])),
    ..PLAIN
};

macro_rules! sagemaker {
    ($name:ident $describe:literal $key:literal $place:literal $status:literal $stop:literal) => {
        pub(super) static $name: Job = Job {
            describe: $describe,
            ask: &[parameter($key, $place)],
            status: $status,
            succeeded: &["Completed"],
            failed: &["Failed", "Stopped"],
            cancel: Some(($stop, &[parameter($key, $place)])),
            ..PLAIN
        };
    };
}

sagemaker!(TRAINING_JOB "DescribeTrainingJob" "TrainingJobName" "/TrainingJobName" "/TrainingJobStatus" "StopTrainingJob");
sagemaker!(TRANSFORM_JOB "DescribeTransformJob" "TransformJobName" "/TransformJobName" "/TransformJobStatus" "StopTransformJob");
sagemaker!(PROCESSING_JOB "DescribeProcessingJob" "ProcessingJobName" "/ProcessingJobName" "/ProcessingJobStatus" "StopProcessingJob");
sagemaker!(LABELING_JOB "DescribeLabelingJob" "LabelingJobName" "/LabelingJobName" "/LabelingJobStatus" "StopLabelingJob");
sagemaker!(TUNING_JOB "DescribeHyperParameterTuningJob" "HyperParameterTuningJobName" "/HyperParameterTuningJobName" "/HyperParameterTuningJobStatus" "StopHyperParameterTuningJob");

pub(super) static EMR_CLUSTER: Job = Job {
    describe: "DescribeCluster",
    ask: &[answer("ClusterId", "/ClusterId")],
    status: "/Cluster/Status/State",
    succeeded: &["WAITING"],
    failed: &["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"],
    cancel: Some(("TerminateJobFlows", &[list(answer("JobFlowIds", "/ClusterId"))])),
    ..PLAIN
};

pub(super) static EMR_TERMINATION: Job = Job {
    describe: "DescribeCluster",
    ask: &[parameter("ClusterId", "/ClusterId")],
    status: "/Cluster/Status/State",
    succeeded: &["TERMINATED", "TERMINATED_WITH_ERRORS"],
    ..PLAIN
};

pub(super) static EMR_STEP: Job = Job {
    describe: "DescribeStep",
    ask: &[parameter("ClusterId", "/ClusterId"), answer("StepId", "/StepId")],
    status: "/Step/Status/State",
    succeeded: &["COMPLETED"],
    failed: &["CANCELLED", "FAILED", "INTERRUPTED"],
    cancel: Some(("CancelSteps", &[parameter("ClusterId", "/ClusterId"), list(answer("StepIds", "/StepId"))])),
    ..PLAIN
};

pub(super) static VIRTUAL_CLUSTER_DELETION: Job = Job {
    describe: "DescribeVirtualCluster",
    ask: &[answer("Id", "/Id")],
    status: "/VirtualCluster/State",
    succeeded: &["TERMINATED"],
    failed: &["ARRESTED"],
    until_gone: true,
    ..PLAIN
};

pub(super) static EMR_CONTAINERS_RUN: Job = Job {
    describe: "DescribeJobRun",
    ask: &[answer("Id", "/Id"), answer("VirtualClusterId", "/VirtualClusterId")],
    entry: "/JobRun",
    status: "/State",
    succeeded: &["COMPLETED"],
    failed: &["FAILED", "CANCELLED"],
    cancel: Some(("CancelJobRun", &[answer("Id", "/Id"), answer("VirtualClusterId", "/VirtualClusterId")])),
    ..PLAIN
};

macro_rules! application {
    ($name:ident $ask:expr, $succeeded:expr, $failed:expr) => {
        pub(super) static $name: Job = Job {
            describe: "GetApplication",
            ask: &[$ask],
            status: "/Application/State",
            succeeded: $succeeded,
            failed: $failed,
            ..PLAIN
        };
    };
}

const APPLICATION: &str = "ApplicationId";
application!(APPLICATION_CREATED answer(APPLICATION, "/ApplicationId"), &["CREATED", "STARTING", "STARTED"], &["TERMINATED"]);
application!(APPLICATION_STARTED parameter(APPLICATION, "/ApplicationId"), &["STARTED"], &["TERMINATED", "STOPPED"]);
application!(APPLICATION_STOPPED parameter(APPLICATION, "/ApplicationId"), &["STOPPED"], &["TERMINATED"]);
application!(APPLICATION_DELETED parameter(APPLICATION, "/ApplicationId"), &["TERMINATED"], &[]);

const SERVERLESS_RUN: &[Ask] = &[parameter(APPLICATION, "/ApplicationId"), answer("JobRunId", "/JobRunId")];

pub(super) static EMR_SERVERLESS_RUN: Job = Job {
    describe: "GetJobRun",
    ask: SERVERLESS_RUN,
    status: "/JobRun/State",
    succeeded: &["SUCCESS"],
    failed: &["FAILED", "CANCELLED"],
    cancel: Some(("CancelJobRun", SERVERLESS_RUN)),
    ..PLAIN
};

pub(super) static EMR_SERVERLESS_CANCELLATION: Job = Job {
    describe: "GetJobRun",
    ask: SERVERLESS_RUN,
    status: "/JobRun/State",
    succeeded: &["CANCELLED"],
    failed: &["FAILED", "SUCCESS"],
    ..PLAIN
};

pub(super) static BUILD: Job = Job {
    describe: "BatchGetBuilds",
    ask: &[list(answer("Ids", "/Build/Id"))],
    entry: "/Builds/0",
    status: "/BuildStatus",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED", "FAULT", "STOPPED", "TIMED_OUT"],
    member: "Build",
    cancel: Some(("StopBuild", &[answer("Id", "/Build/Id")])),
    ..PLAIN
};

pub(super) static BUILD_BATCH: Job = Job {
    describe: "BatchGetBuildBatches",
    ask: &[list(answer("Ids", "/BuildBatch/Id"))],
    entry: "/BuildBatches/0",
    status: "/BuildBatchStatus",
    succeeded: &["SUCCEEDED"],
    failed: &["FAILED", "FAULT", "STOPPED", "TIMED_OUT"],
    member: "BuildBatch",
    cancel: Some(("StopBuildBatch", &[answer("Id", "/BuildBatch/Id")])),
    ..PLAIN
};

const CLUSTER_NAME: Ask = parameter("ClusterName", "/ClusterName");
const NODEGROUP_NAME: Ask = parameter("NodegroupName", "/NodegroupName");
const PROFILE_NAME: Ask = parameter("FargateProfileName", "/FargateProfileName");

pub(super) static EKS_CLUSTER: Job = Job {
    describe: "DescribeCluster",
    ask: &[parameter("Name", "/Name")],
    status: "/Cluster/Status",
    succeeded: &["ACTIVE"],
    failed: &["FAILED", "DELETING"],
    ..PLAIN
};

pub(super) static EKS_CLUSTER_DELETION: Job = Job {
    succeeded: &[],
    failed: &["FAILED"],
    until_gone: true,
    describe: "DescribeCluster",
    ask: &[parameter("Name", "/Name")],
    status: "/Cluster/Status",
    ..PLAIN
};

pub(super) static NODEGROUP: Job = Job {
    describe: "DescribeNodegroup",
    ask: &[CLUSTER_NAME, NODEGROUP_NAME],
    status: "/Nodegroup/Status",
    succeeded: &["ACTIVE"],
    failed: &["CREATE_FAILED", "DEGRADED", "DELETING", "DELETE_FAILED"],
    ..PLAIN
};

pub(super) static NODEGROUP_DELETION: Job = Job {
    describe: "DescribeNodegroup",
    ask: &[CLUSTER_NAME, NODEGROUP_NAME],
    status: "/Nodegroup/Status",
    failed: &["DELETE_FAILED"],
    until_gone: true,
    ..PLAIN
};

pub(super) static FARGATE_PROFILE: Job = Job {
    describe: "DescribeFargateProfile",
    ask: &[CLUSTER_NAME, PROFILE_NAME],
    status: "/FargateProfile/Status",
    succeeded: &["ACTIVE"],
    failed: &["CREATE_FAILED", "DELETING", "DELETE_FAILED"],
    ..PLAIN
};

pub(super) static FARGATE_PROFILE_DELETION: Job = Job {
    describe: "DescribeFargateProfile",
    ask: &[CLUSTER_NAME, PROFILE_NAME],
    status: "/FargateProfile/Status",
    failed: &["DELETE_FAILED"],
    until_gone: true,
    ..PLAIN
};

pub(super) static CUSTOMIZATION_JOB: Job = Job {
    describe: "GetModelCustomizationJob",
    ask: &[answer("JobIdentifier", "/JobArn")],
    status: "/Status",
    succeeded: &["Completed"],
    failed: &["Failed", "Stopped"],
    cancel: Some(("StopModelCustomizationJob", &[answer("JobIdentifier", "/JobArn")])),
    ..PLAIN
};

pub(super) static MEDIACONVERT_JOB: Job = Job {
    describe: "GetJob",
    ask: &[answer("Id", "/Job/Id")],
    status: "/Job/Status",
    succeeded: &["COMPLETE"],
    failed: &["ERROR", "CANCELED"],
    cancel: Some(("CancelJob", &[answer("Id", "/Job/Id")])),
    ..PLAIN
};
