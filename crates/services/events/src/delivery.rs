//! Delivers what lies in the outbox.

use std::sync::Weak;

use windlass_event_target::{DeadLetter, Destination, EventEntry, Exhausted, Failure, Kind, Request, RetryPolicy};
use windlass_outbox::{BoxFuture, Deliver, Delivery, Entry, Verdict};
use windlass_protocol::{Body, Call, Fault, Principal, Reply};
use windlass_store::Batch;
use windlass_value::{Text, Value};

use crate::api_destination_call::{self, Ended};
use crate::event::seconds_text;
use crate::events::Events;
use crate::place::Place;
use crate::work::{ToDeadLetter, ToTarget, Work};
use crate::{random, replay, schedule};

/// How long work waits that comes while the service is not there.
const ABSENT_MS: i64 = 1_000;

/// Hands the outbox's entries to the service.
pub(crate) struct Deliverer(pub(crate) Weak<Events>);

impl Deliver for Deliverer {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(events) = self.0.upgrade() else {
                return Verdict::Retry { at: delivery.added.plus_ms(ABSENT_MS) };
            };
            let Some((work, payload)) = Work::decode(&delivery.body) else {
                tracing::error!(id = &*delivery.id, "stored work cannot be read and is left out");
                return Verdict::Done(Batch::default());
            };
            match work {
                Work::Target(target) => to_target(&events, &delivery, *target, &payload).await,
                Work::DeadLetter(letter) => to_dead_letter(&events, &delivery, &letter, &payload).await,
                Work::Schedule(due) => schedule::fire(&events, &due),
                Work::Replay { place, name } => replay::step(&events, &place, &name),
            }
        })
    }
}

async fn to_target(events: &Events, delivery: &Delivery, mut target: ToTarget, payload: &Text) -> Verdict {
    let attempt = target.attempts_before.saturating_add(delivery.attempt);
    let ended = send(events, delivery, &target, payload).await;
    let now = events.now();
    let (failure, pause_ms) = match ended {
        Ended::Delivered => {
            events.counters.delivered();
            return Verdict::Done(Batch::default());
        }
        Ended::TooFast(at) => {
            // No attempt was made, so none is counted: the entry begins anew.
            target.attempts_before = attempt - 1;
            let place = target.place.clone();
            let body = Work::Target(Box::new(target)).encode(payload);
            let entry = Entry { id: delivery.id.clone(), lane: None, due: at, body };
            let mut batch = Batch::default();
            events.outbox.add(&mut batch, &place.account, &place.region, &entry);
            return Verdict::Done(batch);
        }
        Ended::Failed { failure, pause_ms } => (failure, pause_ms),
    };
    let age_ms = now.as_ms() - target.accepted_ms;
    match target.retry().after_pause(&failure, attempt, age_ms, random::fraction(), pause_ms) {
        windlass_event_target::Verdict::Retry { after_ms } => {
            tracing::debug!(
                rule = target.rule_arn,
                target = target.target_arn,
                code = failure.code,
                message = failure.message,
                "a delivery failed and is tried again"
            );
            Verdict::Retry { at: now.plus_ms(after_ms) }
        }
        windlass_event_target::Verdict::GiveUp(exhausted) => {
            give_up(events, delivery, target, payload, &failure, exhausted, attempt)
        }
    }
}

fn give_up(
    events: &Events,
    delivery: &Delivery,
    target: ToTarget,
    payload: &Text,
    failure: &Failure,
    exhausted: Option<Exhausted>,
    attempt: u32,
) -> Verdict {
    events.counters.failed();
    tracing::warn!(
        rule = target.rule_arn,
        target = target.target_arn,
        code = failure.code,
        message = failure.message,
        dead_letter = target.dead_letter,
        "a delivery was given up"
    );
    let mut batch = Batch::default();
    if let Some(queue) = target.dead_letter {
        let letter = ToDeadLetter {
            place: target.place.clone(),
            queue,
            rule_arn: target.rule_arn,
            target_arn: target.target_arn,
            error_code: failure.code.clone(),
            error_message: failure.message.clone(),
            exhausted: exhausted.map(|exhausted| exhausted.as_str().to_owned()),
            attempts: attempt - 1,
            accepted_ms: events.now().as_ms(),
            depth: target.depth,
        };
        let body = Work::DeadLetter(Box::new(letter)).encode(target.event.as_deref().unwrap_or(payload));
        let entry = Entry { id: format!("{}:dead", delivery.id).into(), lane: None, due: events.now(), body };
        events.outbox.add(&mut batch, &target.place.account, &target.place.region, &entry);
    }
    Verdict::Done(batch)
}

