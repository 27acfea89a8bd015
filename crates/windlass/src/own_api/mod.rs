//! `/_windlass/…` as JSON: what this server can do beyond AWS, for its console,
//! its command line and everybody else. A request is a POST with a JSON object,
//! signed like a call of the service behind it; it needs the same leave.

mod diagram;
mod executions;

use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use windlass_protocol::{Body, BoxFuture, Call, Fault, Principal};
use windlass_value::{Object, Text, Value, object, parse};

use crate::answer::{self, Answer};
use crate::body::{self, BodyShare};
use crate::front::{self, Front, Record};
use crate::own_endpoints::PREFIX;
use crate::wire::Meaning;

const JSON: &str = "application/json";

/// One endpoint: add a line, and what it does in a file of its noun.
struct Endpoint {
    /// Behind [`PREFIX`].
    path: &'static str,
    /// The service whose callers it serves, and the name it has in logs and metrics.
    operation: (&'static str, &'static str),
    run: for<'a> fn(Ask<'a>) -> BoxFuture<'a, Result<Value, Fault>>,
}

const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: "executions/describe",
        operation: ("states", "windlass:DescribeExecution"),
        run: |ask| Box::pin(executions::describe(ask)),
    },
    Endpoint {
        path: "executions/find",
        operation: ("states", "windlass:FindExecutions"),
        run: |ask| Box::pin(executions::find(ask)),
    },
    Endpoint {
        path: "overview",
        operation: ("states", "windlass:Overview"),
        run: |ask| Box::pin(executions::overview(ask)),
    },
    Endpoint {
        path: "tasks/list",
        operation: ("states", "windlass:ListWaitingTasks"),
        run: |ask| Box::pin(executions::waiting(ask)),
    },
    Endpoint {
        path: "diagram",
        operation: ("states", "windlass:DrawDiagram"),
        run: |ask| Box::pin(diagram::diagram(ask)),
    },
    Endpoint {
        path: "executions/moment",
        operation: ("states", "windlass:DescribeMoment"),
        run: |ask| Box::pin(executions::moment(ask)),
    },
    Endpoint {
        path: "executions/redrive",
        operation: ("states", "windlass:RedriveExecution"),
        run: |ask| Box::pin(executions::redrive(ask)),
    },
    Endpoint {
        path: "executions/express",
        operation: ("states", "windlass:ListExpressExecutions"),
        run: |ask| Box::pin(executions::express(ask)),
    },
    Endpoint {
        path: "executions/express/describe",
        operation: ("states", "windlass:DescribeExpressExecution"),
        run: |ask| Box::pin(executions::describe_express(ask)),
    },
    Endpoint {
        path: "executions/fork",
        operation: ("states", "windlass:ForkExecution"),
        run: |ask| Box::pin(executions::fork(ask)),
    },
];

/// A request that was authenticated.
struct Ask<'a> {
    front: &'a Arc<Front>,
    input: Object,
    principal: Principal,
    region: Text,
    request_id: Text,
    service: &'static str,
}

impl Ask<'_> {
    /// Makes a call in the caller's name, whom the dispatcher asks for leave.
    async fn call(&self, operation: &'static str, input: Object) -> Result<Value, Fault> {
        let call = Call {
            account: self.principal.account.clone(),
            region: self.region.clone(),
            service: self.service.into(),
            operation: operation.into(),
            input: input.into(),
            body: Body::empty(),
            principal: self.principal.clone(),
            source_arn: None,
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 0,
            request_id: self.request_id.clone(),
        };
        front::perform(self.front, call, BodyShare::none(&self.front.bodies)).await.map(|reply| reply.output)
    }

    /// The text of a member.
    fn text(&self, member: &str) -> Result<&Text, Fault> {
        match self.input.get(member) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Fault::validation(format!("'{member}' must be a string"))),
            None => Err(Fault::validation(format!("'{member}' is missing"))),
        }
    }
}

/// Whether a request is for here.
pub(crate) fn is_asked(path: &str) -> bool {
    endpoint(path).is_some()
}

fn endpoint(path: &str) -> Option<&'static Endpoint> {
    let path = path.strip_prefix(PREFIX)?;
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// Answers one request.
pub(crate) async fn answer(front: &Arc<Front>, parts: &Parts, body: Incoming, record: &mut Record) -> Answer {
    let Some(endpoint) = endpoint(parts.uri.path()) else {
        return refusal(&Fault::new("NotFound", "There is no such endpoint.").with_status(404));
    };
    record.operation = Some(endpoint.operation);
    let mut share = BodyShare::none(&front.bodies);
    match received(front, parts, body, &mut share, record, endpoint).await {
        // What was not read makes the connection useless.
        Err((fault, closes)) => {
            record.note(&fault);
            let mut answer = refusal(&fault);
            if closes && parts.version < http::Version::HTTP_2 {
                answer::close(&mut answer);
            }
            answer
        }
        Ok(ask) => {
            let outcome = (endpoint.run)(ask).await;
            drop(share);
            match outcome {
                Ok(value) => answer::plain(StatusCode::OK, JSON, value.to_text()),
                Err(fault) => {
                    record.note(&fault);
                    refusal(&fault)
                }
            }
        }
    }
}

/// Authenticates and reads a request; of a fault also whether the connection ends with it.
async fn received<'a>(
    front: &'a Arc<Front>,
    parts: &Parts,
    body: Incoming,
    share: &mut BodyShare,
    record: &Record,
    endpoint: &Endpoint,
) -> Result<Ask<'a>, (Fault, bool)> {
    let closing = |fault: Fault| (fault, true);
    let open = |fault: Fault| (fault, false);
    if parts.method != Method::POST {
        return Err(closing(Fault::new("MethodNotAllowed", "Use POST.").with_status(405)));
    }
    // A page of another origin has no business here, whatever it can sign.
    front.authentication.check_origin(parts).map_err(closing)?;
    if let Some(reason) = front.lifecycle.phase().reason() {
        return Err(closing(front::unavailable(reason)));
    }
    let claim = front.authentication.claim(parts).map_err(closing)?;
    let service = endpoint.operation.0;
    if claim.service != service {
        let message = format!("Credential should be scoped to correct service: '{service}'.");
        return Err(closing(Fault::new("InvalidSignatureException", message).with_status(403)));
    }
    let body = body::receive(body, &Meaning::InBody, &front.bounds, share).await.map_err(closing)?;
    let principal = front.authentication.principal(parts, &body, &claim).map_err(open)?;
    let text = std::str::from_utf8(&body).map_err(|_| open(not_json("it is not UTF-8")))?;
    let input = match parse(text) {
        Ok(Value::Object(input)) => Object::clone(&input),
        Ok(_) => return Err(open(not_json("it is not an object"))),
        Err(error) => return Err(open(not_json(&error.to_string()))),
    };
    let region = claim.region.as_str().into();
    Ok(Ask { front, input, principal, region, request_id: record.request_id().clone(), service })
}

fn not_json(why: &str) -> Fault {
    Fault::validation(format!("The body must be a JSON object: {why}"))
}

fn refusal(fault: &Fault) -> Answer {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer::plain(status, JSON, described(fault).to_text())
}

/// A fault as these endpoints tell it.
fn described(fault: &Fault) -> Value {
    object! { "code" => fault.code.as_str(), "message" => fault.message.as_str() }
}
