//! When a delivery that failed is tried again: AWS's four phases.

use windlass_value::{Object, Value, object};

use crate::topic::Topic;

/// Retries in phases: at once, at the least pause, at growing pauses, at the longest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RetryPolicy {
    pub(crate) pause_min_ms: i64,
    pub(crate) pause_max_ms: i64,
    /// Of all phases together.
    pub(crate) retries: i64,
    pub(crate) without_pause: i64,
    pub(crate) at_min: i64,
    pub(crate) at_max: i64,
    pub(crate) growth: Growth,
}

/// How pauses grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

/// Towards services hosted by AWS: 23 days.
pub(crate) const MANAGED: RetryPolicy = RetryPolicy {
    pause_min_ms: 1_000,
    pause_max_ms: 20_000,
    retries: 100_015,
    without_pause: 3,
    at_min: 2,
    at_max: 100_000,
    growth: Growth::Exponential,
};

/// Towards mailboxes: 50 tries in six hours.
pub(crate) const MAIL: RetryPolicy = RetryPolicy {
    pause_min_ms: 10_000,
    pause_max_ms: 600_000,
    retries: 50,
    without_pause: 0,
    at_min: 2,
    at_max: 38,
    growth: Growth::Exponential,
};

/// How long all retries may take together, in seconds.
const TOTAL_SECONDS_MAX: i64 = 3_600;
const RETRIES_MAX: i64 = 100;

impl RetryPolicy {
    /// The pause before the retry behind so many attempts; `None`: no more retries.
    pub(crate) fn pause_ms(&self, attempts: u32) -> Option<i64> {
        let retry = i64::from(attempts) - 1;
        if retry >= self.retries {
            return None;
        }
        let growing = (self.retries - self.without_pause - self.at_min - self.at_max).max(0);
        let step = retry - self.without_pause;
        if step < 0 {
            return Some(0);
        }
        if step < self.at_min {
            return Some(self.pause_min_ms);
        }
        let step = step - self.at_min;
        if step >= growing {
            return Some(self.pause_max_ms);
        }
        Some(self.growing_ms(step, growing))
    }

    /// The pause at a step of the growing phase, from the least to the longest.
    fn growing_ms(&self, step: i64, steps: i64) -> i64 {
        if steps <= 1 {
            return self.pause_min_ms;
        }
        let (min, max) = (self.pause_min_ms as f64, self.pause_max_ms as f64);
        let share = step as f64 / (steps - 1) as f64;
        let pause = match self.growth {
            Growth::Linear => min + (max - min) * share,
            // The increments grow by one step each.
            Growth::Arithmetic => {
                let (step, last) = (step as f64, (steps - 1) as f64);
                min + (max - min) * (step * (step + 1.0)) / (last * (last + 1.0))
            }
            Growth::Geometric => min.max(1.0) * (max.max(1.0) / min.max(1.0)).powf(share),
            // Doubling from the least pause, until the longest.
            Growth::Exponential => (min.max(1.0) * 2_f64.powi(step.min(62) as i32)).min(max),
        };
        (pause.round() as i64).clamp(self.pause_min_ms, self.pause_max_ms)
    }
}

fn default_retry() -> Value {
    object! {
        "minDelayTarget" => 20,
        "maxDelayTarget" => 20,
        "numRetries" => 3,
        "numMaxDelayRetries" => 0,
        "numNoDelayRetries" => 0,
        "numMinDelayRetries" => 0,
        "backoffFunction" => "linear",
    }
}

const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
const CONTENT_TYPES: [&str; 12] = [
    "application/atom+xml",
    "application/json",
    "application/octet-stream",
    "application/soap+xml",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
];

/// The members of one document over those of another.
fn over(base: Value, set: &Value) -> Value {
    let mut out = base.as_object().map(|object| (**object).clone()).unwrap_or_default();
    for (name, value) in set.as_object().into_iter().flat_map(|object| object.iter()) {
        if !value.is_null() {
            out.insert(name.clone(), value);
        }
    }
    out.into()
}

/// The delivery policy that holds for a topic's HTTP subscriptions.
pub(crate) fn effective_topic(topic: &Topic) -> Value {
    let set = topic.attribute("DeliveryPolicy").and_then(|text| windlass_value::parse(text).ok()).unwrap_or_default();
    let http = &set["http"];
    let mut out = Object::new();
    out.insert("defaultHealthyRetryPolicy", over(default_retry(), &http["defaultHealthyRetryPolicy"]));
    out.insert("disableSubscriptionOverrides", http["disableSubscriptionOverrides"].as_bool().unwrap_or(false));
    if http["defaultThrottlePolicy"].as_object().is_some() {
        out.insert("defaultThrottlePolicy", &http["defaultThrottlePolicy"]);
    }
    let request = object! { "headerContentType" => CONTENT_TYPE };
    out.insert("defaultRequestPolicy", over(request, &http["defaultRequestPolicy"]));
    object! { "http" => out }
}

