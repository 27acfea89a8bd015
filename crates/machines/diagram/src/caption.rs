//! What a state does, in a few words.

use windlass_value::Value;

use crate::definition::text;

/// The second line of a state.
pub(crate) fn subtitle(state: &Value) -> String {
    match text(state, "Type") {
        "Task" => task(state),
        "Wait" => wait(state),
        "Fail" => first(state, &["Error", "ErrorPath", "Cause", "CausePath"]).unwrap_or_default(),
        "Map" => map(state),
        _ => String::new(),
    }
}

/// `↻ 3`: how often a state is tried again at most.
pub(crate) fn retry(state: &Value) -> String {
    let Some(retriers) = state.get("Retry").and_then(Value::as_array).filter(|retriers| !retriers.is_empty()) else {
        return String::new();
    };
    // Absent means three.
    let attempts = retriers.iter().map(|retrier| retrier.get("MaxAttempts").and_then(Value::as_i64).unwrap_or(3));
    format!("↻ {}", attempts.max().unwrap_or(3))
}

/// The errors a catcher names.
pub(crate) fn errors(catcher: &Value) -> String {
    let names = catcher.get("ErrorEquals").and_then(Value::as_array);
    let names: Vec<&str> = names.into_iter().flat_map(|names| names.iter()).filter_map(Value::as_str).collect();
    match names.as_slice() {
        ["States.ALL"] => "any error".to_owned(),
        names => names.join(", "),
    }
}

/// A value as it would be written: texts without quotes, expressions without
/// their braces.
pub(crate) fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) => expression(text).to_owned(),
        None => value.to_text(),
    }
}

/// What stands in `{% … %}`.
pub(crate) fn expression(text: &str) -> &str {
    let inner = text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}"));
    inner.map_or(text, str::trim)
}

fn first(state: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| state.get(name)).map(plain)
}

fn task(state: &Value) -> String {
    let resource = text(state, "Resource");
    let parts: Vec<&str> = resource.splitn(7, ':').collect();
    let arguments = state.get("Parameters").or_else(|| state.get("Arguments"));
    let argument = |name: &str| {
        let value = arguments?.get(name).or_else(|| arguments?.get(&format!("{name}.$")))?;
        Some(last_part(&plain(value)).to_owned())
    };
    match parts.as_slice() {
        [_, _, "states", "", "", what @ ..] => {
            let what = what.join(":");
            let (what, pattern) = match what.split_once('.') {
                Some((what, pattern)) => (what, pattern),
                None => (what.as_str(), ""),
            };
            let what = what.strip_prefix("aws-sdk:").unwrap_or(what);
            let (service, action) = what.split_once(':').unwrap_or((what, ""));
            let subject = match service {
                "lambda" => argument("FunctionName"),
                "states" => argument("StateMachineArn"),
                "sqs" => argument("QueueUrl").map(|url| url.rsplit('/').next().unwrap_or_default().to_owned()),
                "sns" => argument("TopicArn"),
                "dynamodb" => argument("TableName"),
                "http" => argument("ApiEndpoint"),
                _ => None,
            };
            let mut caption = match subject {
                Some(subject) => format!("{service} {action}: {subject}"),
                None => format!("{service} {action}"),
            };
            match pattern {
                "" => {}
                "waitForTaskToken" => caption.push_str(" · waits for token"),
                _ => caption.push_str(" · waits for job"),
            }
            caption
        }
        [_, _, "lambda", _, _, ..] => format!("lambda: {}", last_part(resource)),
        [_, _, "states", _, _, "activity", name] => format!("activity: {name}"),
        _ => resource.to_owned(),
    }
}

/// The name in an ARN.
fn last_part(arn: &str) -> &str {
    match arn.starts_with("arn:") {
        true => arn.rsplit(':').next().unwrap_or(arn),
        false => arn,
    }
}

fn wait(state: &Value) -> String {
    if let Some(seconds) = state.get("Seconds") {
        return match seconds.as_i64() {
            Some(seconds) => duration(seconds),
            None => format!("{} s", plain(seconds)),
        };
    }
    if let Some(path) = state.get("SecondsPath") {
        return format!("{} s", plain(path));
    }
    first(state, &["Timestamp", "TimestampPath"]).map(|at| format!("until {at}")).unwrap_or_default()
}

fn duration(seconds: i64) -> String {
    match seconds {
        s if s > 0 && s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s > 0 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s > 0 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

fn map(state: &Value) -> String {
    let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
    let config = processor.and_then(|processor| processor.get("ProcessorConfig"));
    let distributed = config.is_some_and(|config| text(config, "Mode") == "DISTRIBUTED");
    let mut caption = String::from(if distributed { "distributed, each of " } else { "each of " });
    match (state.get("ItemReader"), first(state, &["ItemsPath", "Items"])) {
        (Some(reader), _) => caption.push_str(text(reader, "Resource").rsplit(":::").next().unwrap_or_default()),
        (None, Some(items)) => caption.push_str(&items),
        (None, None) => caption.push_str("the input"),
    }
    if let Some(at_once) = first(state, &["MaxConcurrency", "MaxConcurrencyPath"]).filter(|at_once| at_once != "0") {
        caption.push_str(&format!(", {at_once} at once"));
    }
    caption
}
