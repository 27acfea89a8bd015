//! What happens to a request, from its head to its answer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, Version};
use hyper::body::Incoming;
use parking_lot::RwLock;
use windlass_iam::Authorization;
use windlass_protocol::{
    Body, Call, Dispatcher, Fault, Models, Outcome, Principal, RequestBounds, Resolved, decode_within, trace_of,
};
use windlass_value::{Text, Value};

use crate::access_log::{Access, AccessLog};
use crate::anonymous;
use crate::answer::{self, Answer, REQUEST_ID};
use crate::authentication::Authentication;
use crate::body::{self, BodyBudget, BodyShare};
use crate::console;
use crate::cors::{self, Cors};
use crate::explain_access;
use crate::gate;
use crate::hosted::Certificate;
use crate::in_flight::InFlight;
use crate::lifecycle::{Lifecycle, Phase};
use crate::meters::{Measurement, Meters};
use crate::object;
use crate::own_api;
use crate::own_endpoints;
use crate::request_id::request_id;
use crate::to_the_end::ToTheEnd;
use crate::webhook::{self, Webhooks};
use crate::wire::{self, Meaning};

/// The status logged for a client that went away before its answer.
const CLIENT_CLOSED_STATUS: u16 = 499;

/// Operations that wait for work to come. They end when the server drains, for
/// they would only take away work from the next start.
const LONG_POLLS: [(&str, &str); 2] = [("states", "GetActivityTask"), ("sqs", "ReceiveMessage")];

/// Everything a request needs, shared by all connections.
pub(crate) struct Front {
    pub(crate) models: Models,
    /// Where requests may be larger than AWS takes them.
    pub(crate) bounds: RequestBounds,
    pub(crate) authentication: Authentication,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) webhooks: Webhooks,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) bodies: Arc<BodyBudget>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) access_log: AccessLog,
    pub(crate) region: String,
    pub(crate) metrics_public: bool,
    /// What decides about calls; unset in open mode.
    pub(crate) authorization: OnceLock<Arc<Authorization>>,
    /// Where large bodies are written while they come in; set with the services.
    pub(crate) uploads: OnceLock<PathBuf>,
    /// Serves the certificate that notifications are signed with; set with the services.
    pub(crate) certificate: OnceLock<Certificate>,
    /// What buckets tell browsers; set with the services.
    pub(crate) cors: OnceLock<Cors>,
    pub(crate) measure: RwLock<Option<Measure>>,
    pub(crate) unfit: RwLock<Option<Unfit>>,
}

pub(crate) type Unfit = Box<dyn Fn() -> Option<String> + Send + Sync>;
pub(crate) type Measure = Box<dyn Fn() -> Vec<Measurement> + Send + Sync>;

impl Front {
    /// Why calls should go elsewhere, if they should.
    pub(crate) fn not_ready(&self) -> Option<String> {
        let reason = self.lifecycle.phase().reason().map(str::to_owned);
        reason.or_else(|| self.unfit.read().as_ref().and_then(|unfit| unfit()))
    }

    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        self.measure.read().as_ref().map_or_else(Vec::new, |measure| measure())
    }
}

/// The other end of a connection.
pub(crate) struct Peer {
    name: String,
    loopback: bool,
    /// A request's head has come in.
    heard: AtomicBool,
}

impl Peer {
    pub(crate) fn new(address: std::net::SocketAddr) -> Peer {
        let loopback = address.ip().to_canonical().is_loopback();
        Peer { name: address.to_string(), loopback, heard: AtomicBool::new(false) }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    pub(crate) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }
}

