use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults;
use crate::input;
use crate::s3::S3;
use crate::settings;

/// What a browser is told about a request from another origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsAnswer {
    /// `Access-Control-Allow-Origin`
    pub allow_origin: String,
    /// `Access-Control-Allow-Methods`
    pub allow_methods: Vec<String>,
    /// `Access-Control-Allow-Headers`: those that were asked for.
    pub allow_headers: Vec<String>,
    /// `Access-Control-Expose-Headers`
    pub expose_headers: Vec<String>,
    /// `Access-Control-Max-Age`
    pub max_age_seconds: Option<i64>,
    /// `Access-Control-Allow-Credentials`; not for rules that allow every origin.
    pub allow_credentials: bool,
}

const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// Whether a configuration may be kept.
///
/// # Errors
/// S3's words for what does not fit.
pub(crate) fn check(configuration: &Value, rules_max: usize) -> Result<(), Fault> {
    let rules = input::list(configuration, "CORSRules");
    if rules.is_empty() || rules.len() > rules_max {
        return Err(faults::malformed_xml());
    }
    for rule in rules {
        let (methods, origins) = (input::list(rule, "AllowedMethods"), input::list(rule, "AllowedOrigins"));
        if methods.is_empty() || origins.is_empty() {
            return Err(faults::malformed_xml());
        }
        for method in methods {
            let method = method.as_str().unwrap_or_default();
            if !METHODS.contains(&method) {
                return Err(faults::invalid_request(format!(
                    "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )));
            }
        }
        for (texts, what) in [(origins, "AllowedOrigin"), (input::list(rule, "AllowedHeaders"), "AllowedHeader")] {
            if let Some(text) = texts.iter().filter_map(Value::as_str).find(|text| text.matches('*').count() > 1) {
                return Err(faults::invalid_request(format!("{what} \"{text}\" can not have more than one wildcard.")));
            }
        }
    }
    Ok(())
}

/// Finds the first rule that allows a request.
fn evaluate(configuration: &Value, origin: &str, method: &str, headers: &[&str]) -> Option<CorsAnswer> {
    input::list(configuration, "CORSRules").iter().find_map(|rule| {
        let texts = |member| input::list(rule, member).iter().filter_map(Value::as_str);
        let allowed = texts("AllowedOrigins").find(|pattern| matches(pattern, origin, false))?;
        texts("AllowedMethods").find(|allowed| *allowed == method)?;
        let allows = |header: &&str| texts("AllowedHeaders").any(|pattern| matches(pattern, header, true));
        headers.iter().all(allows).then(|| CorsAnswer {
            allow_origin: if allowed == "*" { "*".to_owned() } else { origin.to_owned() },
            allow_methods: texts("AllowedMethods").map(str::to_owned).collect(),
            allow_headers: headers.iter().map(|header| header.to_ascii_lowercase()).collect(),
            expose_headers: texts("ExposeHeaders").map(str::to_owned).collect(),
            max_age_seconds: input::integer(rule, "MaxAgeSeconds"),
            allow_credentials: allowed != "*",
        })
    })
}

/// Whether a pattern with at most one `*` matches.
fn matches(pattern: &str, text: &str, ignores_case: bool) -> bool {
    let (pattern, text) = match ignores_case {
        true => (pattern.to_ascii_lowercase(), text.to_ascii_lowercase()),
        false => (pattern.to_owned(), text.to_owned()),
    };
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end),
    }
}

impl S3 {
    /// What a bucket tells a browser about a request from another origin: a
    /// preflight, whose method and headers are those it asks for, or a request
    /// itself, without headers. `None`: not allowed, or no configuration.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn cors(
        &self,
        bucket: &str,
        origin: &str,
        method: &str,
        headers: &[&str],
    ) -> Result<Option<CorsAnswer>, Fault> {
        let Some(bucket) = self.find_bucket(bucket)? else { return Ok(None) };
        let configuration = self.setting(&bucket.value, settings::CORS)?;
        Ok(configuration.and_then(|configuration| evaluate(&configuration, origin, method, headers)))
    }
}

#[cfg(test)]
mod tests {
    use windlass_value::parse;

    use super::*;

    #[test]
    fn rules_in_their_order() {
        let configuration = parse(
            r#"{"CORSRules": [
                {"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["x-amz-*"],
                 "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60},
                {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]}"#,
        )
        .expect("JSON");
        let found = |origin, method, headers: &[&str]| evaluate(&configuration, origin, method, headers);
        let put = found("https://a.example.com", "PUT", &["X-Amz-Date"]).expect("allowed");
        assert_eq!((put.allow_origin.as_str(), put.allow_credentials), ("https://a.example.com", true));
        assert_eq!((put.max_age_seconds, put.expose_headers), (Some(60), vec!["ETag".to_owned()]));
        assert_eq!(put.allow_headers, ["x-amz-date"]);
        assert_eq!(found("https://a.example.com", "PUT", &["authorization"]), None);
        assert_eq!(found("https://example.com", "PUT", &[]), None);
        let get = found("https://other", "GET", &[]).expect("allowed");
        assert_eq!((get.allow_origin.as_str(), get.allow_credentials), ("*", false));
    }
}
