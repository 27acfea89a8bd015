use windlass_protocol::{Call, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::filter::Filter;
use crate::page::Page;
use crate::ssm::Ssm;

const RESULTS_MAX: usize = 50;
const KEYS: &[&str] = &["Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType", "tag:"];

impl Ssm {
    /// `DescribeParameters`, by name.
    pub(crate) fn describe_parameters(&self, call: &Call) -> Outcome {
        let mut filters = Filter::read_all(&call.input, "ParameterFilters", KEYS)?;
        // The older form, which only compares.
        filters.extend(Filter::read_all(&call.input, "Filters", &["Name", "Type", "KeyId"])?);
        let arguments = [&call.input["ParameterFilters"], &call.input["Filters"]];
        let page = Page::read(&self.keyring, call, RESULTS_MAX, &arguments)?;
        let (found, next) =
            self.select(call, &page, None, |parameter| filters.iter().all(|filter| filter.matches(parameter)))?;
        let mut parameters = Vec::with_capacity(found.len());
        for stored in found {
            let parameter = stored.parameter;
            let mut metadata = Object::new();
            metadata.insert("Name", parameter.name.as_str());
            metadata.insert("ARN", parameter.arn());
            metadata.extend(parameter.metadata(&parameter.current)?);
            parameters.push(Value::from(metadata));
        }
        let mut output = Object::new();
        output.insert("Parameters", parameters);
        if let Some(next) = next {
            output.insert("NextToken", next);
        }
        Ok(Reply::from(Value::from(output)))
    }
}
