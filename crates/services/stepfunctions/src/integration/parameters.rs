use windlass_value::Value;

/// The parameters an integration takes.
pub(super) struct ParameterRules {
    pub(super) fields: &'static [Field],
}

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) required: bool,
    /// Takes any JSON, not only a string.
    pub(super) is_json: bool,
}

/// A field that must be there and be a string.
pub(super) const fn required(name: &'static str) -> Field {
    Field { name, required: true, is_json: false }
}

/// A field that may be left out and else is a string.
pub(super) const fn optional(name: &'static str) -> Field {
    Field { name, required: false, is_json: false }
}

/// A field that may be any JSON.
pub(super) const fn json(name: &'static str) -> Field {
    Field { name, required: false, is_json: true }
}

impl ParameterRules {
    /// The cause of a task that cannot start with these parameters, all of its
    /// problems together; `None` when it can.
    pub(super) fn refusal(&self, parameters: &Value) -> Option<String> {
        let mut problems = Vec::new();
        match parameters {
            Value::Object(given) => {
                for field in self.fields {
                    let value = given.get(field.name).filter(|value| !value.is_null());
                    match value {
                        None if field.required => {
                            problems.push(format!("The field '{}' is required but was missing", field.name));
                        }
                        Some(Value::String(_)) | None => {}
                        Some(_) if field.is_json => {}
                        Some(_) => {
                            problems.push(format!("The value of the field '{}' has an invalid format", field.name))
                        }
                    }
                }
                for name in given.keys() {
                    if !self.fields.iter().any(|field| *field.name == **name) {
                        problems.push(format!("The field '{name}' is not supported by Step Functions"));
                    }
                }
            }
            _ => problems.push("The parameters must be an object".to_owned()),
        }
        if problems.is_empty() {
            return None;
        }
        let problems = problems.join(", ");
        Some(format!("The Parameters '{parameters}' could not be used to start the Task: [{problems}]"))
    }
}
