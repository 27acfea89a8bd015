//! What comes by its instant: deletions, rotations and their steps.

use std::sync::Weak;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_outbox::{BoxFuture, Deliver, Delivery, Entry, Verdict};
use windlass_protocol::{Call, Fault, Principal};
use windlass_store::Batch;
use windlass_value::{Arn, Timestamp, object};

use crate::faults;
use crate::secret::{Secret, StoredSecret};
use crate::secrets_manager::{SecretsManager, uuid};

/// When what could not be carried out is tried again.
const RETRY_MS: i64 = 60_000;
/// The four steps of a rotation, as the function is told them.
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// How often a step is tried.
const STEP_ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; they double.
const STEP_PAUSE_MS: i64 = 10_000;

/// A stored type.
#[derive(Serialize, Deserialize)]
struct Body {
    task: Task,
    account: String,
    region: String,
    name: String,
    /// So that another secret of the same name is left alone.
    suffix: String,
}

#[derive(Serialize, Deserialize)]
enum Task {
    Delete,
    Rotate,
    Step { version_id: String, step: usize },
}

/// The deletion of a secret.
pub(crate) fn deletion(secret: &Secret, due: Timestamp) -> Entry {
    entry(Task::Delete, deletion_id(secret), None, secret, due)
}

/// The id of its entry.
pub(crate) fn deletion_id(secret: &Secret) -> String {
    format!("delete {}", secret.arn())
}

/// The next rotation of a secret.
pub(crate) fn schedule(secret: &Secret, due: Timestamp) -> Entry {
    entry(Task::Rotate, schedule_id(secret), None, secret, due)
}

/// The id of its entry.
pub(crate) fn schedule_id(secret: &Secret) -> String {
    format!("rotate {}", secret.arn())
}

/// A step of a rotation.
pub(crate) fn step(secret: &Secret, version_id: &str, step: usize, due: Timestamp) -> Entry {
    let id = format!("step {} {version_id} {step}", secret.arn());
    entry(Task::Step { version_id: version_id.to_owned(), step }, id, Some(secret.arn()), secret, due)
}

fn entry(task: Task, id: String, lane: Option<String>, secret: &Secret, due: Timestamp) -> Entry {
    let Secret { account, region, name, suffix, .. } = secret.clone();
    let body = Body { task, account, region, name, suffix };
    // A structure of texts always has a JSON text.
    let body = serde_json::to_vec(&body).map(Bytes::from).unwrap_or_default();
    Entry { id: id.into(), lane: lane.map(Into::into), due, body }
}

/// Carries out what is due.
pub(crate) struct Due {
    pub(crate) service: Weak<SecretsManager>,
}

impl Deliver for Due {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(service) = self.service.upgrade() else {
                return Verdict::Retry { at: delivery.added };
            };
            match service.carry_out(&delivery).await {
                Ok(verdict) => verdict,
                Err(fault) => {
                    tracing::error!(id = &*delivery.id, %fault, "a deletion or rotation of a secret cannot be carried out; it is tried again");
                    Verdict::Retry { at: (service.now)().plus_ms(RETRY_MS) }
                }
            }
        })
    }
}

impl SecretsManager {
    async fn carry_out(&self, delivery: &Delivery) -> Result<Verdict, Fault> {
        let body: Body = serde_json::from_slice(&delivery.body).map_err(|error| faults::row("what is due", error))?;
        let mut batch = Batch::default();
        let found = self.find_named(&body.account, &body.region, &body.name)?;
        let Some(mut stored) = found.filter(|stored| stored.secret.suffix == body.suffix) else {
            return Ok(Verdict::Done(batch));
        };
        let now = (self.now)();
        match body.task {
            Task::Delete => {
                // Restored meanwhile, or moved.
                if stored.secret.deletion_ms.is_some_and(|deletion_ms| deletion_ms <= now.as_ms()) {
                    self.erase(&stored.secret, stored.row_version, &mut batch)?;
                    tracing::info!(secret = stored.secret.arn(), "a secret was deleted: its recovery window is over");
                }
                Ok(Verdict::Done(batch))
            }
            Task::Rotate => {
                self.rotate_when_due(&mut stored, &mut batch)?;
                Ok(Verdict::Done(batch))
            }
            Task::Step { version_id, step } => self.carry_out_step(stored, &version_id, step, delivery).await,
        }
    }

    fn rotate_when_due(&self, stored: &mut StoredSecret, batch: &mut Batch) -> Result<(), Fault> {
        let now = (self.now)();
        let secret = &mut stored.secret;
        let Some(rotation) = secret.rotation.as_mut().filter(|rotation| rotation.enabled) else { return Ok(()) };
        if rotation.next_ms.is_none_or(|next_ms| next_ms > now.as_ms()) {
            return Ok(());
        }
        rotation.next_ms = rotation.next_after(now);
        let is_idle = rotation.running.is_none();
        self.schedule(secret, batch, &mut Vec::new());
        if is_idle && secret.deleted_ms.is_none() {
            self.begin_rotation(secret, &uuid()?, batch, &mut Vec::new())?;
        }
        secret.put(batch, Some(stored.row_version))
    }

