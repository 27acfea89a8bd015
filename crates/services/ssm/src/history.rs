use windlass_protocol::{Call, Outcome, Reply};
use windlass_store::{KeyRange, Scan};
use windlass_value::{Object, Value};

use crate::faults;
use crate::input;
use crate::page::{Page, invalid_token};
use crate::parameter::Version;
use crate::ssm::Ssm;
use crate::tables::VERSIONS;

const RESULTS_MAX: usize = 50;

impl Ssm {
    /// `GetParameterHistory`, the oldest version first.
    pub(crate) fn get_history(&self, call: &Call) -> Outcome {
        let name = input::required(&call.input, "Name")?;
        let opened = input::flag(&call.input, "WithDecryption")?;
        let parameter = self.parameter_of(call, name)?.parameter;
        let page = Page::read(&self.keyring, call, RESULTS_MAX, &[&call.input["Name"]])?;
        let from = match &page.after {
            Some(after) => after.parse::<u64>().map_err(|_| invalid_token())?.saturating_add(1),
            None => 0,
        };
        let row = parameter.row();
        let range = KeyRange { start: Some(row.clone().number(from)), end: row.prefix_end() };
        let mut rows =
            self.store.scan(&VERSIONS, Scan::range(range, page.limit + 1)).map_err(|error| faults::store(&error))?;
        let has_more = rows.len() > page.limit;
        rows.truncate(page.limit);
        let mut entries = Vec::with_capacity(rows.len());
        let mut last = 0;
        for row in rows {
            let version: Version =
                serde_json::from_slice(&row.value).map_err(|error| faults::row("a parameter's version", error))?;
            last = version.version;
            let mut entry = parameter.metadata(&version)?;
            let name = parameter.value_name(version.version);
            entry.insert("Value", version.value.answered(&self.keyring, &name, opened)?);
            entry.insert("Labels", parameter.labels_of(version.version));
            entries.push(Value::from(entry));
        }
        let mut output = Object::new();
        output.insert("Parameters", entries);
        if has_more {
            output.insert("NextToken", page.token(&self.keyring, &last.to_string())?);
        }
        Ok(Reply::from(Value::from(output)))
    }
}
