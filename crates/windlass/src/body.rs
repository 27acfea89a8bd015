use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use windlass_protocol::{FORM_BYTES_MAX, Fault, RequestBounds};

use crate::wire::Meaning;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of all bodies that are being received or worked on.
const BODIES_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What is set aside for a body before it comes. More would be taken on the
/// client's word alone: only bytes that came are counted.
const RESERVED_BYTES_MAX: usize = 64 * 1024;

/// A body's size where the head means no operation.
const UNKNOWN_BYTES_MAX: usize = 1024 * 1024;

/// How large a body may be.
pub(crate) fn bytes_max(meaning: &Meaning, bounds: &RequestBounds) -> usize {
    match meaning {
        Meaning::Known(resolved) => bounds.body_bytes_max(resolved),
        Meaning::InBody => FORM_BYTES_MAX,
        Meaning::Unknown(_) => UNKNOWN_BYTES_MAX,
    }
}

/// What all bodies take together.
#[derive(Default)]
pub(crate) struct BodyBudget {
    bytes: AtomicUsize,
}

impl BodyBudget {
    pub(crate) fn taken_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A part of the budget, given back when dropped.
pub(crate) struct BodyShare {
    budget: Arc<BodyBudget>,
    bytes: usize,
}

impl BodyShare {
    pub(crate) fn none(budget: &Arc<BodyBudget>) -> BodyShare {
        BodyShare { budget: budget.clone(), bytes: 0 }
    }

    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        if self.budget.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > BODIES_BYTES_MAX {
            return Err(Fault::new("ThrottlingException", "Rate exceeded")
                .with_status(StatusCode::SERVICE_UNAVAILABLE.as_u16())
                .explained("the bodies of running requests fill their share of memory"));
        }
        Ok(())
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Receives a body of at most as many bytes as its operation takes.
///
/// # Errors
/// `RequestEntityTooLargeException` (413), a body that does not come in time or
/// breaks off, or no memory left for it. The connection must be closed.
pub(crate) async fn receive(
    body: Incoming,
    meaning: &Meaning,
    bounds: &RequestBounds,
    share: &mut BodyShare,
) -> Result<Bytes, Fault> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, meaning, bounds, share)).await {
        Ok(received) => received,
        Err(_) => Err(Fault::new("RequestTimeoutException", "The request's body did not arrive in time.")
            .with_status(StatusCode::REQUEST_TIMEOUT.as_u16())),
    }
}

async fn collect(
    mut body: Incoming,
    meaning: &Meaning,
    bounds: &RequestBounds,
    share: &mut BodyShare,
) -> Result<Bytes, Fault> {
    let bytes_max = bytes_max(meaning, bounds);
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > bytes_max {
        return Err(too_large(meaning, bounds));
    }
    let mut whole = Bytes::new();
    let mut gathered: Option<BytesMut> = None;
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Fault::new("BadRequestException", "The request's body could not be read.").explained(error.to_string())
        })?;
        let Ok(data) = frame.into_data() else { continue };
        received += data.len();
        if received > bytes_max {
            return Err(too_large(meaning, bounds));
        }
        share.grow(data.len())?;
        // The usual body comes in one piece and is not copied.
        if received == data.len() && gathered.is_none() {
            whole = data;
            continue;
        }
        gathered
            .get_or_insert_with(|| {
                let mut start = BytesMut::with_capacity(declared.min(RESERVED_BYTES_MAX).max(received));
                start.extend_from_slice(&whole);
                start
            })
            .extend_from_slice(&data);
    }
    Ok(gathered.map_or(whole, BytesMut::freeze))
}

fn too_large(meaning: &Meaning, bounds: &RequestBounds) -> Fault {
    match meaning {
        Meaning::Known(resolved) => bounds.body_too_large(resolved),
        Meaning::InBody | Meaning::Unknown(_) => {
            let message = format!("Request must be smaller than {} bytes", bytes_max(meaning, bounds));
            Fault::new("RequestEntityTooLargeException", message).with_status(StatusCode::PAYLOAD_TOO_LARGE.as_u16())
        }
    }
}
