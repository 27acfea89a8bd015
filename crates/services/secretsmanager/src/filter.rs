use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults;
use crate::input;
use crate::secret::Secret;

const FILTERS_MAX: usize = 10;

/// What a filter looks at.
enum Field {
    Description,
    Name,
    TagKey,
    TagValue,
    PrimaryRegion,
    OwningService,
    All,
}

/// One filter: any of its values must match, none of those with a `!`.
pub(crate) struct Filter {
    field: Field,
    values: Vec<String>,
}

impl Filter {
    /// The filters of a request.
    ///
    /// # Errors
    /// An unknown key; a filter without values.
    pub(crate) fn read_all(input: &Value) -> Result<Vec<Filter>, Fault> {
        let filters = match &input["Filters"] {
            Value::Null => return Ok(Vec::new()),
            Value::Array(filters) => filters,
            _ => return Err(Fault::new("SerializationException", "Filters must be a list")),
        };
        if filters.len() > FILTERS_MAX {
            return Err(faults::invalid_parameter(format!("There are at most {FILTERS_MAX} filters.")));
        }
        filters.iter().map(Filter::read).collect()
    }

    fn read(filter: &Value) -> Result<Filter, Fault> {
        let field = match input::required(filter, "Key")? {
            "description" => Field::Description,
            "name" => Field::Name,
            "tag-key" => Field::TagKey,
            "tag-value" => Field::TagValue,
            "primary-region" => Field::PrimaryRegion,
            "owning-service" => Field::OwningService,
            "all" => Field::All,
            other => {
                return Err(Fault::validation(format!(
                    "1 validation error detected: Value '{other}' at 'filters.1.member.key' failed to satisfy constraint: Member must satisfy enum value set: [all, name, tag-key, description, tag-value, primary-region, owning-service]"
                )));
            }
        };
        let values: Vec<String> = input::texts(filter, "Values")?.into_iter().map(str::to_owned).collect();
        if values.is_empty() {
            return Err(faults::invalid_parameter("Invalid filter values provided: a filter needs a value."));
        }
        Ok(Filter { field, values })
    }

    /// Whether a secret passes.
    pub(crate) fn matches(&self, secret: &Secret) -> bool {
        let (not, any): (Vec<_>, Vec<_>) = self.values.iter().partition(|value| value.starts_with('!'));
        let is_unwanted = not.iter().any(|value| self.has(secret, &value[1..]));
        !is_unwanted && (any.is_empty() || any.iter().any(|value| self.has(secret, value)))
    }

    fn has(&self, secret: &Secret, value: &str) -> bool {
        let description = secret.description.as_deref().unwrap_or_default();
        match self.field {
            Field::Description => has_word_with(description, &value.to_lowercase()),
            Field::Name => secret.name.starts_with(value),
            Field::TagKey => secret.tags.keys().any(|key| key.starts_with(value)),
            Field::TagValue => secret.tags.values().any(|tag| tag.starts_with(value)),
            // Of replicas there are none, and no service owns a secret.
            Field::PrimaryRegion | Field::OwningService => false,
            Field::All => {
                let texts = [secret.name.as_str(), description].into_iter();
                let texts = texts.chain(secret.tags.iter().flat_map(|(key, tag)| [key.as_str(), tag.as_str()]));
                let texts: Vec<&str> = texts.collect();
                value.to_lowercase().split_whitespace().any(|word| texts.iter().any(|text| has_word_with(text, word)))
            }
        }
    }
}

/// Whether a text, or a word in it, begins with another (which is in lower case).
fn has_word_with(text: &str, beginning: &str) -> bool {
    let text = text.to_lowercase();
    text.starts_with(beginning)
        || text.split(|letter: char| !letter.is_alphanumeric()).any(|word| word.starts_with(beginning))
}