/// Answers one request. Never fails: what goes wrong is an answer too.
pub(crate) async fn serve(front: Arc<Front>, peer: Arc<Peer>, request: Request<Incoming>) -> Answer {
    peer.heard.store(true, Ordering::Relaxed);
    let (mut parts, body) = request.into_parts();
    let version = parts.version;
    let mut record = Record::new(front.clone(), peer.clone());
    if let Err(fault) = check_head(&front, &mut parts) {
        front.meters.refused();
        return record.refuse(&parts, version, &fault);
    }
    if explain_access::is_asked(parts.uri.path()) {
        record.silent = true;
        return explain_access::answer(&front, &parts).await;
    }
    if console::is_file(parts.uri.path()) {
        record.silent = true;
        return console::file(&parts);
    }
    if console::is_sign_in(parts.uri.path()) {
        record.silent = true;
        let mut share = BodyShare::none(&front.bodies);
        return console::sign_in(&front, &parts, body, &mut share).await;
    }
    if own_api::is_asked(parts.uri.path()) {
        let answer = own_api::answer(&front, &parts, body, &mut record).await;
        return record.finish(answer, None);
    }
    if parts.uri.path().starts_with(own_endpoints::PREFIX) {
        record.silent = true;
        return own_endpoints::answer(&front, &peer, &parts);
    }
    if parts.method == Method::GET && parts.uri.path().ends_with(".pem") {
        let certificate = front.certificate.get().map(|certificate| certificate(parts.uri.path().to_owned()));
        if let Some(certificate) = certificate
            && let Some(pem) = certificate.await
        {
            record.silent = true;
            return answer::plain(StatusCode::OK, "application/x-pem-file", pem);
        }
    }
    if let Some(answer) = cors::preflight(&front, &parts) {
        return record.finish(answer, None);
    }
    let mut share = BodyShare::none(&front.bodies);
    if parts.uri.path().starts_with(webhook::PREFIX) {
        return start(&front, &parts, body, share, record).await;
    }
    match received(&front, &parts, body, &mut share, &mut record).await {
        Err(Refused { fault, closes: true }) => {
            front.meters.refused();
            record.refuse(&parts, version, &fault)
        }
        Err(Refused { fault, closes: false }) => {
            front.meters.refused();
            let answer = wire::refusal(&front.models, &parts, record.claimed.as_deref(), &record.request_id, &fault);
            record.finish(answer, Some(&fault))
        }
        Ok((resolved, decoded)) => {
            let outcome = match decoded {
                Ok(call) => perform(&front, call, share).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = &outcome {
                record.note(fault);
            }
            let mut answer = wire::outcome(&resolved, &record.request_id, outcome);
            cors::add(&front, &parts, &mut answer);
            record.finish(answer, None)
        }
    }
}

/// Starts a workflow for whoever posts to a webhook.
async fn start(front: &Arc<Front>, parts: &Parts, body: Incoming, mut share: BodyShare, mut record: Record) -> Answer {
    record.operation = Some(("states", "StartExecution"));
    let received = match front.lifecycle.phase().reason() {
        Some(reason) => Err(unavailable(reason)),
        None => body::receive(body, &Meaning::InBody, &front.bounds, &mut share).await,
    };
    let (received, closes) = match received {
        Ok(body) => (front.webhooks.call(parts, &body, &record.request_id), false),
        Err(fault) => (Err(fault), true),
    };
    let outcome = match received {
        Ok(call) => perform(front, call, share).await,
        Err(fault) => Err(fault),
    };
    let mut answer = webhook::answer(&outcome);
    if closes && parts.version < Version::HTTP_2 {
        answer::close(&mut answer);
    }
    record.finish(answer, outcome.as_ref().err())
}

fn check_head(front: &Front, parts: &mut Parts) -> Result<(), Fault> {
    gate::check(parts)?;
    front.authentication.check_local(parts)
}

/// A request that becomes no call.
pub(crate) struct Refused {
    pub(crate) fault: Fault,
    /// The body was not read, so the connection is of no further use.
    pub(crate) closes: bool,
}

impl Refused {
    pub(crate) fn closing(fault: Fault) -> Refused {
        Refused { fault, closes: true }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        Refused { fault, closes: false }
    }
}

/// Receives, authenticates and decodes. What the operation's own shape forbids
/// is that operation's fault, the inner error.
async fn received(
    front: &Front,
    parts: &Parts,
    body: Incoming,
    share: &mut BodyShare,
    record: &mut Record,
) -> Result<(Resolved, Result<Call, Fault>), Refused> {
    if let Some(reason) = front.lifecycle.phase().reason() {
        return Err(Refused::closing(unavailable(reason)));
    }
    if let Some(anonymous) = anonymous::received(front, parts, &body, record) {
        return anonymous.map_err(Refused::closing);
    }
    if let Some(presigned) = windlass_identity::presigned_v2(parts) {
        return object::received_v2(front, parts, body, share, record, &presigned).await;
    }
    let claim = front.authentication.claim(parts).map_err(Refused::closing)?;
    record.claimed = Some(claim.service.as_str().into());
    if claim.service == object::SERVICE {
        return object::received(front, parts, body, share, record, &claim).await;
    }
    let meaning = Meaning::of_head(&front.models, parts, &claim);
    let body: Bytes = body::receive(body, &meaning, &front.bounds, share).await.map_err(Refused::closing)?;
    let principal = front.authentication.principal(parts, &body, &claim)?;
    let resolved = meaning.resolve(&front.models, parts, &claim, &body)?;
    record.operation = Some((resolved.service.name, &resolved.operation.name));
    let (input, body) = match decode_within(&resolved, parts, body.into(), &front.bounds) {
        Ok(decoded) => decoded,
        Err(fault) => return Ok((resolved, Err(fault))),
    };
    let call = outside_call(parts, &claim.region, &resolved, principal, input, body, record);
    Ok((resolved, Ok(call)))
}

/// A call from outside.
pub(crate) fn outside_call(
    parts: &Parts,
    region: &str,
    resolved: &Resolved,
    principal: Principal,
    input: Value,
    body: Body,
    record: &Record,
) -> Call {
    Call {
        account: principal.account.clone(),
        region: region.into(),
        service: resolved.service.name.into(),
        operation: resolved.operation.name.as_str().into(),
        input,
        body,
        principal,
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: trace_of(|name| parts.headers.get(name)?.to_str().ok()).map(Text::from),
        depth: 0,
        request_id: record.request_id.clone(),
    }
}

/// Runs one call.
///
/// A client that goes away drops what only reads: Describe…, List…, Get… and
/// the long polls among them. Every other call runs to its end without it, for
/// nobody could tell how far it had come; its body's share of memory stays
/// taken as long.
pub(crate) async fn perform(front: &Arc<Front>, call: Call, share: BodyShare) -> Outcome {
    let Some(running) = front.in_flight.enter() else {
        return Err(Fault::new("ThrottlingException", "Rate exceeded").explained("too many calls run at once"));
    };
    // Looked at after the call is counted, so that a drain either sees the
    // call or the call sees the drain.
    if let Some(reason) = front.lifecycle.phase().reason() {
        return Err(unavailable(reason));
    }
    let polls = LONG_POLLS.contains(&(&*call.service, &*call.operation));
    let detaches = !polls && !is_read(&call.operation);
    let dispatcher = front.dispatcher.clone();
    let call = ToTheEnd::new(
        async move {
            let outcome = dispatcher.call(call).await;
            drop((running, share));
            outcome
        },
        detaches,
    );
    if !polls {
        return call.await;
    }
    tokio::select! {
        outcome = call => outcome,
        () = front.lifecycle.reached(Phase::Draining) => Err(unavailable("draining: the server is stopping")),
    }
}

/// Whether an operation changes nothing that a client could miss.
fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get", "Validate"].iter().any(|verb| operation.starts_with(verb))
}

