//! The requests of HTTP tasks and their responses, for whoever tests one.

use std::collections::HashMap;
use std::sync::Arc;

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use parking_lot::Mutex;
use windlass_value::{Object, Text, Value, object};

use super::request::status_text;

/// What went out and what came back, for the executions that somebody watches.
#[derive(Clone, Default)]
pub(crate) struct Exchanges(Arc<Mutex<HashMap<Text, Option<Exchange>>>>);

/// A request and its response, as `TestState` shows them.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// As it went out.
    sent: Value,
    /// The same without what the connection added.
    written: Value,
    /// What came back, if anything did.
    pub(crate) response: Option<Value>,
}

/// Watches one execution until it is dropped.
pub(crate) struct Watched {
    exchanges: Exchanges,
    execution_arn: Text,
}

impl Exchanges {
    /// Notes what an execution sends from now on.
    pub(crate) fn watch(&self, execution_arn: &Text) -> Watched {
        self.0.lock().insert(execution_arn.clone(), None);
        Watched { exchanges: self.clone(), execution_arn: execution_arn.clone() }
    }

    /// Whether somebody watches this execution.
    pub(super) fn is_watched(&self, execution_arn: &str) -> bool {
        self.0.lock().contains_key(execution_arn)
    }

    /// A request is about to go out; `written` is it without what the connection adds.
    pub(super) fn note_request(&self, execution_arn: &str, sent: &Request<Bytes>, written: &Request<Bytes>) {
        if let Some(noted) = self.0.lock().get_mut(execution_arn) {
            *noted = Some(Exchange { sent: shown(sent), written: shown(written), response: None });
        }
    }

    /// Its response came.
    pub(super) fn note_response(&self, execution_arn: &str, response: &Response<Bytes>) {
        if let Some(Some(noted)) = self.0.lock().get_mut(execution_arn) {
            noted.response = Some(object! {
                "protocol" => &noted.sent["protocol"],
                "statusCode" => response.status().as_u16().to_string(),
                "statusMessage" => status_text(response.status()),
                "headers" => headers(response.headers()),
                "body" => String::from_utf8_lossy(response.body()).into_owned(),
            });
        }
    }
}

impl Watched {
    /// The last request, if one went out.
    pub(crate) fn take(&self) -> Option<Exchange> {
        self.exchanges.0.lock().get_mut(&self.execution_arn)?.take()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.exchanges.0.lock().remove(&self.execution_arn);
    }
}

impl Exchange {
    /// The request, with what the connection added only where secrets may be shown.
    pub(crate) fn request(&self, reveals: bool) -> &Value {
        if reveals { &self.sent } else { &self.written }
    }
}

fn shown(request: &Request<Bytes>) -> Value {
    let mut out = Object::new();
    out.insert("protocol", request.uri().scheme_str().unwrap_or("https"));
    out.insert("method", request.method().as_str());
    out.insert("url", request.uri().to_string());
    out.insert("headers", headers(request.headers()));
    if !request.body().is_empty() {
        out.insert("body", String::from_utf8_lossy(request.body()).into_owned());
    }
    out.into()
}

/// `[name: value, …]`
fn headers(headers: &HeaderMap) -> String {
    let one = |(name, value): (&::http::HeaderName, &::http::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    format!("[{}]", headers.iter().map(one).collect::<Vec<_>>().join(", "))
}
