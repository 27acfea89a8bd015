//! Wait and Fail.

use windlass_value::{Timestamp, Value};

use super::expression::{Sees, source};
use super::machine::SECONDS_MAX;
use super::record::Record;
use super::walk::{Bounds, Walk};
use crate::program::{Fail, Quantity, QueryLanguage, Wait};

/// What AWS says about a literal that is no instant.
pub(crate) const NO_TIMESTAMP: &str = "String does not match RFC3339 timestamp";

impl Walk {
    pub(crate) fn wait(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<Wait> {
        match language {
            QueryLanguage::JsonPath => {
                self.exactly_one(record, &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"]);
            }
            QueryLanguage::Jsonata => self.exactly_one(record, &["Seconds", "Timestamp"]),
        }
        let seconds = self.quantity(record, "Seconds", "SecondsPath", Bounds::integer(0, SECONDS_MAX), language);
        let timestamp = self.timestamp(record, language);
        seconds.map(Wait::Seconds).or(timestamp)
    }

    fn timestamp(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<Wait> {
        let name = "Timestamp";
        if let Some(value) = record.get(name) {
            let place = record.at(name);
            let Value::String(text) = value else {
                self.expected("[STRING]", &place);
                return None;
            };
            if language == QueryLanguage::Jsonata && source(text).is_some() {
                return self.expression_in(text, &place, Sees::Input)?.map(Wait::UntilExpression);
            }
            return match Timestamp::parse_rfc3339(text) {
                Ok(instant) => Some(Wait::Until(instant)),
                Err(_) => {
                    if super::path::looks_like_path(text) {
                        self.no_path_suffix(&place, "TimestampPath");
                    }
                    self.schema(NO_TIMESTAMP, &place).help = Some(
                        "write it as 2026-01-31T12:00:00Z or with an offset, 2026-01-31T12:00:00+02:00".to_owned(),
                    );
                    None
                }
            };
        }
        match language {
            QueryLanguage::JsonPath => self.path(record, "TimestampPath").map(Wait::UntilPath),
            QueryLanguage::Jsonata => None,
        }
    }

    pub(crate) fn fail(&mut self, record: &Record<'_>, language: QueryLanguage) -> Fail {
        if language == QueryLanguage::JsonPath {
            self.at_most_one(record, &["Error", "ErrorPath"]);
            self.at_most_one(record, &["Cause", "CausePath"]);
        }
        Fail {
            error: self.string_or(record, "Error", "ErrorPath", language),
            cause: self.string_or(record, "Cause", "CausePath", language),
        }
    }
}

/// A literal quantity.
pub(crate) fn literal(quantity: Option<&Quantity>) -> Option<f64> {
    match quantity {
        Some(Quantity::Literal(value)) => Some(*value),
        _ => None,
    }
}