pub(crate) fn unavailable(reason: &str) -> Fault {
    Fault::new("ServiceUnavailableException", format!("The server takes no calls now ({reason})."))
        .with_status(StatusCode::SERVICE_UNAVAILABLE.as_u16())
}

/// What will be said about a request in log and metrics; said when dropped, so
/// also for a client that goes away.
pub(crate) struct Record {
    front: Arc<Front>,
    peer: Arc<Peer>,
    request_id: Text,
    /// The service the request says it is for.
    pub(crate) claimed: Option<Text>,
    /// Service and operation, once they are known to exist.
    pub(crate) operation: Option<(&'static str, &'static str)>,
    started: Instant,
    status: u16,
    error: Option<String>,
    silent: bool,
}

impl Record {
    fn new(front: Arc<Front>, peer: Arc<Peer>) -> Record {
        Record {
            front,
            peer,
            request_id: request_id(),
            claimed: None,
            operation: None,
            started: Instant::now(),
            status: CLIENT_CLOSED_STATUS,
            error: None,
            silent: false,
        }
    }

    /// The last touch to an answer: its id.
    fn finish(&mut self, mut answer: Answer, fault: Option<&Fault>) -> Answer {
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            answer.headers_mut().insert(REQUEST_ID, id);
        }
        self.status = answer.status().as_u16();
        if let Some(fault) = fault {
            self.note(fault);
        }
        answer
    }

    /// Answers a fault after which the connection ends.
    fn refuse(&mut self, parts: &Parts, version: Version, fault: &Fault) -> Answer {
        let mut answer = wire::refusal(&self.front.models, parts, self.claimed.as_deref(), &self.request_id, fault);
        if version < Version::HTTP_2 {
            answer::close(&mut answer);
        }
        self.finish(answer, Some(fault))
    }

    /// The request's id, which its calls have too.
    pub(crate) fn request_id(&self) -> &Text {
        &self.request_id
    }

    /// Remembers a fault's code, and logs what the client is not told.
    pub(crate) fn note(&mut self, fault: &Fault) {
        self.error = Some(fault.code.clone());
        let Some(explanation) = &fault.explanation else { return };
        let (request_id, code) = (&*self.request_id, &*fault.code);
        let operation = self.operation.map_or("-", |(_, operation)| operation);
        if fault.status >= 500 {
            tracing::error!(request_id, operation, code, explanation, "a call failed");
        } else {
            tracing::debug!(request_id, operation, code, explanation, "a call was answered with an error");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.silent {
            return;
        }
        let took = self.started.elapsed();
        if let Some((service, operation)) = self.operation {
            self.front.meters.answered(service, operation, self.status, took);
        }
        let (service, operation) = self.operation.unwrap_or((self.claimed.as_deref().unwrap_or("-"), "-"));
        self.front.access_log.write(&Access {
            request_id: &self.request_id,
            service,
            operation,
            status: self.status,
            error: self.error.as_deref(),
            peer: &self.peer.name,
            took,
        });
    }
}
