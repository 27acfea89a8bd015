use windlass_protocol::Fault;
use windlass_store::Row;
use windlass_value::{Text, Timestamp, Value, parse};

/// The JSON document of a row of ours. What no release wrote is an
/// `InternalFailure` that says which kind of row it is.
pub(crate) struct StoredDocument {
    what: &'static str,
    document: Value,
}

impl StoredDocument {
    /// Reads a row's document of that format or an older one; `what` names the kind of row.
    pub(crate) fn read(row: &Row, what: &'static str, format: i64) -> Result<StoredDocument, Fault> {
        let mut stored = StoredDocument { what, document: Value::Null };
        let text = str::from_utf8(&row.value).map_err(|_| stored.broken("not UTF-8"))?;
        stored.document = parse(text).map_err(|error| stored.broken(&error.to_string()))?;
        if !stored.document["format"].as_i64().is_some_and(|stored| (1..=format).contains(&stored)) {
            return Err(stored.broken("unknown format"));
        }
        Ok(stored)
    }

    /// A member, `null` where it is not there.
    pub(crate) fn get(&self, name: &str) -> &Value {
        &self.document[name]
    }

    /// A member that must be text.
    pub(crate) fn text(&self, name: &str) -> Result<Text, Fault> {
        match self.get(name) {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.broken(&format!("no {name}"))),
        }
    }

    /// A member that must be an instant in milliseconds.
    pub(crate) fn instant(&self, name: &str) -> Result<Timestamp, Fault> {
        self.get(name).as_i64().map(Timestamp).ok_or_else(|| self.broken(&format!("no {name}")))
    }

    /// The failure of a document that cannot be what it should.
    pub(crate) fn broken(&self, why: &str) -> Fault {
        Fault::internal(format!("stored {}: {why}", self.what))
    }
}