    async fn carry_out_step(
        &self,
        stored: StoredSecret,
        version_id: &str,
        step: usize,
        delivery: &Delivery,
    ) -> Result<Verdict, Fault> {
        let mut batch = Batch::default();
        let secret = &stored.secret;
        let rotation = secret.rotation.as_ref().filter(|rotation| rotation.running.as_deref() == Some(version_id));
        let Some((rotation, name)) = rotation.zip(STEPS.get(step)) else {
            // Cancelled meanwhile.
            return Ok(Verdict::Done(batch));
        };
        let lambda_arn = rotation.lambda_arn.clone().unwrap_or_default();
        self.wired().await;
        let outcome = self.invoke(secret, &lambda_arn, version_id, name, delivery).await;
        let now = (self.now)();
        if let Err(fault) = &outcome
            && delivery.attempt < STEP_ATTEMPTS_MAX
        {
            tracing::warn!(secret = secret.arn(), step = name, attempt = delivery.attempt, %fault, "a step of a rotation failed; it is tried again");
            let pause_ms = STEP_PAUSE_MS << (delivery.attempt.saturating_sub(1)).min(16);
            return Ok(Verdict::Retry { at: now.plus_ms(pause_ms) });
        }
        if outcome.is_ok() && step + 1 < STEPS.len() {
            let next = self::step(secret, version_id, step + 1, now);
            self.due.add(&mut batch, &secret.account, &secret.region, &next);
            return Ok(Verdict::Done(batch));
        }
        // The function has changed the secret: it is read anew.
        let Some(mut stored) = self.find_named(&secret.account, &secret.region, &secret.name)? else {
            return Ok(Verdict::Done(batch));
        };
        if let Some(rotation) = &mut stored.secret.rotation {
            rotation.running = None;
        }
        match outcome {
            Ok(()) => stored.secret.rotated_ms = Some(now.as_ms()),
            Err(fault) => {
                tracing::error!(secret = secret.arn(), step = name, %fault, "a rotation failed; the next one takes it up again");
            }
        }
        stored.secret.put(&mut batch, Some(stored.row_version))?;
        Ok(Verdict::Done(batch))
    }

    /// Waits until services can be called: the steps that an earlier run left are
    /// due before the services of this one are all there.
    async fn wired(&self) {
        const POLL: Duration = Duration::from_millis(50);
        const POLLS_MAX: u32 = 1_200;
        for _ in 0..POLLS_MAX {
            if self.dispatcher.hosts("secretsmanager") {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Has the rotation function do a step.
    async fn invoke(
        &self,
        secret: &Secret,
        lambda_arn: &str,
        version_id: &str,
        step: &str,
        delivery: &Delivery,
    ) -> Result<(), Fault> {
        let lambda = Arn::parse(lambda_arn);
        let of = |part: fn(&Arn) -> &String, default: &str| {
            lambda.as_ref().map(part).filter(|part| !part.is_empty()).map_or(default, |part| part.as_str()).into()
        };
        let event = object! { "Step" => step, "SecretId" => secret.arn(), "ClientRequestToken" => version_id };
        let call = Call {
            account: of(|arn| &arn.account, &secret.account),
            region: of(|arn| &arn.region, &secret.region),
            service: "lambda".into(),
            operation: "Invoke".into(),
            input: object! { "FunctionName" => lambda_arn, "InvocationType" => "RequestResponse" },
            body: event.to_text().into(),
            principal: Principal {
                arn: "secretsmanager.amazonaws.com".into(),
                account: secret.account.as_str().into(),
                access_key_id: None,
            },
            source_arn: Some(secret.arn().into()),
            deadline: None,
            cancellation_id: None,
            // Each attempt is a call of its own: the first one's failure is no answer to the second.
            idempotency_key: Some(format!("{} {} {}", delivery.id, delivery.added.as_ms(), delivery.attempt).into()),
            trace: None,
            depth: 1,
            request_id: uuid()?.into(),
        };
        let reply = self.dispatcher.call(call).await?;
        match reply.output["FunctionError"].as_str() {
            None => Ok(()),
            Some(error) => {
                let payload = reply.body.in_memory().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                // The function's own error text may hold what it should not.
                let kind = payload.and_then(|payload| windlass_value::parse(&payload).ok());
                let kind = kind.as_ref().and_then(|payload| payload["errorType"].as_str()).unwrap_or("unknown");
                Err(Fault::new("RotationFailed", format!("the function ended with {error} ({kind})")))
            }
        }
    }
}