/// The delivery policy that holds for an HTTP subscription.
pub(crate) fn effective_subscription(topic: &Topic, subscription: Option<&str>) -> Value {
    let of_topic = effective_topic(topic);
    let http = &of_topic["http"];
    let overrides = !http["disableSubscriptionOverrides"].as_bool().unwrap_or(false);
    let set = subscription.filter(|_| overrides).and_then(|text| windlass_value::parse(text).ok()).unwrap_or_default();
    let mut out = Object::new();
    out.insert("healthyRetryPolicy", over(http["defaultHealthyRetryPolicy"].clone(), &set["healthyRetryPolicy"]));
    let throttle = match &set["throttlePolicy"] {
        Value::Null => &http["defaultThrottlePolicy"],
        set => set,
    };
    if throttle.as_object().is_some() {
        out.insert("throttlePolicy", throttle);
    }
    out.insert("requestPolicy", over(http["defaultRequestPolicy"].clone(), &set["requestPolicy"]));
    out.into()
}

/// The retries of an effective policy of a subscription.
pub(crate) fn retry_policy(effective: &Value) -> RetryPolicy {
    let policy = &effective["healthyRetryPolicy"];
    let number = |name: &str| policy[name].as_i64().unwrap_or(0);
    RetryPolicy {
        pause_min_ms: number("minDelayTarget").saturating_mul(1_000),
        pause_max_ms: number("maxDelayTarget").saturating_mul(1_000),
        retries: number("numRetries"),
        without_pause: number("numNoDelayRetries"),
        at_min: number("numMinDelayRetries"),
        at_max: number("numMaxDelayRetries"),
        growth: growth(policy["backoffFunction"].as_str().unwrap_or_default()).unwrap_or(Growth::Linear),
    }
}

fn growth(name: &str) -> Option<Growth> {
    match name {
        "linear" => Some(Growth::Linear),
        "arithmetic" => Some(Growth::Arithmetic),
        "geometric" => Some(Growth::Geometric),
        "exponential" => Some(Growth::Exponential),
        _ => None,
    }
}

/// The content type of an effective policy of a subscription.
pub(crate) fn content_type(effective: &Value) -> String {
    effective["requestPolicy"]["headerContentType"].as_str().unwrap_or(CONTENT_TYPE).to_owned()
}

/// Whether a topic's delivery policy is one.
///
/// # Errors
/// The reason.
pub(crate) fn check_topic(policy: &Value) -> Result<(), String> {
    known(policy, &["http"])?;
    let http = &policy["http"];
    if http.is_null() {
        return Ok(());
    }
    let members =
        ["defaultHealthyRetryPolicy", "disableSubscriptionOverrides", "defaultThrottlePolicy", "defaultRequestPolicy"];
    known(http, &members)?;
    if !matches!(http["disableSubscriptionOverrides"], Value::Null | Value::Bool(_)) {
        return Err("http.disableSubscriptionOverrides must be a boolean".to_owned());
    }
    check_parts(
        &http["defaultHealthyRetryPolicy"],
        &http["defaultThrottlePolicy"],
        &http["defaultRequestPolicy"],
        "http.default",
    )
}

/// Whether a subscription's delivery policy is one.
///
/// # Errors
/// The reason.
pub(crate) fn check_subscription(policy: &Value) -> Result<(), String> {
    // SNS takes what `GetSubscriptionAttributes` answers for the two others.
    known(policy, &["healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"])?;
    check_parts(&policy["healthyRetryPolicy"], &policy["throttlePolicy"], &policy["requestPolicy"], "")
}

