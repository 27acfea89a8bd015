//! `SdkHttpMetadata` and `SdkResponseMetadata`, which the results of optimized
//! integrations carry.

use windlass_value::{Object, Timestamp, Value, object};

/// The two members, as if the answer had come over HTTP with these headers.
pub(super) fn add_to(result: &mut Object, headers: &[(&str, String)], status: i64, request_id: &str) {
    let all = headers.iter().map(|(name, value)| (*name, Value::array(vec![value.as_str().into()])));
    let one = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let metadata = object! {
        "AllHttpHeaders" => all.collect::<Object>(),
        "HttpHeaders" => one.collect::<Object>(),
        "HttpStatusCode" => status,
    };
    result.insert("SdkHttpMetadata", metadata);
    result.insert("SdkResponseMetadata", object! { "RequestId" => request_id });
}

/// An instant as HTTP's `Date` writes it.
pub(super) fn date(now: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(now.as_ms()).unwrap_or_default();
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
