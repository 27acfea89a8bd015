use std::time::{SystemTime, UNIX_EPOCH};

use http::Request;
use windlass::Server;
use windlass::access_log::AccessLog;
use windlass::meters::Meters;
use windlass::services::build_services;
use windlass_identity::{Credentials, SigningKeys, sign};
use windlass_value::Timestamp;

use super::harness::{AUTHORIZATION, Folder, TestServer, call, call_with, config_of, exchange};

#[tokio::test]
async fn open_mode_believes_local_programs_only() {
    let server = TestServer::open().await;
    let host = |host: &str| call("ListStateMachines", "{}").replace("Host: localhost", &format!("Host: {host}"));
    let origin = |origin: &str| call_with("ListStateMachines", &format!("Origin: {origin}\r\n"), "{}");
    let site = |site: &str| call_with("ListStateMachines", &format!("Sec-Fetch-Site: {site}\r\n"), "{}");
    let image = "GET /2015-03-31/functions?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20201231%2Feu-west-1\
                 %2Flambda%2Faws4_request&X-Amz-Date=20201231T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00 \
                 HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n\
                 Sec-Fetch-Dest: image\r\n\r\n";
    let cases = [
        (site("none"), 200),
        (site("same-origin"), 200),
        (site("same-site"), 403),
        (site("cross-site"), 403),
        (site(""), 403),
        (site("none\r\nSec-Fetch-Site: cross-site"), 403),
        (image.to_owned(), 403),
        (host("localhost:4566"), 200),
        (host("127.0.0.1:4566"), 200),
        (host("[::1]:4566"), 200),
        (host("sync-localhost:4566"), 200),
        (host("sync-127.0.0.1:4566"), 200),
        (host("states.eu-west-1.localhost:4566"), 200),
        (host("rebound.example:4566"), 403),
        (host("states.eu-west-1.amazonaws.com"), 403),
        (host("192.168.0.1:4566"), 403),
        (origin("http://localhost"), 200),
        (origin("http://evil.example"), 403),
        (origin("http://localhost:3000"), 403),
        (origin("https://localhost"), 403),
        (origin("null"), 403),
        (origin("http://localhost\r\nOrigin: http://evil.example"), 403),
        ("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n".to_owned(), 403),
        ("GET /_windlass/metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n".to_owned(), 403),
    ];
    for (request, expected) in cases {
        let answer = server.send(&request).await;
        assert_eq!(answer.status, expected, "{request}\n{answer:?}");
        if expected == 403 {
            assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"), "{request}");
        }
    }
}

#[tokio::test]
async fn a_call_needs_the_shape_of_a_signature() {
    let server = TestServer::open().await;
    let bare = call("ListStateMachines", "{}").replace(AUTHORIZATION, "");
    let with = |line: &str| bare.replace("Content-Type", &format!("{line}\r\nContent-Type"));
    let query = |query: &str| bare.replace("POST / ", &format!("POST /?{query} "));
    let presigned = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20201231%2Feu-west-1%2Fstates%2Faws4_request\
                     &X-Amz-Date=20201231T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    let cases = [
        (bare.clone(), 403, "MissingAuthenticationTokenException"),
        (with("Authorization: Bearer planted-secret"), 403, "MissingAuthenticationTokenException"),
        (with("Authorization: AWS4-HMAC-SHA256 Credential=test"), 403, "IncompleteSignatureException"),
        (with(AUTHORIZATION.lines().next().unwrap_or_default()), 403, "IncompleteSignatureException"),
        (with(AUTHORIZATION.trim_end()).replace("/states/", "/lambda/"), 403, "InvalidSignatureException"),
        (query(presigned), 200, ""),
        (query(&presigned.replace("&X-Amz-Signature=00", "")), 403, "IncompleteSignatureException"),
    ];
    for (request, status, error) in cases {
        let answer = server.send(&request).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error), "{request}\n{answer:?}");
    }
    assert!(!server.raw_lines().contains("planted"), "{}", server.raw_lines());
}

