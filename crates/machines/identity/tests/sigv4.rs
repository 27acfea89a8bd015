//! Requests that botocore signed (`cases/sigv4.json`), changed requests, clocks, and our own signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::request::Parts;
use proptest::prelude::*;
use windlass_identity::{
    Body, Claim, ClaimKind, Credentials, PayloadSigning, SKEW_MINUTES_MAX, SignatureError, SigningKeys, claim, presign,
    sign, verify,
};
use windlass_value::{Timestamp, Value, parse};

const MINUTE_MS: i64 = 60_000;

struct Case {
    name: String,
    parts: Parts,
    body: Vec<u8>,
    credentials: Credentials,
    service: String,
    region: String,
    presigned: bool,
    now: Timestamp,
}

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        session_token: session_token.map(Into::into),
        account: "123456789012".into(),
        arn: "arn:aws:iam::123456789012:user/example".into(),
        expires: None,
    }
}

fn cases() -> Vec<Case> {
    let document = parse(include_str!("cases/sigv4.json")).expect("the cases are JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let cases: Vec<Case> = document["cases"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|case| {
            let mut request = Request::builder().method(text(&case["method"]).as_str()).uri(text(&case["uri"]));
            for header in case["headers"].as_array().expect("headers").iter() {
                let part = |index| text(header.at(index).expect("name and value"));
                request = request.header(part(0), part(1));
            }
            let body = match &case["body"] {
                Value::String(encoded) => STANDARD.decode(&**encoded).expect("base64"),
                other => text(&other["byte"]).repeat(other["repeat"].as_i64().expect("a count") as usize).into_bytes(),
            };
            let token = text(&document["session_token"]);
            Case {
                name: text(&case["name"]),
                parts: request.body(()).expect("a request").into_parts().0,
                body,
                credentials: credentials((case["session"] == Value::Bool(true)).then_some(token.as_str())),
                service: text(&case["service"]),
                region: text(&case["region"]),
                presigned: case["presigned"] == Value::Bool(true),
                now: Timestamp(document["now_ms"].as_i64().expect("an instant")),
            }
        })
        .collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    cases
}

fn check(
    parts: &Parts,
    body: &[u8],
    credentials: &Credentials,
    now: Timestamp,
) -> Result<PayloadSigning, SignatureError> {
    let found = claim(parts)?.ok_or_else(SignatureError::missing_token)?;
    verify(parts, Body::Bytes(body), &found, credentials, now, &SigningKeys::new())
}

#[test]
fn what_botocore_signs_is_taken() {
    for case in cases() {
        let found = claim(&case.parts).expect(&case.name).expect(&case.name);
        assert_eq!(found.access_key_id, "AKIDEXAMPLE", "{}", case.name);
        assert_eq!((&found.service, &found.region), (&case.service, &case.region), "{}", case.name);
        assert_eq!(matches!(found.kind, ClaimKind::Presigned { .. }), case.presigned, "{}", case.name);
        let verdict = check(&case.parts, &case.body, &case.credentials, case.now);
        assert!(verdict.is_ok(), "{}: {verdict:?}", case.name);
    }
}

/// Each changed byte of method, path, query, signed header or body is noticed.
#[test]
fn what_was_changed_is_refused() {
    let mut changes = 0;
    for case in cases() {
        let found = claim(&case.parts).expect(&case.name).expect(&case.name);
        let signing = check(&case.parts, &case.body, &case.credentials, case.now).expect(&case.name);
        for (what, parts, body) in changed(&case, &found, &signing) {
            let verdict = check(&parts, &body, &case.credentials, case.now);
            assert!(verdict.is_err(), "{}: {what} was changed and taken: {parts:?}", case.name);
            changes += 1;
        }
    }
    assert!(changes > 1000, "{changes}");
}

