//! The server, or the place where one would listen.

use std::net::{SocketAddr, TcpListener};

use bytes::Bytes;
use http::{Request, Response};
use windlass_value::{Timestamp, object};

use super::super::client::{CallError, Client, Connection, now, variable};
use super::finding::{Finding, Level};
use crate::config::Config;

/// Signatures of more than 15 minutes' difference are refused; well before that
/// something is wrong with a clock.
const SKEW_MS_MAX: i64 = 60_000;

/// Asks the server; where there is none, looks whether one could listen.
pub(super) async fn look(connection: &Connection, config: Option<&Config>) -> Vec<Finding> {
    let client = match Client::new(connection) {
        Ok(client) => client,
        Err(super::Failure(text)) => {
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            return vec![Finding::new(Level::Broken, "credentials", first).advise(rest)];
        }
    };
    let endpoint = &client.endpoint;
    let mut findings = Vec::new();
    match get(&client, "ready").await {
        Err(error) => {
            let text = format!("nobody answers at {} ({})", endpoint.value, endpoint.from);
            match free(config) {
                // Nobody said that there is one.
                Some(Ok(address)) if endpoint.from == "the default" => {
                    let finding = Finding::new(Level::Note, "server", format!("none runs; {address} is free for one"));
                    findings.push(finding.advise("Start it: windlass serve"));
                }
                Some(Err(why)) if endpoint.from == "the default" => {
                    findings.push(Finding::new(Level::Broken, "server", why).advise(
                        "Another program has the port, and it is no windlass. Stop it, or choose another: --listen",
                    ));
                }
                _ => findings.push(Finding::new(Level::Broken, "server", text).advise(error.to_string())),
            }
        }
        Ok(answer) => answered(&client, &answer, &mut findings).await,
    }
    findings.push(for_the_aws_cli(&client));
    findings
}

async fn answered(client: &Client, ready: &Response<Bytes>, findings: &mut Vec<Finding>) {
    let endpoint = &client.endpoint;
    let said = String::from_utf8_lossy(ready.body()).trim().to_owned();
    let version = get(client, "version").await.ok().filter(|answer| answer.status().is_success());
    let Some(version) = version.map(|answer| String::from_utf8_lossy(answer.body()).trim().to_owned()) else {
        let text = format!("{} answers, but it is no windlass of this kind", endpoint.value);
        let advice = "Another program, or an older windlass. --endpoint names another one.";
        findings.push(Finding::new(Level::Broken, "server", text).advise(advice));
        return;
    };
    let own = env!("CARGO_PKG_VERSION");
    findings.push(match (ready.status().is_success(), version == own) {
        (false, _) => Finding::new(Level::Broken, "server", format!("{} is not ready: {said}", endpoint.value))
            .advise("While it starts or stops this passes; else see its log."),
        (true, true) => Finding::new(
            Level::Fine,
            "server",
            format!("{} ({}) is ready, version {version}", endpoint.value, endpoint.from),
        ),
        (true, false) => Finding::new(
            Level::Warning,
            "server",
            format!("{} is ready, version {version}; this program is {own}", endpoint.value),
        )
        .advise("Use one version for both."),
    });
    if let Some(finding) = skew(ready) {
        findings.push(finding);
    }
    let asked = client.states("ListStateMachines", object! { "maxResults" => 1 }).await;
    findings.push(match asked {
        Ok(_) => Finding::new(Level::Fine, "credentials", format!("taken by the server ({})", client.identity)),
        Err(CallError::Refused(fault)) if fault.code == "AccessDeniedException" => {
            let text = "known to the server, but they may not list state machines".to_owned();
            Finding::new(Level::Note, "credentials", text).advise("windlass explain-access says why.")
        }
        Err(error) => Finding::new(Level::Broken, "credentials", format!("{}: {error}", client.identity)).advise(
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that the server knows; in open mode any will do.",
        ),
    });
}

/// How far the two clocks are apart.
fn skew(answer: &Response<Bytes>) -> Option<Finding> {
    let theirs = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let theirs = Timestamp::parse_http_date(theirs).ok()?;
    let apart_ms = (theirs.as_ms() - now().as_ms()).abs();
    (apart_ms > SKEW_MS_MAX).then(|| {
        let text = format!("the server's and this machine's are {} s apart", apart_ms / 1000);
        let level = if apart_ms > 15 * SKEW_MS_MAX { Level::Broken } else { Level::Warning };
        Finding::new(level, "clock", text)
            .advise("Signatures that are 15 minutes off are refused. Set the clocks (NTP).")
    })
}

/// Whether a server could listen where it is told to.
fn free(config: Option<&Config>) -> Option<Result<SocketAddr, String>> {
    let address = config?.listen;
    Some(
        TcpListener::bind(address)
            .map(|_| address)
            .map_err(|error| format!("{address} cannot be listened on: {error}")),
    )
}

/// What `aws` without flags would reach.
fn for_the_aws_cli(client: &Client) -> Finding {
    let set = ["AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL"].iter().find_map(|name| Some((*name, variable(name)?)));
    let wanted = client.endpoint.value.trim_end_matches('/');
    match set {
        Some((name, value)) if value.trim_end_matches('/') == wanted => {
            Finding::new(Level::Fine, "AWS CLI", format!("{name} points to the server"))
        }
        Some((name, value)) => Finding::new(Level::Warning, "AWS CLI", format!("{name} is {value}, not {wanted}"))
            .advise(format!("export {name}={wanted}")),
        None if client.endpoint.from.starts_with("profile") => {
            Finding::new(Level::Fine, "AWS CLI", format!("the {} points to the server", client.endpoint.from))
        }
        None => Finding::new(Level::Note, "AWS CLI", "without AWS_ENDPOINT_URL it asks AWS itself, not this server")
            .advise(format!("export AWS_ENDPOINT_URL={wanted} AWS_DISABLE_HOST_PREFIX_INJECTION=true")),
    }
}

async fn get(client: &Client, path: &str) -> Result<Response<Bytes>, CallError> {
    let request = Request::get(format!("{}/_windlass/{path}", client.endpoint.value.trim_end_matches('/')));
    let request = request.body(Bytes::new()).map_err(|error| CallError::Unreachable(error.to_string()))?;
    client.send_as_it_is(request).await
}