#[tokio::test]
async fn a_region_is_a_name() {
    let long = "r".repeat(64);
    let longer = "r".repeat(65);
    let cases = [
        ("us-gov-west-1", 200),
        (long.as_str(), 200),
        (longer.as_str(), 403),
        ("", 403),
        ("..", 403),
        ("a:b", 403),
        ("EU-west-1", 403),
        ("eu_west_1", 403),
        ("%00", 403),
        ("%2e%2e", 403),
        ("r%C3%A9gion", 403),
    ];
    let server = TestServer::open().await;
    for (region, expected) in cases {
        let target = format!(
            "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20201231%2F{region}%2Fstates%2Faws4_request\
             &X-Amz-Date=20201231T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00 "
        );
        let presigned = call("ListStateMachines", "{}").replace(AUTHORIZATION, "").replace("POST / ", &target);
        let signed = call("ListStateMachines", "{}").replace("/eu-west-1/", &format!("/{region}/"));
        for request in [presigned, signed] {
            let answer = server.send(&request).await;
            assert_eq!(answer.status, expected, "{request}\n{answer:?}");
            if expected == 403 {
                assert_eq!(answer.error(), "InvalidSignatureException");
                assert!(answer.body.contains("Credential should be scoped to a valid region."), "{answer:?}");
            }
        }
    }
    let keys = TestServer::with(KEYS).await;
    let answer = keys.send(&ROOT.call("localhost", "{}", &[]).replace("/eu-west-1/", "/../")).await;
    assert!(answer.body.contains("Credential should be scoped to a valid region."), "{answer:?}");
}

#[tokio::test]
async fn the_call_says_who_and_where() {
    let server = TestServer::with("account_id = \"123456789012\"").await;
    let answer = server.send(&call("ListStateMachines", "{}")).await;
    let call = server.puppet.last.lock().unwrap().take().unwrap();
    assert_eq!((&*call.account, &*call.region), ("123456789012", "eu-west-1"));
    assert_eq!(&*call.principal.arn, "arn:aws:iam::123456789012:root");
    assert_eq!(call.principal.access_key_id.as_deref(), Some("test"));
    assert_eq!(answer.header("x-amzn-requestid"), Some(&*call.request_id));
}

const KEYS: &str = "[[credentials]]\naccess_key_id = \"AKIAROOT\"\nsecret_access_key = \"root-secret\"\n\
                    [[credentials]]\naccess_key_id = \"AKIABOB\"\nsecret_access_key = \"bobs-secret\"\n\
                    account_id = \"222222222222\"\nuser = \"bob\"\n";

/// What a client signs with.
struct Signer {
    access_key_id: &'static str,
    secret: &'static str,
    service: &'static str,
    token: Option<&'static str>,
    /// How far its clock is off.
    skew_ms: i64,
}

const ROOT: Signer =
    Signer { access_key_id: "AKIAROOT", secret: "root-secret", service: "states", token: None, skew_ms: 0 };

