//! Reads a pipe's queue for as long as the pipe runs.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use windlass_event_target::Request;
use windlass_protocol::Fault;
use windlass_value::{Value, object};

use crate::batch;
use crate::caller::call;
use crate::message::Message;
use crate::pipe::Pipe;
use crate::pipes::Pipes;

/// Batches of one pipe that are on their way at once.
const BATCHES_MAX: usize = 10;
/// Messages that one call receives at most.
const RECEIVED_MAX: usize = 10;
/// How long a call waits for messages.
const WAIT: Duration = Duration::from_secs(20);
/// The pause after a queue could not be read; they double.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest of them.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Polls until `stopped` is true; batches under way then go on to their end.
pub(crate) async fn poll(pipes: Weak<Pipes>, pipe: Arc<Pipe>, mut stopped: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(BATCHES_MAX));
    let mut pause = PAUSE;
    while !*stopped.borrow() {
        let gathered = {
            let Some(pipes) = pipes.upgrade() else { return };
            gather(&pipes, &pipe, &slots, &mut stopped).await
        };
        match gathered {
            Ok((messages, slot)) => {
                pause = PAUSE;
                if let Some(pipes) = pipes.upgrade().filter(|_| !messages.is_empty()) {
                    let pipe = pipe.clone();
                    tokio::spawn(async move {
                        batch::run(&pipes, &pipe, messages).await;
                        drop(slot);
                    });
                }
            }
            Err(fault) => {
                tracing::warn!(pipe = pipe.arn, %fault, "the source of a pipe cannot be read");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
    // All slots free: nothing is on its way.
    let _all = slots.acquire_many(BATCHES_MAX as u32).await;
}

/// The messages of a batch: as many as one batch takes, or as come in its window.
/// None when the pipe stops before there are any.
async fn gather(
    pipes: &Pipes,
    pipe: &Pipe,
    slots: &Arc<Semaphore>,
    stopped: &mut watch::Receiver<bool>,
) -> Result<(Vec<Message>, OwnedSemaphorePermit), Fault> {
    // Before anything is received: what waits here would become visible to others again.
    let slot = slots.clone().acquire_owned().await.map_err(|error| Fault::internal(error.to_string()))?;
    let mut messages = Vec::new();
    let mut ends = None;
    loop {
        let now = Instant::now();
        let left = ends.map_or(WAIT, |ends: Instant| ends.saturating_duration_since(now).min(WAIT));
        let more = tokio::select! {
            more = receive(pipes, pipe, pipe.batch_size - messages.len(), left.as_secs()) => more,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let is_over = match more {
            Ok(more) if more.is_empty() && messages.is_empty() => true,
            Ok(more) => {
                // The window opens with the first message.
                let ends = *ends.get_or_insert_with(|| Instant::now() + Duration::from_secs(pipe.window_seconds));
                let is_dry = more.is_empty();
                messages.extend(more);
                is_dry && ends.saturating_duration_since(Instant::now()) < Duration::from_secs(1)
            }
            Err(fault) if messages.is_empty() => return Err(fault),
            // What was received is taken on its way all the same.
            Err(_) => true,
        };
        if is_over || messages.len() >= pipe.batch_size {
            break;
        }
    }
    Ok((messages, slot))
}

async fn receive(pipes: &Pipes, pipe: &Pipe, count: usize, wait_seconds: u64) -> Result<Vec<Message>, Fault> {
    let arn = &pipe.source.arn;
    let all = || Value::array(vec!["All".into()]);
    let request = Request {
        service: "sqs".to_owned(),
        operation: "ReceiveMessage".to_owned(),
        account: arn.account.clone(),
        region: arn.region.clone(),
        input: object! {
            "QueueUrl" => Request::queue_url(arn),
            "MaxNumberOfMessages" => count.min(RECEIVED_MAX),
            "WaitTimeSeconds" => wait_seconds,
            "MessageSystemAttributeNames" => all(),
            "MessageAttributeNames" => all(),
        },
        body: None,
    };
    let reply = call(pipes, pipe, request, None).await?;
    let Value::Array(messages) = &reply.output["Messages"] else { return Ok(Vec::new()) };
    Ok(messages.iter().filter_map(|message| Message::read(pipe, message)).collect())
}