fn changed(case: &Case, found: &Claim, signing: &PayloadSigning) -> Vec<(String, Parts, Vec<u8>)> {
    let mut out = Vec::new();
    let mut method = case.parts.clone();
    method.method = http::Method::TRACE;
    out.push(("the method".to_owned(), method, case.body.clone()));
    let uri = case.parts.uri.to_string();
    for at in 1..uri.len() {
        // Letters become other letters: `%2f` means `%2F`, and `/a/.//b` means `/a/b`.
        let byte = uri.as_bytes()[at];
        // A segment that `..` takes away again says nothing.
        if !byte.is_ascii_alphanumeric() || uri[at + 1..].starts_with("/..") {
            continue;
        }
        let mut bytes = uri.clone().into_bytes();
        bytes[at] = if byte == b'7' { b'6' } else { b'7' };
        let mut parts = case.parts.clone();
        parts.uri = String::from_utf8(bytes).expect("ASCII").parse().expect("a URI");
        out.push((format!("byte {at} of the URI"), parts, case.body.clone()));
    }
    for name in found.signed_headers.iter().map(String::as_str).chain(["authorization"]) {
        let Some(value) = case.parts.headers.get(name) else { continue };
        let value = value.as_bytes();
        for at in (0..value.len()).filter(|at| value[*at].is_ascii_alphanumeric()) {
            let mut bytes = value.to_vec();
            bytes[at] = if bytes[at] == b'7' { b'6' } else { b'7' };
            let mut parts = case.parts.clone();
            let value = http::HeaderValue::from_bytes(&bytes).expect("a header value");
            parts.headers.insert(name.parse::<http::HeaderName>().expect("a name"), value);
            out.push((format!("byte {at} of {name}"), parts, case.body.clone()));
        }
        let mut parts = case.parts.clone();
        parts.headers.append(name.parse::<http::HeaderName>().expect("a name"), http::HeaderValue::from_static("more"));
        if name != "authorization" {
            out.push((format!("another {name}"), parts, case.body.clone()));
        }
        let mut parts = case.parts.clone();
        parts.headers.remove(name);
        // An absent header signs as an empty one.
        if !value.is_empty() {
            out.push((format!("no {name}"), parts, case.body.clone()));
        }
    }
    if *signing == PayloadSigning::Signed {
        let mut longer = case.body.clone();
        longer.push(b' ');
        out.push(("a longer body".to_owned(), case.parts.clone(), longer));
        for at in (0..case.body.len()).step_by(case.body.len() / 16 + 1) {
            let mut body = case.body.clone();
            body[at] ^= 1;
            out.push((format!("byte {at} of the body"), case.parts.clone(), body));
        }
    }
    out
}

#[test]
fn payloads_are_what_the_signature_says() {
    for case in cases() {
        let signing = check(&case.parts, &case.body, &case.credentials, case.now).expect(&case.name);
        match case.name.as_str() {
            "an unsigned payload" | "s3 presigned" | "s3 presigned put" => {
                assert_eq!(signing, PayloadSigning::Unsigned, "{}", case.name);
            }
            "a stated chunk scheme" => {
                let PayloadSigning::Chunked { scheme, seed_signature } = signing else { panic!("{signing:?}") };
                assert_eq!(scheme, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
                assert_eq!(seed_signature.len(), 64);
            }
            _ => assert_eq!(signing, PayloadSigning::Signed, "{}", case.name),
        }
    }
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).expect(name)
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let signed = case("states StartExecution");
    let at = |ms: i64| check(&signed.parts, &signed.body, &signed.credentials, signed.now.plus_ms(ms));
    assert!(at(SKEW_MINUTES_MAX * MINUTE_MS).is_ok());
    assert!(at(-SKEW_MINUTES_MAX * MINUTE_MS).is_ok());
    let late = at(SKEW_MINUTES_MAX * MINUTE_MS + 1000).expect_err("too late");
    assert_eq!(late.code, "InvalidSignatureException");
    assert_eq!(
        late.message,
        "Signature expired: 20261122T140614Z is now earlier than 20261122T140615Z (20261122T141115Z - 5 min.)"
    );
    let early = at(-SKEW_MINUTES_MAX * MINUTE_MS - 1000).expect_err("too early");
    assert_eq!(
        early.message,
        "Signature not yet current: 20261122T140614Z is still later than 20261122T140613Z (20261122T140113Z + 5 min.)"
    );
}

#[test]
fn presigned_urls_live_as_long_as_they_say() {
    let signed = case("sts presigned");
    let at = |ms: i64| check(&signed.parts, &signed.body, &signed.credentials, signed.now.plus_ms(ms));
    assert!(at(60_000).is_ok());
    let late = at(61_000).expect_err("too late");
    assert_eq!(
        late.message,
        "Signature expired: 20261122T140614Z is now earlier than 20261122T140615Z (20261122T140715Z - 1 min.)"
    );
    let week = case("presigned for a week");
    let after = |ms: i64| check(&week.parts, &week.body, &week.credentials, week.now.plus_ms(ms));
    assert!(after(7 * 24 * 60 * MINUTE_MS).is_ok());
    assert!(after(7 * 24 * 60 * MINUTE_MS + 1000).is_err());
}

