use windlass_protocol::Fault;
use windlass_value::Value;

use crate::input;
use crate::name::is_below;
use crate::parameter::Parameter;

const VALUES_MAX: usize = 50;

/// How a filter compares.
#[derive(Clone, Copy, PartialEq)]
enum Comparison {
    Equals,
    BeginsWith,
    Contains,
    Recursive,
    OneLevel,
}

/// One filter: any of its values must match; without values, there must be one.
pub(crate) struct Filter {
    key: String,
    comparison: Comparison,
    values: Vec<String>,
}

impl Filter {
    /// The filters of a request in that member.
    ///
    /// # Errors
    /// In AWS's words.
    pub(crate) fn read_all(input: &Value, member: &str, allowed: &[&str]) -> Result<Vec<Filter>, Fault> {
        match &input[member] {
            Value::Null => Ok(Vec::new()),
            Value::Array(filters) => filters.iter().map(|filter| Filter::read(filter, allowed)).collect(),
            _ => Err(Fault::new("SerializationException", format!("{member} must be a list"))),
        }
    }

    fn read(filter: &Value, allowed: &[&str]) -> Result<Filter, Fault> {
        let key = input::required(filter, "Key")?;
        let is_tag = key.starts_with("tag:") && allowed.contains(&"tag:");
        if !is_tag && !allowed.contains(&key) {
            let allowed = allowed.iter().map(|key| if *key == "tag:" { "tag:.+" } else { key });
            return Err(Fault::new(
                "InvalidFilterKey",
                format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: [{}].",
                    allowed.collect::<Vec<_>>().join(", ")
                ),
            ));
        }
        let default = if key == "Path" { "OneLevel" } else { "Equals" };
        let option = input::text(filter, "Option")?.unwrap_or(default);
        let comparison = match (option, key) {
            ("Recursive", "Path") => Comparison::Recursive,
            ("OneLevel", "Path") => Comparison::OneLevel,
            ("Contains", "Name") => Comparison::Contains,
            ("Equals", key) if key != "Path" => Comparison::Equals,
            ("BeginsWith", key) if key != "Path" && key != "Label" && key != "Tier" => Comparison::BeginsWith,
            _ => {
                return Err(Fault::new(
                    "InvalidFilterOption",
                    format!("The following filter option is not valid: {option}."),
                ));
            }
        };
        let values: Vec<String> = input::texts(filter, "Values")?.into_iter().map(str::to_owned).collect();
        if values.len() > VALUES_MAX || (values.is_empty() && !key.starts_with("tag:")) {
            return Err(Fault::new(
                "InvalidFilterValue",
                format!("The following filter values are missing or too many for filter key {key}."),
            ));
        }
        if key == "Path" && values.iter().any(|path| !path.starts_with('/')) {
            return Err(Fault::validation("The parameter path of a filter must begin with a slash (/)."));
        }
        Ok(Filter { key: key.to_owned(), comparison, values })
    }

    /// Whether a parameter passes.
    pub(crate) fn matches(&self, parameter: &Parameter) -> bool {
        let current = &parameter.current;
        match self.key.as_str() {
            "Name" => self.has(&parameter.name),
            "Type" => self.has(&current.kind),
            "KeyId" => current.key_id.as_deref().is_some_and(|key| self.has(key)),
            "Tier" => self.has(&current.tier),
            "DataType" => self.has(&current.data_type),
            "Label" => self.labelled(parameter).is_some(),
            "Path" => {
                self.values.iter().any(|path| is_below(&parameter.name, path, self.comparison == Comparison::Recursive))
            }
            key => match key.strip_prefix("tag:").and_then(|tag| parameter.tags.get(tag)) {
                Some(value) => self.values.is_empty() || self.has(value),
                None => false,
            },
        }
    }

    /// The label that it asks for, and the version that has it.
    pub(crate) fn labelled<'a>(&'a self, parameter: &Parameter) -> Option<(&'a str, u64)> {
        if self.key != "Label" {
            return None;
        }
        self.values.iter().find_map(|label| Some((label.as_str(), *parameter.labels.get(label)?)))
    }

    fn has(&self, text: &str) -> bool {
        // The leading slash of a name does not matter to a beginning.
        let bare = |text: &str| text.strip_prefix('/').unwrap_or(text).to_owned();
        self.values.iter().any(|value| match self.comparison {
            Comparison::BeginsWith if self.key == "Name" => bare(text).starts_with(&bare(value)),
            Comparison::BeginsWith => text.starts_with(value.as_str()),
            Comparison::Contains => text.contains(value.as_str()),
            _ => text == value,
        })
    }
}
