use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Value, object};

use crate::faults;
use crate::input;
use crate::ssm::Ssm;

/// How many labels a version has.
const LABELS_MAX: usize = 10;
const LABEL_CHARS_MAX: usize = 100;

impl Ssm {
    /// `LabelParameterVersion`; a label moves from the version that had it.
    pub(crate) async fn label_version(&self, call: &Call) -> Outcome {
        let name = input::required(&call.input, "Name")?;
        let number = number(call)?;
        let labels = input::texts(&call.input, "Labels")?;
        let (valid, invalid): (Vec<&str>, Vec<&str>) = labels.into_iter().partition(|label| is_label(label));
        self.change(call, |batch, _| {
            let mut stored = self.parameter_of(call, name)?;
            let parameter = &mut stored.parameter;
            let number = number.unwrap_or(parameter.current.version);
            if !(parameter.oldest..=parameter.current.version).contains(&number) {
                return Err(faults::no_version(&parameter.name, number));
            }
            for label in &valid {
                parameter.labels.insert((*label).to_owned(), number);
            }
            if parameter.labels_of(number).len() > LABELS_MAX {
                return Err(Fault::new(
                    "ParameterVersionLabelLimitExceeded",
                    format!(
                        "A parameter version can have maximum {LABELS_MAX} labels.Move one or more labels to another version and try again."
                    ),
                ));
            }
            parameter.put(batch, Some(stored.row_version))?;
            Ok(object! { "InvalidLabels" => texts(&invalid), "ParameterVersion" => number })
        })
        .await
    }

    /// `UnlabelParameterVersion`.
    pub(crate) async fn unlabel_version(&self, call: &Call) -> Outcome {
        let name = input::required(&call.input, "Name")?;
        let number = number(call)?;
        let labels = input::texts(&call.input, "Labels")?;
        self.change(call, |batch, _| {
            let mut stored = self.parameter_of(call, name)?;
            let parameter = &mut stored.parameter;
            let number = number.unwrap_or(parameter.current.version);
            if !(parameter.oldest..=parameter.current.version).contains(&number) {
                return Err(faults::no_version(&parameter.name, number));
            }
            let (removed, invalid): (Vec<&str>, Vec<&str>) =
                labels.iter().partition(|label| parameter.labels.get(**label) == Some(&number));
            for label in &removed {
                parameter.labels.remove(*label);
            }
            parameter.put(batch, Some(stored.row_version))?;
            Ok(object! { "RemovedLabels" => texts(&removed), "InvalidLabels" => texts(&invalid) })
        })
        .await
    }
}

fn texts(labels: &[&str]) -> Vec<Value> {
    labels.iter().map(|label| Value::from(*label)).collect()
}

fn number(call: &Call) -> Result<Option<u64>, Fault> {
    let number = input::integer(&call.input, "ParameterVersion")?;
    let invalid = || Fault::validation("ParameterVersion must be a positive number.");
    number.map(|number| u64::try_from(number).map_err(|_| invalid())).transpose()
}

fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    !label.is_empty()
        && label.len() <= LABEL_CHARS_MAX
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !label.starts_with(|first: char| first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