fn check_parts(retry: &Value, throttle: &Value, request: &Value, prefix: &str) -> Result<(), String> {
    if !retry.is_null() {
        let numbers = [
            "minDelayTarget",
            "maxDelayTarget",
            "numRetries",
            "numNoDelayRetries",
            "numMinDelayRetries",
            "numMaxDelayRetries",
        ];
        let mut names = numbers.to_vec();
        names.push("backoffFunction");
        known(retry, &names)?;
        if let Some(name) = numbers.iter().find(|name| {
            !retry[**name].is_null()
                && !retry[**name].as_i64().is_some_and(|number| (0..=TOTAL_SECONDS_MAX).contains(&number))
        }) {
            return Err(format!(
                "{prefix}healthyRetryPolicy.{name} must be an integer between 0 and {TOTAL_SECONDS_MAX}"
            ));
        }
        let function = &retry["backoffFunction"];
        if !function.is_null() && function.as_str().and_then(growth).is_none() {
            return Err(format!(
                "{prefix}healthyRetryPolicy.backoffFunction must be linear, arithmetic, geometric or exponential"
            ));
        }
        let whole = object! { "healthyRetryPolicy" => over(default_retry(), retry) };
        let policy = retry_policy(&whole);
        if policy.pause_min_ms > policy.pause_max_ms {
            return Err(format!(
                "{prefix}healthyRetryPolicy.maxDelayTarget must be greater than or equal to minDelayTarget"
            ));
        }
        if policy.retries > RETRIES_MAX {
            return Err(format!("{prefix}healthyRetryPolicy.numRetries must be less than or equal to {RETRIES_MAX}"));
        }
        if policy.without_pause + policy.at_min + policy.at_max > policy.retries {
            return Err(format!(
                "{prefix}healthyRetryPolicy.numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries"
            ));
        }
        let total: i64 = (1..=policy.retries as u32).filter_map(|attempts| policy.pause_ms(attempts)).sum();
        if total > TOTAL_SECONDS_MAX * 1_000 {
            return Err(format!("{prefix}healthyRetryPolicy must not take longer than {TOTAL_SECONDS_MAX} seconds"));
        }
    }
    if !throttle.is_null() {
        known(throttle, &["maxReceivesPerSecond"])?;
        let rate = &throttle["maxReceivesPerSecond"];
        if !rate.is_null() && rate.as_i64().is_none_or(|rate| rate < 1) {
            return Err(format!("{prefix}throttlePolicy.maxReceivesPerSecond must be greater than or equal to 1"));
        }
    }
    if !request.is_null() {
        known(request, &["headerContentType"])?;
        let given = &request["headerContentType"];
        let kind = given.as_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !given.is_null()
            && (!CONTENT_TYPES.contains(&kind) || http::HeaderValue::from_str(given.as_str().unwrap_or("\n")).is_err())
        {
            return Err(format!("{prefix}requestPolicy.headerContentType is not supported"));
        }
    }
    Ok(())
}

/// Refuses what is no object or has members of other names.
fn known(value: &Value, names: &[&str]) -> Result<(), String> {
    let Some(object) = value.as_object() else { return Err("must be a JSON object".to_owned()) };
    match object.keys().find(|name| !names.contains(&&***name)) {
        Some(name) => Err(format!("unknown property {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy and the pauses of all its retries, in seconds.
    #[test]
    fn retries_have_four_phases() {
        let rows = [
            (r#"{}"#, vec![20.0, 20.0, 20.0]),
            (r#"{"minDelayTarget":1,"maxDelayTarget":5,"numRetries":5}"#, vec![1.0, 2.0, 3.0, 4.0, 5.0]),
            (
                r#"{"minDelayTarget":1,"maxDelayTarget":60,"numRetries":8,"numNoDelayRetries":3,"numMinDelayRetries":2,"numMaxDelayRetries":1}"#,
                vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 60.0, 60.0],
            ),
            (
                r#"{"minDelayTarget":1,"maxDelayTarget":16,"numRetries":5,"backoffFunction":"geometric"}"#,
                vec![1.0, 2.0, 4.0, 8.0, 16.0],
            ),
            (
                r#"{"minDelayTarget":1,"maxDelayTarget":10,"numRetries":6,"backoffFunction":"exponential"}"#,
                vec![1.0, 2.0, 4.0, 8.0, 10.0, 10.0],
            ),
            (
                r#"{"minDelayTarget":0,"maxDelayTarget":10,"numRetries":5,"backoffFunction":"arithmetic"}"#,
                vec![0.0, 1.0, 3.0, 6.0, 10.0],
            ),
        ];
        for (text, expected) in rows {
            let set = windlass_value::parse(text).expect("a policy");
            check_parts(&set, &Value::Null, &Value::Null, "").expect("a sound policy");
            let policy = retry_policy(&object! { "healthyRetryPolicy" => over(default_retry(), &set) });
            let pauses: Vec<f64> =
                (1..).map_while(|attempts| policy.pause_ms(attempts)).map(|ms| ms as f64 / 1_000.0).collect();
            assert_eq!(pauses, expected, "{text}");
        }
        let managed: Vec<i64> = (1..=20).filter_map(|attempts| MANAGED.pause_ms(attempts)).collect();
        assert_eq!(managed[..6], [0, 0, 0, 1_000, 1_000, 1_000]);
        assert_eq!(managed[10..], [20_000; 10]);
        assert_eq!((MANAGED.pause_ms(100_015), MANAGED.pause_ms(100_016)), (Some(20_000), None));
        let day_ms = 24 * 3_600_000;
        let total: i64 = (1..=100_015).filter_map(|attempts| MANAGED.pause_ms(attempts)).sum();
        assert_eq!(total / day_ms, 23);
        let total: i64 = (1..=50).filter_map(|attempts| MAIL.pause_ms(attempts)).sum();
        assert!((6 * 3_600_000..8 * 3_600_000).contains(&total));
    }
}
