use crate::dead_letter::Exhausted;

/// How often a delivery is tried again at most, as AWS bounds it.
pub const ATTEMPTS_MAX: u32 = 185;
/// The longest time in seconds that a delivery is tried for.
pub const AGE_SECONDS_MAX: u32 = 86_400;
/// The shortest time in seconds one may ask for.
pub const AGE_SECONDS_MIN: u32 = 60;

/// The first pause; the next is twice as long, and so on.
const PAUSE_MS: i64 = 1_000;
/// The longest: 185 attempts then fill about the 24 hours that AWS gives them.
const PAUSE_MS_MAX: i64 = 600_000;

/// How long a delivery is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Further attempts after the first.
    pub attempts_max: u32,
    /// From the event on.
    pub age_seconds_max: u32,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { attempts_max: ATTEMPTS_MAX, age_seconds_max: AGE_SECONDS_MAX }
    }
}

/// What becomes of a delivery that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after that pause.
    Retry {
        /// In milliseconds, at least 1.
        after_ms: i64,
    },
    /// It is over; the condition that was exhausted, or none if no further attempt would help.
    GiveUp(Option<Exhausted>),
}

/// Why a delivery failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error's name.
    pub code: String,
    /// Its text.
    pub message: String,
    /// Whether another attempt may do better.
    pub is_retryable: bool,
}

impl Failure {
    /// A failed call: throttling and failures of the service are worth another
    /// attempt, a missing permission or target is not.
    pub fn of_call(code: &str, message: &str, status: u16) -> Failure {
        const THROTTLED: &[&str] = &[
            "ThrottlingException",
            "Throttling",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "LimitExceededException",
            "ExecutionLimitExceeded",
            "OverLimit",
            "ThrottledException",
            "ServiceUnavailable",
        ];
        // 501 is an operation that nobody answers, now or later.
        let is_retryable = (status >= 500 && status != 501) || status == 429 || THROTTLED.contains(&code);
        Failure { code: code.to_owned(), message: message.to_owned(), is_retryable }
    }
}

impl RetryPolicy {
    /// What becomes of a delivery that failed for the `attempt`th time (from 1),
    /// `age_ms` after its event. `random` is in `0.0..1.0`.
    pub fn after(&self, failure: &Failure, attempt: u32, age_ms: i64, random: f64) -> Verdict {
        self.after_pause(failure, attempt, age_ms, random, 0)
    }

    /// The same, with a pause of at least `pause_ms_min`: what the target asked for.
    pub fn after_pause(&self, failure: &Failure, attempt: u32, age_ms: i64, random: f64, pause_ms_min: i64) -> Verdict {
        if !failure.is_retryable {
            return Verdict::GiveUp(None);
        }
        if attempt > self.attempts_max {
            return Verdict::GiveUp(Some(Exhausted::Attempts));
        }
        let age_ms_max = i64::from(self.age_seconds_max) * 1000;
        if age_ms >= age_ms_max {
            return Verdict::GiveUp(Some(Exhausted::Age));
        }
        let doublings = attempt.saturating_sub(1).min(20);
        let longest = (PAUSE_MS << doublings).min(PAUSE_MS_MAX);
        let jittered = (longest as f64 * (0.5 + random / 2.0)) as i64;
        // The last attempt is made when the age is reached, not given up before.
        Verdict::Retry { after_ms: jittered.max(pause_ms_min).min(age_ms_max - age_ms).max(1) }
    }
}
