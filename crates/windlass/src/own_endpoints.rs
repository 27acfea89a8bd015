//! `/_windlass/…`: health, readiness and metrics, beside AWS's paths.

use http::request::Parts;
use http::{Method, StatusCode};

use crate::answer::{self, Answer};
use crate::authentication::has_loopback_host;
use crate::front::{Front, Peer};

/// Where our own endpoints are.
pub(crate) const PREFIX: &str = "/_windlass/";

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers one request below [`PREFIX`].
pub(crate) fn answer(front: &Front, peer: &Peer, parts: &Parts) -> Answer {
    let (method, path) = (&parts.method, parts.uri.path());
    if *method != Method::GET && *method != Method::HEAD {
        return answer::plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Use GET.\n");
    }
    match path.strip_prefix(PREFIX) {
        Some("health") => answer::plain(StatusCode::OK, TEXT, "live\n"),
        Some("ready") => match front.not_ready() {
            None => answer::plain(StatusCode::OK, TEXT, "ready\n"),
            Some(reason) => answer::plain(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{reason}\n")),
        },
        // By another name a web page of this machine's browser may be asking
        // (DNS rebinding), and it could read the answer.
        Some("metrics") if !(front.metrics_public || peer.is_loopback() && has_loopback_host(parts)) => {
            let text =
                "Metrics answer to this machine by a loopback name only. Set metrics_public = true to open them.\n";
            answer::plain(StatusCode::FORBIDDEN, TEXT, text)
        }
        Some("metrics") => {
            let ready = front.not_ready().is_none();
            let text =
                front.meters.render(front.in_flight.count(), front.bodies.taken_bytes(), ready, &front.measurements());
            answer::plain(StatusCode::OK, PROMETHEUS, text)
        }
        _ => answer::plain(
            StatusCode::NOT_FOUND,
            TEXT,
            "There is health, ready, metrics, refusals and access; see docs/api.md for what takes POST.\n",
        ),
    }
}
