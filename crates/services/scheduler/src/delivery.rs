//! Does what lies in the outbox.

use std::sync::Weak;

use windlass_event_target::{DeadLetter, Destination, Exhausted, Failure, Request, RetryPolicy};
use windlass_outbox::{BoxFuture, Deliver, Delivery, Entry, Verdict};
use windlass_protocol::{Body, Call, Fault, Principal, Reply};
use windlass_store::Batch;
use windlass_value::{Text, Timestamp};

use crate::context;
use crate::fire;
use crate::group;
use crate::place::Place;
use crate::random;
use crate::scheduler::Scheduler;
use crate::target::{Invocation, instant_text};
use crate::work::{ToDeadLetter, ToTarget, Work};

/// How long work waits that comes while the service is not there.
const ABSENT_MS: i64 = 1_000;

/// Hands the outbox's entries to the service.
pub(crate) struct Deliverer(pub(crate) Weak<Scheduler>);

impl Deliver for Deliverer {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(scheduler) = self.0.upgrade() else {
                return Verdict::Retry { at: delivery.added.plus_ms(ABSENT_MS) };
            };
            let Some((work, payload)) = Work::decode(&delivery.body) else {
                tracing::error!(id = &*delivery.id, "stored work cannot be read and is left out");
                return Verdict::Done(Batch::default());
            };
            match work {
                Work::Fire(due) => fire::fire(&scheduler, &due),
                Work::Target(target) => to_target(&scheduler, &delivery, &target, &payload).await,
                Work::DeadLetter(letter) => to_dead_letter(&scheduler, &delivery, &letter, &payload).await,
                Work::DeleteGroup { place, name } => group::delete_step(&scheduler, &place, &name),
            }
        })
    }
}

async fn to_target(scheduler: &Scheduler, delivery: &Delivery, target: &ToTarget, payload: &Text) -> Verdict {
    let scheduled = Timestamp(target.instant_ms);
    let attempt = delivery.attempt;
    let input =
        target.has_input.then(|| context::fill(payload, &target.schedule_arn, scheduled, &delivery.id, attempt));
    let document = windlass_value::parse(&target.target).unwrap_or_default();
    let invocation = Invocation {
        place: &target.place,
        schedule_arn: &target.schedule_arn,
        target: &document,
        input: input.as_deref(),
        execution_id: &delivery.id,
        scheduled,
    };
    let role_arn = document["RoleArn"].as_str().unwrap_or_default();
    let failure = match invocation.request() {
        Err(why) => Failure { code: "INVALID_PARAMETER".to_owned(), message: why, is_retryable: false },
        Ok(request) => {
            let answer = call(scheduler, request, &target.place, role_arn, &target.schedule_arn, &delivery.id).await;
            match failure(answer) {
                None => {
                    scheduler.counters.delivered();
                    return Verdict::Done(Batch::default());
                }
                Some(failure) => failure,
            }
        }
    };
    let now = scheduler.now();
    let age_ms = now.as_ms() - target.fired_ms;
    let exhausted = match target.retry().after(&failure, attempt, age_ms, random::fraction()) {
        windlass_event_target::Verdict::Retry { after_ms } => {
            tracing::debug!(
                schedule = target.schedule_arn,
                code = failure.code,
                message = failure.message,
                "an invocation failed and is tried again"
            );
            return Verdict::Retry { at: now.plus_ms(after_ms) };
        }
        windlass_event_target::Verdict::GiveUp(exhausted) => exhausted,
    };
    scheduler.counters.failed();
    let queue = document["DeadLetterConfig"]["Arn"].as_str();
    tracing::warn!(
        schedule = target.schedule_arn,
        code = failure.code,
        message = failure.message,
        dead_letter = queue,
        "an invocation was given up"
    );
    let mut batch = Batch::default();
    if let Some(queue) = queue {
        let letter = ToDeadLetter {
            place: target.place.clone(),
            queue: queue.to_owned(),
            role_arn: role_arn.to_owned(),
            schedule_arn: target.schedule_arn.clone(),
            target_arn: document["Arn"].as_str().unwrap_or_default().to_owned(),
            execution_id: delivery.id.to_string(),
            instant_ms: target.instant_ms,
            error_code: failure.code,
            error_message: failure.message,
            exhausted: exhausted.map(Exhausted::as_str).map(str::to_owned),
            attempts: attempt - 1,
            given_up_ms: now.as_ms(),
        };
        let body = Work::DeadLetter(Box::new(letter)).encode(input.as_deref().unwrap_or_default());
        let entry = Entry { id: format!("{}:dead", delivery.id).into(), lane: None, due: now, body };
        scheduler.outbox.add(&mut batch, &target.place.account, &target.place.region, &entry);
    }
    Verdict::Done(batch)
}

