use windlass_value::{Timestamp, Value};

use super::expression::{Location, expression, noted, unexpected};
use crate::failure::{Failure, shown};
use crate::program::{Quantity, Wait};
use crate::scope::Scope;

/// Longest delay, in seconds: 24,855 days pass, 24,856 do not.
pub const WAIT_SECONDS_MAX: i64 = i32::MAX as i64;

impl Wait {
    /// The instant the state waits for, counted from `now`; an instant already
    /// past is `now`.
    ///
    /// # Errors
    /// `States.Runtime` where a path selects nothing fitting or the delay is too
    /// long, `States.QueryEvaluationError` where an expression does.
    pub fn evaluate(&self, scope: &Scope<'_>, now: Timestamp) -> Result<Timestamp, Failure> {
        match self {
            Wait::Seconds(Quantity::Literal(seconds)) => after(now, *seconds as i64),
            Wait::Seconds(Quantity::Path(path)) => {
                let found = path.evaluate(scope).map_err(|_| {
                    Failure::runtime(format!(
                        "The SecondsPath parameter does not reference an input value: {}",
                        path.text()
                    ))
                });
                let value = noted(found, scope, &Location::Root("SecondsPath"))?;
                let Some(seconds) = value.as_i64() else {
                    return Err(Failure::runtime(format!(
                        "The SecondsPath parameter cannot be parsed as a long value: {} == {}",
                        path.text(),
                        plain(&value)
                    )));
                };
                if seconds < 0 {
                    return Err(Failure::runtime(format!(
                        "The SecondsPath parameter references a negative value: {} == {seconds}",
                        path.text()
                    )));
                }
                after(now, seconds)
            }
            Wait::Seconds(Quantity::Expression(source)) => {
                let location = Location::Root("Seconds");
                let value = expression(source, scope, &location)?;
                let Some(number) = value.as_f64() else {
                    return Err(unexpected(source, &location, "number", &value));
                };
                if number.fract() != 0.0 {
                    return Err(unexpected(source, &location, "integer", &value));
                }
                if number < 0.0 {
                    return Err(Failure::query(
                        format!("The Seconds field references a negative value: {value}"),
                        Some(location.path()),
                    ));
                }
                after(now, number as i64)
            }
            Wait::Until(instant) => until(now, *instant),
            Wait::UntilPath(path) => {
                let unfit = |value: &str| {
                    Failure::runtime(format!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time \
                         format string: {} == {value}",
                        path.text()
                    ))
                };
                let found = path.evaluate(scope).map_err(|_| {
                    Failure::runtime(format!(
                        "The TimestampPath parameter does not reference an input value: {}",
                        path.text()
                    ))
                });
                let value = noted(found, scope, &Location::Root("TimestampPath"))?;
                let instant = value.as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok());
                until(now, instant.ok_or_else(|| unfit(&plain(&value)))?)
            }
            Wait::UntilExpression(source) => {
                let location = Location::Root("Timestamp");
                let value = expression(source, scope, &location)?;
                let Some(text) = value.as_str() else {
                    return Err(unexpected(source, &location, "string", &value));
                };
                let instant = Timestamp::parse_rfc3339(text).map_err(|_| {
                    Failure::query(
                        format!(
                            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format \
                             string: {text}"
                        ),
                        Some(location.path()),
                    )
                })?;
                until(now, instant)
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| shown(value), str::to_owned)
}

fn after(now: Timestamp, seconds: i64) -> Result<Timestamp, Failure> {
    until(now, now.plus_ms(seconds.saturating_mul(1000)))
}

fn until(now: Timestamp, instant: Timestamp) -> Result<Timestamp, Failure> {
    if instant.as_ms().saturating_sub(now.as_ms()) > WAIT_SECONDS_MAX * 1000 {
        return Err(Failure::runtime("Wait state delay is too long."));
    }
    Ok(instant.max(now))
}
