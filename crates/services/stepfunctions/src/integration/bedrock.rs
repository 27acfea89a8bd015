//! `bedrock:invokeModel`: a model's answer, from and to S3 where the task says so.

use bytes::Bytes;
use windlass_protocol::{SdkInput, SdkInstants};
use windlass_value::{Object, Payload, Value, object, parse};
use windlass_workflow::TaskCall;

use super::failure::{Failure, ServiceNames};
use super::models::{ApiFault, SdkService, call_api, cannot_start, unusable};
use super::task_call::TaskCaller;

const NAMES: ServiceNames =
    ServiceNames { prefix: "Bedrock", service: "AmazonBedrockRuntime", unmodelled: "AmazonBedrockRuntimeException" };
const S3: ServiceNames = ServiceNames { prefix: "S3", service: "Amazon S3", unmodelled: "AmazonS3Exception" };
const FIELDS: &[&str] = &[
    "ModelId",
    "Body",
    "Input",
    "Output",
    "Accept",
    "ContentType",
    "GuardrailIdentifier",
    "GuardrailVersion",
    "Trace",
];

/// Why these parameters cannot start the task; `None` when they can.
pub(super) fn refusal(parameters: &Value) -> Option<String> {
    let Value::Object(given) = parameters else {
        return Some(cannot_start(parameters, &["The parameters must be an object".to_owned()]));
    };
    let mut problems = Vec::new();
    if given.get("ModelId").is_none_or(Value::is_null) {
        problems.push("The field 'ModelId' is required but was missing".to_owned());
    }
    let has_body = given.get("Body").is_some_and(|body| !body.is_null());
    if !has_body && s3_place(given, "Input").is_none() {
        problems.push("The field 'Body' is required but was missing".to_owned());
    }
    for name in given.keys().filter(|name| !FIELDS.contains(&&***name)) {
        problems.push(format!("The field '{name}' is not supported by Step Functions"));
    }
    (!problems.is_empty()).then(|| cannot_start(parameters, &problems))
}

/// `{bucket}` and `{key}` of `Input.S3Uri` or `Output.S3Uri`.
fn s3_place<'a>(given: &'a Object, field: &str) -> Option<(&'a str, &'a str)> {
    given.get(field)?.get("S3Uri")?.as_str()?.strip_prefix("s3://")?.split_once('/')
}

/// Makes the call.
pub(super) async fn invoke_model(caller: TaskCaller<'_>, task: &TaskCall) -> Result<Payload, Failure> {
    let no_model = |sdk: &str| {
        Failure::task(format!(
            "The service integration 'bedrock:invokeModel' cannot be called: this build has no model of the service '{sdk}'."
        ))
    };
    let service = SdkService::of("bedrockruntime").ok_or_else(|| no_model("bedrockruntime"))?;
    let operation = service.model.operation("InvokeModel").ok_or_else(|| no_model("bedrockruntime"))?;
    let s3 = SdkService::of("s3").ok_or_else(|| no_model("s3"));
    let parameters = task.parameters.value();
    let given = parameters.as_object().map_or_else(Object::new, |given| Object::clone(given));
    let mut own = given.clone();
    let output = s3_place(&given, "Output").map(|(bucket, key)| (bucket.to_owned(), key.to_owned()));
    own.remove("Input");
    own.remove("Output");
    if own.get("ContentType").is_none_or(Value::is_null) {
        own.insert("ContentType", "application/json");
    }
    let mut input = service.model.read_sdk_input(operation, &own.into());
    if let (Ok(input), Some((bucket, key))) = (&mut input, s3_place(&given, "Input")) {
        input.body = read_object(caller, task, s3.clone()?, bucket, key).await?;
    }
    let input = input.map_err(|problems| unusable(parameters, &problems))?;
    let answer = call_api(caller, task, service, operation, input)
        .await
        .map_err(|ApiFault { fault, request_id }| Failure::of_fault(&fault, NAMES, Some(service.model), &request_id))?;
    let written = service.model.write_sdk_output(operation, &answer.reply, &[], SdkInstants::EpochMs);
    let content_type = written.get("ContentType").cloned().unwrap_or_else(|| "application/json".into());
    let body = match output {
        Some((bucket, key)) => {
            write_object(caller, task, s3?, &bucket, &key, &content_type, answer.body).await?;
            format!("s3://{bucket}/{key}").into()
        }
        None => {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            parse(&text).unwrap_or_else(|_| text.into())
        }
    };
    Ok(Payload::from_value(object! { "Body" => body, "ContentType" => content_type }))
}

async fn read_object(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    s3: SdkService,
    bucket: &str,
    key: &str,
) -> Result<Bytes, Failure> {
    let input = object! { "Bucket" => bucket, "Key" => key };
    call_s3(caller, task, s3, "GetObject", SdkInput { input, body: Bytes::new() }).await
}

async fn write_object(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    s3: SdkService,
    bucket: &str,
    key: &str,
    content_type: &Value,
    body: Bytes,
) -> Result<(), Failure> {
    let input = object! { "Bucket" => bucket, "Key" => key, "ContentType" => content_type };
    call_s3(caller, task, s3, "PutObject", SdkInput { input, body }).await?;
    Ok(())
}

async fn call_s3(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    s3: SdkService,
    operation: &str,
    input: SdkInput,
) -> Result<Bytes, Failure> {
    let operation = s3
        .model
        .operation(operation)
        .ok_or_else(|| Failure::task(format!("The model of S3 has no operation {operation}.")))?;
    let answer = call_api(caller.about(), task, s3, operation, input).await;
    let answer =
        answer.map_err(|ApiFault { fault, request_id }| Failure::of_fault(&fault, S3, Some(s3.model), &request_id))?;
    Ok(answer.body)
}