/// Makes the call that a delivery stands for.
async fn send(events: &Events, delivery: &Delivery, target: &ToTarget, payload: &Text) -> Ended {
    let destination = match Destination::parse(&target.target_arn) {
        Ok(destination) => destination,
        Err(error) => return failed("INVALID_PARAMETER", &error.to_string(), false),
    };
    let sender = Sender { events, delivery, target };
    let group = target.message_group_id.as_deref();
    let request = match &destination.kind {
        Kind::StateMachine => Request::start_execution(&destination, &delivery.id, payload),
        Kind::Function => Request::invoke(&destination, payload, false),
        Kind::Queue { .. } => Request::send_message(&destination, payload, group, None),
        Kind::Topic => Request::publish(&destination, payload, group, None),
        Kind::EventBus(_) => match windlass_value::parse(payload) {
            Ok(event) if event["detail"].as_object().is_some() => {
                let entry = EventEntry::of_event(&event, Some(target.event_time_ms.div_euclid(1000)));
                Request::put_event(&destination, &entry)
            }
            _ => return failed("INVALID_PARAMETER", "The input of an event bus must be an event.", false),
        },
        Kind::LogGroup(group) => return sender.log(&destination, group, payload).await,
        Kind::ApiDestination(_) => {
            let parameters = target.http.as_deref().and_then(|text| windlass_value::parse(text).ok());
            let parameters = parameters.unwrap_or(Value::Null);
            return api_destination_call::call(events, &target.target_arn, &parameters, payload).await;
        }
        Kind::Universal { .. } => return failed("INVALID_PARAMETER", "Rules have no universal targets.", false),
    };
    match sender.call(request, "").await {
        Ok(reply) => of_reply(&destination, &reply),
        // The name is this delivery's own: an earlier attempt started it.
        Err(fault) if fault.code == "ExecutionAlreadyExists" => Ended::Delivered,
        Err(fault) => of_fault(&fault),
    }
}

/// Makes calls for one delivery.
struct Sender<'a> {
    events: &'a Events,
    delivery: &'a Delivery,
    target: &'a ToTarget,
}

impl Sender<'_> {
    async fn call(&self, request: Request, step: &str) -> Result<Reply, Fault> {
        let target = self.target;
        let principal = principal(&target.place, target.role_arn.as_deref());
        let call = call(request, principal, &target.rule_arn, &format!("{}{step}", self.delivery.id), target.depth)?;
        self.events.dispatcher.call(Call { trace: target.trace.as_deref().map(Text::from), ..call }).await
    }

    /// Writes the payload as one line of a log, in a stream of its rule and day.
    async fn log(&self, destination: &Destination, group: &str, payload: &Text) -> Ended {
        let target = self.target;
        let accepted = windlass_value::Timestamp(target.accepted_ms);
        let day = seconds_text(accepted);
        let stream = format!("{}/{}", target.rule_name, &day[..day.len().min(10)]);
        let create = Request::create_log_stream(destination, group, &stream);
        match self.call(create, ":stream").await {
            Ok(_) => {}
            Err(fault) if fault.code == "ResourceAlreadyExistsException" => {}
            Err(fault) => return of_fault(&fault),
        }
        let put = Request::put_log_event(destination, group, &stream, target.accepted_ms, payload);
        match self.call(put, "").await {
            Ok(_) => Ended::Delivered,
            Err(fault) => of_fault(&fault),
        }
    }
}