impl Signer {
    /// A signed call of ListStateMachines as raw bytes.
    fn call(&self, host: &str, body: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::post("/")
            .header("host", host)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "AWSStepFunctions.ListStateMachines");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let credentials = Credentials {
            access_key_id: self.access_key_id.into(),
            secret_access_key: self.secret.into(),
            session_token: self.token.map(Into::into),
            account: "".into(),
            arn: "".into(),
            expires: None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = Timestamp(i64::try_from(now).unwrap()).plus_ms(self.skew_ms);
        sign(&mut parts, body.as_bytes(), &credentials, "eu-west-1", self.service, now, &SigningKeys::new()).unwrap();
        let fields: String =
            parts.headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
        format!("POST / HTTP/1.1\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

#[tokio::test]
async fn with_keys_every_signature_is_checked() {
    let server = TestServer::with(KEYS).await;
    let good = ROOT.call("localhost", "{}", &[]);
    let bob = Signer { access_key_id: "AKIABOB", secret: "bobs-secret", ..ROOT };
    let mixed = Signer { secret: "bobs-secret", ..ROOT };
    let stranger = Signer { access_key_id: "AKIAWHO", ..ROOT };
    let late = Signer { skew_ms: -6 * 60_000, ..ROOT };
    let early = Signer { skew_ms: 6 * 60_000, ..ROOT };
    let elsewhere = Signer { service: "lambda", ..ROOT };
    let session = Signer { token: Some("planted-token"), ..ROOT };
    let unsigned = ROOT.call("localhost", "{}", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]);
    let cases = [
        ("good", good.clone(), 200, ""),
        ("another's", bob.call("localhost", "{}", &[]), 200, ""),
        ("by any host name", ROOT.call("windlass.example", "{}", &[]), 200, ""),
        ("from a web page", ROOT.call("localhost", "{}", &[("origin", "http://page.example")]), 200, ""),
        ("another's secret", mixed.call("localhost", "{}", &[]), 403, "InvalidSignatureException"),
        ("a stranger's", stranger.call("localhost", "{}", &[]), 403, "UnrecognizedClientException"),
        ("too late", late.call("localhost", "{}", &[]), 403, "InvalidSignatureException"),
        ("too early", early.call("localhost", "{}", &[]), 403, "InvalidSignatureException"),
        ("for another service", elsewhere.call("localhost", "{}", &[]), 403, "InvalidSignatureException"),
        ("with a session nobody gave", session.call("localhost", "{}", &[]), 403, "UnrecognizedClientException"),
        ("with another body", good.replace("\r\n\r\n{}", "\r\n\r\n{ "), 403, "InvalidSignatureException"),
        ("with another host", good.replace("localhost", "localhosT"), 403, "InvalidSignatureException"),
        ("with another target", good.replace("ListState", "ListActiv"), 403, "InvalidSignatureException"),
        ("with an unsigned body", unsigned, 403, "InvalidSignatureException"),
        ("open mode's shape", call("ListStateMachines", "{}"), 403, "UnrecognizedClientException"),
        (
            "none",
            call("ListStateMachines", "{}").replace(AUTHORIZATION, ""),
            403,
            "MissingAuthenticationTokenException",
        ),
    ];
    for (what, request, status, error) in cases {
        let answer = server.send(&request).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error), "{what}\n{request}\n{answer:?}");
    }
    assert_eq!(server.puppet.calls.load(std::sync::atomic::Ordering::SeqCst), 4);
    server.send(&bob.call("localhost", "{}", &[])).await;
    let call = server.puppet.last.lock().unwrap().take().unwrap();
    assert_eq!((&*call.account, &*call.principal.arn), ("222222222222", "arn:aws:iam::222222222222:user/bob"));
    for secret in ["root-secret", "bobs-secret", "planted-token"] {
        assert!(!server.raw_lines().contains(secret));
    }
}

#[tokio::test]
async fn metrics_answer_to_loopback_names_unless_public() {
    let narrow = TestServer::with(KEYS).await;
    let public = TestServer::with(&format!("metrics_public = true\n{KEYS}")).await;
    let cases = [
        ("metrics", "localhost:4566", 200, 200),
        ("metrics", "127.0.0.1:4566", 200, 200),
        ("metrics", "rebound.example:4566", 403, 200),
        ("health", "rebound.example:4566", 200, 200),
        ("ready", "rebound.example:4566", 200, 200),
    ];
    for (what, host, in_narrow, in_public) in cases {
        let request = format!("GET /_windlass/{what} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let statuses = (narrow.send(&request).await.status, public.send(&request).await.status);
        assert_eq!(statuses, (in_narrow, in_public), "{what} by {host}");
    }
}

#[tokio::test]
async fn sts_says_who_the_caller_is() {
    let folder = Folder::new();
    let config = config_of(&folder, "account_id = \"123456789012\"");
    std::fs::create_dir_all(&config.data).unwrap();
    let mut server = Server::listen(&config, Meters::new().unwrap().into(), AccessLog::off()).await.unwrap();
    let hosted = build_services(&config, server.address(), server.dispatcher()).await.unwrap();
    server.host(hosted).await.unwrap();
    let ask = |body: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\n{}Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n\
             Content-Length: {}\r\n\r\n{body}",
            AUTHORIZATION.replace("/states/", "/sts/"),
            body.len()
        )
    };
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let answer = exchange(&mut stream, ask("Action=GetCallerIdentity&Version=2011-06-15").as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for part in
        ["<GetCallerIdentityResult>", "<Account>123456789012</Account>", "<Arn>arn:aws:iam::123456789012:root</Arn>"]
    {
        assert!(answer.body.contains(part), "{part} in {}", answer.body);
    }
    let answer = exchange(&mut stream, ask("Action=GetFederationToken&Version=2011-06-15&Name=ada").as_bytes()).await;
    assert!(answer.status >= 400 && answer.body.contains("<Code>"), "{answer:?}");
    server.drain(0).await.unwrap();
}
