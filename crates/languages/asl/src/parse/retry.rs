//! Retriers and catchers.

use windlass_value::{Text, Value};

use super::expression::Sees;
use super::fields;
use super::machine::SECONDS_MAX;
use super::place::Place;
use super::record::Record;
use super::template::Reading;
use super::walk::{Bounds, Walk};
use crate::program::{Catcher, QueryLanguage, ResultPath, Retrier};

/// Largest `MaxDelaySeconds`: a leap year.
const DELAY_SECONDS_MAX: f64 = 31_622_400.0;

/// The names that begin with `States.`.
const RESERVED: [&str; 16] = [
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "States.Permissions",
    "States.ResultPathMatchFailure",
    "States.ParameterPathFailure",
    "States.BranchFailed",
    "States.NoChoiceMatched",
    "States.IntrinsicFailure",
    "States.ExceedToleratedFailureThreshold",
    "States.ItemReaderFailed",
    "States.ResultWriterFailed",
    "States.QueryEvaluationError",
    "States.DataLimitExceeded",
    "States.Runtime",
];

impl Walk {
    pub(crate) fn retriers(&mut self, record: &Record<'_>) -> Vec<Retrier> {
        let mut retriers = Vec::new();
        self.each(record, "Retry", |walk, entry, last| {
            walk.only_fields(entry, fields::RETRIER);
            walk.required(entry, &["ErrorEquals"]);
            walk.string(entry, "Comment");
            let error_equals = walk.error_equals(entry, last);
            let interval = walk.number(entry, "IntervalSeconds", Bounds::integer(0, SECONDS_MAX));
            let attempts = walk.number(entry, "MaxAttempts", Bounds::integer(0, SECONDS_MAX));
            let rate = walk.number(entry, "BackoffRate", Bounds { min: 1.0, max: f64::MAX, integer: false });
            let delay = walk.number(entry, "MaxDelaySeconds", Bounds::integer(1, DELAY_SECONDS_MAX));
            let jitter = walk.word(entry, "JitterStrategy", &["NONE", "FULL"]);
            if let (Some(delay), Some(interval)) = (delay, interval)
                && delay <= interval
            {
                walk.schema("MaxDelaySeconds must be greater than IntervalSeconds", &entry.at("MaxDelaySeconds"));
            }
            retriers.push(Retrier {
                error_equals,
                interval_seconds: interval.map_or(1, whole),
                max_attempts: attempts.map_or(3, whole),
                backoff_rate: rate.unwrap_or(2.0),
                max_delay_seconds: delay.map(whole),
                full_jitter: jitter.is_some_and(|word| &**word == "FULL"),
            });
        });
        retriers
    }

    pub(crate) fn catchers(&mut self, record: &Record<'_>, language: QueryLanguage) -> Vec<Catcher> {
        let mut catchers = Vec::new();
        let reading = Reading { language, sees: Sees::ErrorOutput };
        self.each(record, "Catch", |walk, entry, last| {
            walk.only_fields_of(entry, fields::CATCHER, language);
            walk.required(entry, &["ErrorEquals", "Next"]);
            walk.string(entry, "Comment");
            let error_equals = walk.error_equals(entry, last);
            let next = walk.name(entry, "Next");
            let assign = walk.assign(entry, reading);
            let (result_path, output) = match language {
                QueryLanguage::JsonPath => (walk.result_path(entry), None),
                QueryLanguage::Jsonata => (ResultPath::Replace, walk.template(entry, "Output", reading)),
            };
            if let Some(next) = next {
                catchers.push(Catcher { error_equals, next, result_path, output, assign });
            }
        });
        catchers
    }

    fn each(&mut self, record: &Record<'_>, name: &'static str, mut read: impl FnMut(&mut Walk, &Record<'_>, bool)) {
        let items = match record.get(name) {
            None => return,
            // An empty list is accepted here, unlike Choices and Branches.
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.expected("[ARRAY]", &record.at(name));
                return;
            }
        };
        let place = record.at(name);
        for (index, item) in items.iter().enumerate() {
            let place = place.item(index);
            match item {
                Value::Object(object) => read(self, &Record::new(object, &place), index + 1 == items.len()),
                _ => {
                    self.expected("[OBJECT]", &place);
                }
            }
        }
    }

    fn error_equals(&mut self, record: &Record<'_>, last: bool) -> Vec<Text> {
        let field = "ErrorEquals";
        let place = record.at(field);
        let mut names = Vec::new();
        for (index, item) in self.items(record, field).unwrap_or_default().iter().enumerate() {
            let place = place.item(index);
            match item {
                Value::String(name) => names.push(name.clone()),
                _ => {
                    self.expected("[STRING]", &place);
                }
            }
        }
        for (index, name) in names.iter().enumerate() {
            let place = place.item(index);
            if &**name == "States.ALL" && (names.len() > 1 || !last) {
                self.schema("States.ALL must appear alone and at end of list", &place);
            }
            self.error_name(name, &place);
        }
        names
    }

    /// Names that begin with `States.` are AWS's own; an unknown one never matches.
    fn error_name(&mut self, name: &str, place: &Place<'_>) {
        if name.starts_with("States.") && !name.starts_with("States.Http.") && !RESERVED.contains(&name) {
            let help = self.did_you_mean(name, RESERVED.into_iter());
            self.warning(super::walk::SCHEMA, format!("'{name}' is not a known error name"), place).help = help;
        }
    }
}

/// A checked literal as an integer; what is out of range is at the nearest bound.
fn whole(number: f64) -> u32 {
    number as u32
}
