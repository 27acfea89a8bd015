//! Watches submitted jobs to their ends.

use std::time::Duration;

use windlass_asl::Pattern;
use windlass_protocol::{Fault, SdkInstants};
use windlass_value::{Object, Payload, Text, Value, parse};
use windlass_workflow::TaskCall;

use super::Integrations;
use super::failure::{Failure, is_passing};
use super::job::{Job, Verdict, question};
use super::models::{ApiFault, SdkService, call_api};
use super::optimized::Optimized;
use super::task_call::TaskCaller;

/// Between the submission and the first look at a job that runs elsewhere.
const LOOK_FIRST_MS: u64 = 1_000;
/// Between two looks, at most.
const LOOK_MAX_MS: u64 = 20_000;
/// Between two looks at an execution that runs here: its end is noticed without any.
const LOOK_HERE_MS: u64 = 300_000;
/// Tries to end a job that nobody waits for any more.
const CANCEL_TRIES_MAX: u32 = 5;

/// What a look found.
enum Look {
    Running,
    Succeeded(Value),
    Failed(Value),
}

impl Integrations {
    /// Waits for a job to end.
    pub(super) async fn watch(
        &self,
        row: &'static Optimized,
        job: &'static Job,
        pattern: Pattern,
        caller: TaskCaller<'_>,
        task: &TaskCall,
        submitted: &Payload,
    ) -> Result<Payload, Failure> {
        let (service, _) = row.api().map_err(Failure::task)?;
        let child: Option<Text> =
            submitted.value().get("ExecutionArn").and_then(Value::as_str).filter(|_| row.is_own()).map(Text::from);
        // Noticed from here on, so that an end between a look and the wait is not missed.
        let closing = child.as_ref().map(|arn| self.closings.wait_for(arn));
        let mut pause_ms = LOOK_FIRST_MS;
        let mut first = closing.is_some();
        loop {
            let closed = closing.as_ref().map(|closing| closing.closed());
            if !std::mem::take(&mut first) && closing.is_none() {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                pause_ms = (pause_ms + pause_ms / 2).min(LOOK_MAX_MS);
            }
            let mut is_passing_fault = false;
            match self.look(service, job, pattern, caller, task, submitted).await {
                Ok(Look::Running) => {}
                Ok(Look::Succeeded(result)) => return Ok(Payload::from_value(result)),
                Ok(Look::Failed(result)) => return Err(Failure::task(result.to_text())),
                Err(ApiFault { fault, .. }) if is_passing(&fault) => {
                    tracing::debug!(task = %task.task, %fault, "a job could not be looked at");
                    is_passing_fault = true;
                }
                Err(ApiFault { fault, .. }) if job.until_gone && is_gone(&fault) => {
                    return Ok(Payload::from_value(without_metadata(submitted.value())));
                }
                Err(ApiFault { fault, request_id }) => {
                    return Err(Failure::of_fault(&fault, row.names, Some(service.model), &request_id));
                }
            }
            if let Some(closed) = closed {
                let here = !is_passing_fault && self.runs_here(caller, task, service);
                let wait_ms = if here { LOOK_HERE_MS } else { pause_ms };
                pause_ms = (pause_ms + pause_ms / 2).min(LOOK_MAX_MS);
                tokio::select! {
                    () = closed => {}
                    () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
                }
            }
        }
    }

    fn runs_here(&self, caller: TaskCaller<'_>, task: &TaskCall, service: SdkService) -> bool {
        let call = caller.call(task, service.name, "DescribeExecution", Value::empty_object(), bytes::Bytes::new());
        caller.dispatcher.answers_here(&call)
    }

    async fn look(
        &self,
        service: SdkService,
        job: &Job,
        pattern: Pattern,
        caller: TaskCaller<'_>,
        task: &TaskCall,
        submitted: &Payload,
    ) -> Result<Look, ApiFault> {
        let asked = question(job.ask, task.parameters.value(), submitted.value());
        let described = self.ask(service, job.describe, &asked, caller, task).await?;
        let Some(entry) = described.pointer(job.entry) else {
            return match job.until_gone {
                true => Ok(Look::Succeeded(without_metadata(submitted.value()))),
                // Services list a new job a moment after they have taken it.
                false => Ok(Look::Running),
            };
        };
        let status = entry.pointer(job.status).and_then(Value::as_str).unwrap_or_default();
        let succeeded = job.succeeded.contains(&status);
        if !succeeded && !job.failed.contains(&status) {
            return Ok(Look::Running);
        }
        let (succeeded, result) = match job.verdict {
            Verdict::Status => (succeeded, entry.clone()),
            Verdict::ExitCodes => (succeeded && exited_well(entry), entry.clone()),
            Verdict::Execution => (succeeded, execution(entry, pattern)),
        };
        let result = match job.member {
            "" => result,
            member => [(member, result)].into_iter().collect::<Object>().into(),
        };
        Ok(if succeeded { Look::Succeeded(result) } else { Look::Failed(result) })
    }