#[test]
fn other_keys_and_sessions_are_refused() {
    let signed = case("states with a session");
    let with = |change: &dyn Fn(&mut Credentials)| {
        let mut credentials = signed.credentials.clone();
        change(&mut credentials);
        check(&signed.parts, &signed.body, &credentials, signed.now).map_err(|error| error.code)
    };
    assert!(with(&|_| {}).is_ok());
    assert_eq!(with(&|it| it.secret_access_key = "other".into()), Err("InvalidSignatureException"));
    assert_eq!(with(&|it| it.access_key_id = "OTHER".into()), Err("UnrecognizedClientException"));
    assert_eq!(with(&|it| it.session_token = Some("other".into())), Err("UnrecognizedClientException"));
    assert_eq!(with(&|it| it.session_token = None), Err("UnrecognizedClientException"));
    assert_eq!(with(&|it| it.expires = Some(Timestamp(0))), Err("ExpiredTokenException"));
    let plain = case("states StartExecution");
    let mut session = plain.credentials.clone();
    session.session_token = Some("token".into());
    let verdict = check(&plain.parts, &plain.body, &session, plain.now).map_err(|error| error.code);
    assert_eq!(verdict, Err("UnrecognizedClientException"));
}

#[test]
fn a_mismatch_shows_what_was_expected_only_in_the_explanation() {
    let signed = case("states StartExecution");
    let error = check(&signed.parts, b"other", &signed.credentials, signed.now).expect_err("another body");
    assert_eq!(
        error.message,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    );
    assert!(error.explanation.is_some_and(|text| text.contains("x-amz-target:AWSStepFunctions.StartExecution")));
    assert!(!format!("{:?}", signed.credentials).contains("wJalr"));
}

