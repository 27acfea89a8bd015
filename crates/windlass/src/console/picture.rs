//! `/_windlass/diagram`: where everything of a definition is drawn.

use http::Method;
use http::request::Parts;
use hyper::body::Incoming;
use windlass_diagram::{Measure, draw};
use windlass_protocol::Fault;
use windlass_value::{Value, parse};

use super::json;
use crate::answer::Answer;
use crate::body::{self, BodyShare};
use crate::front::Front;
use crate::wire::Meaning;

const PATH: &str = "/_windlass/diagram";

/// Whether a request is for here.
pub(crate) fn is_asked(path: &str) -> bool {
    path == PATH
}

/// Answers `POST {definition: TEXT}` with the layout that `windlass graph` draws.
pub(crate) async fn answer(front: &Front, parts: &Parts, body: Incoming, share: &mut BodyShare) -> Answer {
    json::answer(drawn(front, parts, body, share).await)
}

async fn drawn(front: &Front, parts: &Parts, body: Incoming, share: &mut BodyShare) -> Result<Value, Fault> {
    if parts.method != Method::POST {
        return Err(Fault::new("MethodNotAllowed", "Use POST.").with_status(405));
    }
    let claim = front.authentication.claim(parts)?;
    let body = body::receive(body, &Meaning::InBody, share).await?;
    front.authentication.principal(parts, &body, &claim)?;
    let asked = text(&body)?;
    let definition =
        asked.get("definition").and_then(Value::as_str).ok_or_else(|| Fault::validation("definition is needed."))?;
    let definition =
        parse(definition).map_err(|error| Fault::validation(format!("The definition is not JSON: {error}")))?;
    let picture =
        tokio::task::spawn_blocking(move || draw(&definition, &Measure::pixels()).map(|picture| picture.to_value()));
    match picture.await {
        Ok(Ok(picture)) => Ok(picture),
        Ok(Err(error)) => Err(Fault::validation(error.to_string())),
        Err(error) => Err(Fault::new("InternalFailure", "The picture could not be drawn.")
            .with_status(500)
            .explained(error.to_string())),
    }
}

fn text(body: &[u8]) -> Result<Value, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::validation("The body is not UTF-8."))?;
    parse(text).map_err(|error| Fault::validation(format!("The body is not JSON: {error}")))
}
