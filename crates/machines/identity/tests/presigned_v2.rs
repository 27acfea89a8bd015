//! URLs that botocore presigns with version 2 are taken; changed ones are not.

use windlass_identity::{Credentials, presigned_v2};
use windlass_value::{Timestamp, Value, parse};

const NOW: Timestamp = Timestamp(1_700_000_050_000);

fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIAEXAMPLE".into(),
        secret_access_key: "secret/key".into(),
        session_token: token.map(Into::into),
        account: "123456789012".into(),
        arn: "arn:aws:iam::123456789012:root".into(),
        expires: None,
    }
}

fn verify(case: &Value, url: &str, now: Timestamp) -> Result<(), &'static str> {
    let mut request = http::Request::builder().method(case["method"].as_str().expect("a method")).uri(url);
    if let Some(kind) = case["content_type"].as_str() {
        request = request.header("content-type", kind);
    }
    let parts = request.body(()).expect("a request").into_parts().0;
    let bucket = parts.uri.host().and_then(|host| host.strip_suffix(".s3.localhost"));
    let resource = match bucket {
        Some(bucket) => format!("/{bucket}{}", parts.uri.path()),
        None => parts.uri.path().to_owned(),
    };
    let claim = presigned_v2(&parts).expect("a presigned URL");
    claim.verify(&parts, &resource, &credentials(case["token"].as_str()), now).map_err(|error| error.code)
}

#[test]
fn what_botocore_presigns_is_taken_and_nothing_else() {
    let cases = parse(include_str!("cases/presigned_v2.json")).expect("JSON");
    let cases = cases.as_array().expect("cases");
    assert_eq!(cases.len(), 12);
    for case in cases.iter() {
        let url = case["url"].as_str().expect("a URL");
        assert_eq!(verify(case, url, NOW), Ok(()), "{url}");
        assert_eq!(verify(case, url, NOW.plus_ms(60_000)), Err("AccessDenied"), "{url}");
        let later = url.replace("Expires=1700000100", "Expires=1700009999");
        assert_eq!(verify(case, &later, NOW), Err("InvalidSignatureException"), "{url}");
        let other = url.replace("/k?", "/other?").replace("a/b", "a/c");
        assert_eq!(verify(case, &other, NOW), Err("InvalidSignatureException"), "{url}");
    }
}