/// Who calls: a target's role, or the service itself.
pub(crate) fn principal(place: &Place, role_arn: Option<&str>) -> Principal {
    const SERVICE: &str = "events.amazonaws.com";
    match role_arn {
        Some(role_arn) => Principal::under_role(role_arn, &place.account),
        None => Principal { arn: SERVICE.into(), account: place.account.clone(), access_key_id: None },
    }
}

pub(crate) fn call(
    request: Request,
    principal: Principal,
    source_arn: &str,
    idempotency_key: &str,
    depth: u8,
) -> Result<Call, Fault> {
    Ok(Call {
        account: request.account.into(),
        region: request.region.into(),
        service: request.service.into(),
        operation: request.operation.into(),
        input: request.input,
        body: request.body.map_or_else(Body::empty, |body| Body::from(body.to_string())),
        principal,
        source_arn: Some(source_arn.into()),
        deadline: None,
        cancellation_id: None,
        idempotency_key: Some(idempotency_key.into()),
        trace: None,
        depth: depth.saturating_add(1),
        request_id: random::uuid()?.into(),
    })
}

fn of_reply(destination: &Destination, reply: &Reply) -> Ended {
    let is_bus = matches!(destination.kind, Kind::EventBus(_));
    if is_bus && reply.output["FailedEntryCount"].as_i64().is_some_and(|failed| failed > 0) {
        let entry = reply.output["Entries"].at(0).cloned().unwrap_or(Value::Null);
        let code = entry["ErrorCode"].as_str().unwrap_or("InternalFailure");
        let message = entry["ErrorMessage"].as_str().unwrap_or_default();
        let is_retryable = matches!(code, "InternalFailure" | "ThrottlingException" | "InternalException");
        return failed(code, message, is_retryable);
    }
    Ended::Delivered
}

fn of_fault(fault: &Fault) -> Ended {
    Ended::Failed { failure: Failure::of_call(&fault.code, &fault.message, fault.status), pause_ms: 0 }
}

fn failed(code: &str, message: &str, is_retryable: bool) -> Ended {
    let failure = Failure { code: code.to_owned(), message: message.to_owned(), is_retryable };
    Ended::Failed { failure, pause_ms: 0 }
}

async fn to_dead_letter(events: &Events, delivery: &Delivery, letter: &ToDeadLetter, payload: &Text) -> Verdict {
    let queue = match Destination::parse(&letter.queue) {
        Ok(queue) => queue,
        Err(error) => {
            tracing::error!(queue = letter.queue, %error, "a dead letter was lost: its queue is none");
            return Verdict::Done(Batch::default());
        }
    };
    let attributes = vec![
        ("RULE_ARN", letter.rule_arn.clone()),
        ("TARGET_ARN", letter.target_arn.clone()),
        ("ERROR_CODE", letter.error_code.clone()),
        ("ERROR_MESSAGE", letter.error_message.clone()),
        ("EXHAUSTED_RETRY_CONDITION", letter.exhausted.clone().unwrap_or_default()),
        ("RETRY_ATTEMPTS", letter.attempts.to_string()),
    ];
    let request = DeadLetter { body: payload, attributes, group: None }.request(&queue);
    let principal = principal(&letter.place, None);
    let sent = match call(request, principal, &letter.rule_arn, &delivery.id, letter.depth) {
        Ok(call) => events.dispatcher.call(call).await,
        Err(fault) => Err(fault),
    };
    let Err(fault) = sent else { return Verdict::Done(Batch::default()) };
    let failure = Failure::of_call(&fault.code, &fault.message, fault.status);
    let age_ms = events.now().as_ms() - letter.accepted_ms;
    match RetryPolicy::default().after(&failure, delivery.attempt, age_ms, random::fraction()) {
        windlass_event_target::Verdict::Retry { after_ms } => Verdict::Retry { at: events.now().plus_ms(after_ms) },
        windlass_event_target::Verdict::GiveUp(_) => {
            tracing::error!(queue = letter.queue, rule = letter.rule_arn, %fault, "a dead letter was lost: its queue does not take it");
            Verdict::Done(Batch::default())
        }
    }
}
