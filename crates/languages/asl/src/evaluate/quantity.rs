use windlass_value::Value;

use super::expression::{Location, expression, noted, unexpected};
use super::path_field::invalid_path;
use crate::failure::{Failure, shown};
use crate::program::Quantity;
use crate::scope::Scope;

/// The fields that hold a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the language's own words")]
pub enum QuantityField {
    TimeoutSeconds,
    HeartbeatSeconds,
    MaxConcurrency,
    ToleratedFailureCount,
    ToleratedFailurePercentage,
    MaxItems,
    MaxItemsPerBatch,
    MaxInputBytesPerBatch,
}

/// Longest task timeout and heartbeat, in seconds.
const TASK_SECONDS_MAX: f64 = 99_999_999.0;
/// `MaxItems` above this is this.
const ITEMS_MAX: f64 = 100_000_000.0;
/// Largest `MaxInputBytesPerBatch`.
const BATCH_BYTES_MAX: f64 = 262_144.0;

impl QuantityField {
    /// The field's name.
    pub fn name(self) -> &'static str {
        match self {
            QuantityField::TimeoutSeconds => "TimeoutSeconds",
            QuantityField::HeartbeatSeconds => "HeartbeatSeconds",
            QuantityField::MaxConcurrency => "MaxConcurrency",
            QuantityField::ToleratedFailureCount => "ToleratedFailureCount",
            QuantityField::ToleratedFailurePercentage => "ToleratedFailurePercentage",
            QuantityField::MaxItems => "MaxItems",
            QuantityField::MaxItemsPerBatch => "MaxItemsPerBatch",
            QuantityField::MaxInputBytesPerBatch => "MaxInputBytesPerBatch",
        }
    }

    /// Where the field stands in its state.
    fn location(self) -> &'static str {
        match self {
            QuantityField::MaxItems => "ItemReader/ReaderConfig/MaxItems",
            QuantityField::MaxItemsPerBatch => "ItemBatcher/MaxItemsPerBatch",
            QuantityField::MaxInputBytesPerBatch => "ItemBatcher/MaxInputBytesPerBatch",
            other => other.name(),
        }
    }

    /// The same of the field that holds a path.
    fn path_location(self) -> &'static str {
        match self {
            QuantityField::TimeoutSeconds => "TimeoutSecondsPath",
            QuantityField::HeartbeatSeconds => "HeartbeatSecondsPath",
            QuantityField::MaxConcurrency => "MaxConcurrencyPath",
            QuantityField::ToleratedFailureCount => "ToleratedFailureCountPath",
            QuantityField::ToleratedFailurePercentage => "ToleratedFailurePercentagePath",
            QuantityField::MaxItems => "ItemReader/ReaderConfig/MaxItemsPath",
            QuantityField::MaxItemsPerBatch => "ItemBatcher/MaxItemsPerBatchPath",
            QuantityField::MaxInputBytesPerBatch => "ItemBatcher/MaxInputBytesPerBatchPath",
        }
    }

    fn is_integer(self) -> bool {
        self != QuantityField::ToleratedFailurePercentage
    }

    /// The value within the field's bounds, or AWS's complaint.
    fn bound(self, value: f64) -> Result<f64, (&'static str, String)> {
        let name = self.name();
        let runtime = |message: String| Err(("States.Runtime", message));
        match self {
            QuantityField::MaxConcurrency | QuantityField::ToleratedFailureCount if value < 0.0 => {
                runtime(format!("{name} cannot be negative."))
            }
            QuantityField::ToleratedFailurePercentage if !(0.0..=100.0).contains(&value) => {
                runtime(format!("{name} must be between 0 and 100."))
            }
            QuantityField::MaxItems if value < 0.0 => {
                Err(("States.ItemReaderFailed", format!("field {name} must be positive")))
            }
            QuantityField::MaxItems => Ok(value.min(ITEMS_MAX)),
            QuantityField::MaxItemsPerBatch if value < 1.0 => runtime(format!("{name} must be positive.")),
            QuantityField::MaxInputBytesPerBatch if !(1.0..=BATCH_BYTES_MAX).contains(&value) => {
                runtime(format!("{name} must be between 1 and {BATCH_BYTES_MAX}."))
            }
            QuantityField::TimeoutSeconds | QuantityField::HeartbeatSeconds
                if !(1.0..=TASK_SECONDS_MAX).contains(&value) =>
            {
                runtime(format!("{name} must be between 1 and {TASK_SECONDS_MAX}."))
            }
            _ => Ok(value),
        }
    }
}

impl Quantity {
    /// The number, whole for every field but the percentage.
    ///
    /// # Errors
    /// `States.Runtime` where a path selects nothing or no fitting number,
    /// `States.QueryEvaluationError` likewise for expressions,
    /// `States.ItemReaderFailed` for a negative `MaxItems`.
    pub fn evaluate(&self, scope: &Scope<'_>, field: QuantityField) -> Result<f64, Failure> {
        let location = Location::Root(field.location());
        let value = match self {
            Quantity::Literal(value) => *value,
            Quantity::Path(path) => {
                let found = path.evaluate(scope).map_err(|error| invalid_path(path, &error));
                let value = noted(found, scope, &Location::Root(field.path_location()))?;
                fitting(&value, field).ok_or_else(|| {
                    let text = value.as_str().map_or_else(|| shown(&value), str::to_owned);
                    let kind = if field.is_integer() { "integer" } else { "float" };
                    Failure::runtime(format!(
                        "The {}Path field refers to value \"{text}\" which is not a valid {kind}: {}",
                        field.name(),
                        path.text()
                    ))
                })?
            }
            Quantity::Expression(source) => {
                let value = expression(source, scope, &location)?;
                fitting(&value, field).ok_or_else(|| {
                    let expected = if field.is_integer() && value.as_f64().is_some() { "integer" } else { "number" };
                    unexpected(source, &location, expected, &value)
                })?
            }
        };
        field.bound(value).map_err(|(error, message)| match self {
            // What JSONata computes fails as a query, at its place.
            Quantity::Expression(_) if error == "States.Runtime" => Failure::query(message, Some(location.path())),
            _ => Failure { error, cause: message, location: None },
        })
    }
}

fn fitting(value: &Value, field: QuantityField) -> Option<f64> {
    let number = value.as_f64().filter(|number| number.is_finite())?;
    (!field.is_integer() || number.fract() == 0.0).then_some(number)
}