    /// Calls an operation about a job; the answer is in PascalCase.
    async fn ask(
        &self,
        service: SdkService,
        operation: &str,
        parameters: &Value,
        caller: TaskCaller<'_>,
        task: &TaskCall,
    ) -> Result<Value, ApiFault> {
        let refused = |fault: Fault| ApiFault { fault, request_id: caller.environment.uuid() };
        let unknown = || refused(Fault::internal(format!("no operation {operation} in the model of {}", service.name)));
        let operation = service.model.operation(operation).ok_or_else(unknown)?;
        let input = service.model.read_sdk_input(operation, parameters).map_err(|problems| {
            refused(Fault::validation(format!("the job cannot be named to {}: {problems:?}", operation.name)))
        })?;
        // The semaphore is never closed.
        let _slot = if service.is_own() { None } else { self.slots.clone().acquire_owned().await.ok() };
        let answer = call_api(caller.about(), task, service, operation, input).await?;
        Ok(service.model.write_sdk_output(operation, &answer.reply, &answer.body, SdkInstants::EpochMs))
    }

    /// Ends a job that nobody waits for any more, as well as that can be done.
    pub(super) async fn end_job(
        &self,
        row: &'static Optimized,
        job: &'static Job,
        caller: TaskCaller<'_>,
        task: &TaskCall,
        submitted: &Payload,
    ) {
        let (Some((operation, asks)), Ok((service, _))) = (job.cancel, row.api()) else { return };
        let asked = question(asks, task.parameters.value(), submitted.value());
        let mut pause_ms = LOOK_FIRST_MS;
        for _ in 0..CANCEL_TRIES_MAX {
            match self.ask(service, operation, &asked, caller, task).await {
                Ok(_) => return,
                Err(ApiFault { fault, .. }) if is_passing(&fault) => {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                    pause_ms *= 2;
                }
                Err(ApiFault { fault, .. }) => {
                    tracing::warn!(execution = %caller.identity.arn, task = %task.task, %fault, "a job could not be ended");
                    return;
                }
            }
        }
        tracing::warn!(execution = %caller.identity.arn, task = %task.task, "a job could not be ended");
    }
}

fn is_gone(fault: &Fault) -> bool {
    fault.status == 404 || fault.code.contains("NotFound") || fault.code.contains("DoesNotExist")
}

/// `.sync` results do not tell of HTTP.
fn without_metadata(result: &Value) -> Value {
    let mut members = result.as_object().map_or_else(Object::new, |members| Object::clone(members));
    members.remove("SdkHttpMetadata");
    members.remove("SdkResponseMetadata");
    members.into()
}

/// Whether every container of a stopped ECS task ended with 0.
fn exited_well(task: &Value) -> bool {
    let containers = task.get("Containers").and_then(Value::as_array);
    containers.is_some_and(|containers| {
        !containers.is_empty()
            && containers.iter().all(|container| container.get("ExitCode").and_then(Value::as_i64) == Some(0))
    })
}

/// A nested execution as `.sync` describes it; with `.sync:2` its input and output are
/// JSON, not text.
fn execution(described: &Value, pattern: Pattern) -> Value {
    const MEMBERS: &[&str] = &[
        "Cause",
        "Error",
        "ExecutionArn",
        "Input",
        "InputDetails",
        "Name",
        "Output",
        "OutputDetails",
        "StartDate",
        "StateMachineArn",
        "Status",
        "StopDate",
        "TraceHeader",
    ];
    let found = MEMBERS.iter().filter_map(|name| Some((*name, described.get(name)?.clone())));
    let parsed = found.map(|(name, value)| match (name, value.as_str()) {
        ("Input" | "Output", Some(text)) if pattern == Pattern::Sync2 => {
            let parsed = parse(text).unwrap_or_else(|_| value.clone());
            (name, parsed)
        }
        _ => (name, value),
    });
    parsed.collect::<Object>().into()
}