#[test]
fn unreadable_signatures_say_why() {
    let good = "AWS4-HMAC-SHA256 Credential=k/20261122/r/states/aws4_request, SignedHeaders=host, Signature=s";
    let date = Some("20261122T140614Z");
    let all = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
               parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires \
               existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) \
               Authorization=";
    let cases = [
        (None, date, "/", None),
        (Some("Bearer x".to_owned()), date, "/", None),
        (Some("AWS4-HMAC-SHA256".to_owned()), None, "/", Some(("IncompleteSignatureException", all))),
        (
            Some("AWS4-HMAC-SHA256 Credential".to_owned()),
            date,
            "/",
            Some((
                "IncompleteSignatureException",
                "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header ",
            )),
        ),
        (
            Some(good.replace("SHA256", "SHA25")),
            date,
            "/",
            Some((
                "IncompleteSignatureException",
                "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). ",
            )),
        ),
        (
            Some(good.replace("/aws4_request", "")),
            date,
            "/",
            Some((
                "IncompleteSignatureException",
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
                 'k/20261122/r/states'",
            )),
        ),
        (
            Some(good.replace("aws4_request", "e")),
            date,
            "/",
            Some((
                "InvalidSignatureException",
                "Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. ",
            )),
        ),
        (
            Some(good.replace("20261122", "20261121")),
            date,
            "/",
            Some((
                "InvalidSignatureException",
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261121' \
                 != '20261122', from '20261122T140614Z'.",
            )),
        ),
        (
            Some(good.to_owned()),
            Some("201"),
            "/",
            Some((
                "IncompleteSignatureException",
                "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601",
            )),
        ),
        (
            Some(good.to_owned()),
            date,
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256",
            Some((
                "InvalidSignatureException",
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
            )),
        ),
        (
            None,
            date,
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261122T140614Z&X-Amz-SignedHeaders=host",
            Some((
                "IncompleteSignatureException",
                "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include \
                 'X-Amz-Signature'. Re-examine the query-string parameters.",
            )),
        ),
        (
            None,
            date,
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261122T140614Z&X-Amz-SignedHeaders=host&\
             X-Amz-Credential=k/20261122/r/s/aws4_request&X-Amz-Signature=s&X-Amz-Expires=604801",
            Some((
                "IncompleteSignatureException",
                "'X-Amz-Expires' must be a number of seconds from 1 to 604800, not '604801'.",
            )),
        ),
    ];
    for (authorization, date, uri, expected) in cases {
        let mut request = Request::post(uri).header("host", "h");
        if let Some(authorization) = &authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(date) = date {
            request = request.header("x-amz-date", date);
        }
        let parts = request.body(()).expect("a request").into_parts().0;
        match (claim(&parts), expected) {
            (Ok(None), None) => {}
            (Err(error), Some((code, message))) => {
                assert_eq!(error.code, code, "{authorization:?}");
                assert!(error.message.starts_with(message), "{}", error.message);
            }
            (found, expected) => panic!("{authorization:?} {uri}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn host_and_target_must_be_signed() {
    let now = Timestamp(1_795_356_374_000);
    let keys = SigningKeys::new();
    let mut parts = Request::post("/").header("host", "h").body(()).expect("a request").into_parts().0;
    sign(&mut parts, b"{}", &credentials(None), "us-east-1", "states", now, &keys).expect("signed");
    parts.headers.insert("x-amz-target", http::HeaderValue::from_static("AWSStepFunctions.DeleteStateMachine"));
    let error = check(&parts, b"{}", &credentials(None), now).expect_err("an added target");
    assert_eq!(error.message, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
    let mut found = claim(&parts).expect("readable").expect("signed");
    found.signed_headers.retain(|name| name != "host");
    let verdict = verify(&parts, Body::Bytes(b"{}"), &found, &credentials(None), now, &keys);
    assert_eq!(
        verdict.map_err(|error| error.message),
        Err("'Host' must be a 'SignedHeader' in the AWS Authorization.".to_owned())
    );
}

/// We sign as botocore does: the same request gets the same signature.
#[test]
fn our_signatures_are_botocores() {
    let keys = SigningKeys::new();
    let mut compared = 0;
    for case in cases().into_iter().filter(|case| !case.presigned) {
        let expected = case.parts.headers["authorization"].clone();
        let mut parts = case.parts.clone();
        parts.headers.remove("authorization");
        // botocore leaves out the date header where `Date` is there, and signs no
        // content-length; ours signs what is there.
        parts.headers.remove("content-length");
        if parts.headers.contains_key("date") {
            continue;
        }
        sign(&mut parts, &case.body, &case.credentials, &case.region, &case.service, case.now, &keys)
            .expect(&case.name);
        assert_eq!(parts.headers["authorization"], expected, "{}", case.name);
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

proptest! {
    #[test]
    fn what_we_sign_we_take(
        path in "(/[a-zA-Z0-9._~%:@-]{0,6}){1,4}",
        query in "([a-c]=[a-zA-Z0-9._~+%-]{0,6}&?){0,4}",
        header in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..64),
        session in proptest::option::of("[a-zA-Z0-9/+=]{1,40}"),
        service in prop_oneof![Just("states"), Just("s3"), Just("lambda")],
        at in 0_i64..4_000_000_000_000,
    ) {
        let uri = format!("http://localhost:8083{path}?{query}");
        let now = Timestamp(at);
        let keys = SigningKeys::new();
        let mut credentials = credentials(None);
        credentials.session_token = session.as_deref().map(Into::into);
        let request = || Request::post(&uri).header("x-amz-meta-a", &header).body(()).expect("a request").into_parts().0;

        let mut parts = request();
        sign(&mut parts, &body, &credentials, "us-east-1", service, now, &keys).expect("signed");
        prop_assert_eq!(check(&parts, &body, &credentials, now), Ok(PayloadSigning::Signed));

        let mut parts = request();
        presign(&mut parts, &credentials, "us-east-1", service, now, 60, &keys).expect("presigned");
        let late = check(&parts, b"", &credentials, now.plus_ms(62_000));
        prop_assert!(check(&parts, b"", &credentials, now).is_ok());
        prop_assert!(late.is_err());
    }

    /// Hostile headers never panic.
    #[test]
    fn arbitrary_signatures_are_answered(authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,80}", date in "[ -~]{0,20}", query in "[a-zA-Z0-9=&%+-]{0,60}") {
        let request = Request::get(format!("/?X-Amz-Date={date}&{query}").replace([' ', '"', '<', '>', '`', '{', '}', '\\', '^', '|', '#'], ""))
            .header("authorization", authorization)
            .header("x-amz-date", date)
            .body(());
        if let Ok(request) = request {
            let _ = claim(&request.into_parts().0);
        }
    }
}

#[test]
fn whoever_holds_a_presigned_url_may_add_nothing_that_s3_acts_on() {
    let known = credentials(None);
    let now = Timestamp(1_700_000_000_000);
    let request = http::Request::put("/bucket/key").header("host", "localhost:4566").body(());
    let mut parts = request.expect("a request").into_parts().0;
    let keys = SigningKeys::new();
    windlass_identity::presign(&mut parts, &known, "us-east-1", "s3", now, 60, &keys).expect("a URL");
    let with = |name: &'static str| {
        let mut parts = parts.clone();
        parts.headers.insert(name, http::HeaderValue::from_static("/secret/file"));
        check(&parts, b"", &known, now).map(|_| ()).map_err(|error| error.code)
    };
    assert_eq!(with("x-other"), Ok(()));
    assert_eq!(with("x-amz-copy-source"), Err("AccessDenied"));
    assert_eq!(with("x-amz-tagging"), Err("AccessDenied"));
}