/// Calls on behalf of a schedule, as its role.
async fn call(
    scheduler: &Scheduler,
    request: Request,
    place: &Place,
    role_arn: &str,
    schedule_arn: &str,
    idempotency_key: &str,
) -> Result<Reply, Fault> {
    let call = Call {
        account: request.account.into(),
        region: request.region.into(),
        service: request.service.into(),
        operation: request.operation.into(),
        input: request.input,
        body: request.body.map_or_else(Body::empty, |body| Body::from(body.to_string())),
        principal: Principal::under_role(role_arn, &place.account),
        source_arn: Some(schedule_arn.into()),
        deadline: None,
        cancellation_id: None,
        idempotency_key: Some(idempotency_key.into()),
        trace: None,
        depth: 1,
        request_id: random::uuid()?.into(),
    };
    scheduler.dispatcher.call(call).await
}

/// Why a call did not do its work, if so.
fn failure(answer: Result<Reply, Fault>) -> Option<Failure> {
    match answer {
        // The name is this invocation's own: an earlier attempt started it.
        Err(fault) if fault.code == "ExecutionAlreadyExists" => None,
        Err(fault) => Some(Failure::of_call(&fault.code, &fault.message, fault.status)),
        Ok(reply) => {
            let is_refused = reply.output["FailedEntryCount"].as_i64().is_some_and(|failed| failed > 0);
            let entry = is_refused.then(|| reply.output["Entries"].at(0).cloned().unwrap_or_default())?;
            let code = entry["ErrorCode"].as_str().unwrap_or("InternalFailure").to_owned();
            let message = entry["ErrorMessage"].as_str().unwrap_or_default().to_owned();
            let is_retryable = matches!(&*code, "InternalFailure" | "ThrottlingException" | "InternalException");
            Some(Failure { code, message, is_retryable })
        }
    }
}

async fn to_dead_letter(scheduler: &Scheduler, delivery: &Delivery, letter: &ToDeadLetter, payload: &Text) -> Verdict {
    let Ok(queue) = Destination::parse(&letter.queue) else {
        tracing::error!(queue = letter.queue, "a dead letter was lost: its queue is none");
        return Verdict::Done(Batch::default());
    };
    let attributes = vec![
        ("ERROR_CODE", letter.error_code.clone()),
        ("ERROR_MESSAGE", letter.error_message.clone()),
        ("EXECUTION_ID", letter.execution_id.clone()),
        ("EXHAUSTED_RETRY_CONDITION", letter.exhausted.clone().unwrap_or_default()),
        ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
        ("RETRY_ATTEMPTS", letter.attempts.to_string()),
        ("SCHEDULED_TIME", instant_text(Timestamp(letter.instant_ms))),
        ("SCHEDULE_ARN", letter.schedule_arn.clone()),
        ("TARGET_ARN", letter.target_arn.clone()),
    ];
    // A queue takes no empty message.
    let body = if payload.is_empty() { "{}" } else { payload };
    let request = DeadLetter { body, attributes, group: None }.request(&queue);
    let sent = call(scheduler, request, &letter.place, &letter.role_arn, &letter.schedule_arn, &delivery.id).await;
    let Err(fault) = sent else { return Verdict::Done(Batch::default()) };
    let failure = Failure::of_call(&fault.code, &fault.message, fault.status);
    let age_ms = scheduler.now().as_ms() - letter.given_up_ms;
    match RetryPolicy::default().after(&failure, delivery.attempt, age_ms, random::fraction()) {
        windlass_event_target::Verdict::Retry { after_ms } => Verdict::Retry { at: scheduler.now().plus_ms(after_ms) },
        windlass_event_target::Verdict::GiveUp(_) => {
            tracing::error!(queue = letter.queue, schedule = letter.schedule_arn, %fault, "a dead letter was lost: its queue does not take it");
            Verdict::Done(Batch::default())
        }
    }
}
