use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{ColumnValue, IndexScan, Position, Scan};
use windlass_value::{Object, Timestamp, Value, object};

use crate::faults;
use crate::filter::Filter;
use crate::input;
use crate::name::{Reference, Selector, arn, is_below};
use crate::page::Page;
use crate::parameter::{Parameter, SECURE, StoredParameter, Version, seconds};
use crate::ssm::Ssm;
use crate::tables::{PARAMETERS, parameter_row};

/// How many parameters are asked for by name at once.
pub(crate) const NAMES_MAX: usize = 10;
const PATH_RESULTS_MAX: usize = 10;
/// How many rows are read at once.
const SCAN_ROWS: usize = 100;
/// The names behind which the Secrets Manager's secrets are.
const SECRETS_PREFIX: &str = "/aws/reference/secretsmanager/";

impl Ssm {
    /// `GetParameter`.
    pub(crate) async fn get_parameter(&self, call: &Call) -> Outcome {
        let name = input::required(&call.input, "Name")?;
        let opened = input::flag(&call.input, "WithDecryption")?;
        let parameter = match name.strip_prefix(SECRETS_PREFIX) {
            Some(secret) => self.secret(call, secret, opened).await?,
            None => self.read(call, name, opened)?,
        };
        Ok(Reply::from(object! { "Parameter" => parameter }))
    }

    /// `GetParameters`.
    pub(crate) async fn get_parameters(&self, call: &Call) -> Outcome {
        let names = names(call)?;
        let opened = input::flag(&call.input, "WithDecryption")?;
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in names {
            let read = match name.strip_prefix(SECRETS_PREFIX) {
                Some(secret) => self.secret(call, secret, opened).await,
                None => self.read(call, name, opened),
            };
            match read {
                Ok(parameter) => found.push(parameter),
                Err(fault) if matches!(fault.code.as_str(), "ParameterNotFound" | "ParameterVersionNotFound") => {
                    invalid.push(Value::from(name));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(Reply::from(object! { "Parameters" => found, "InvalidParameters" => invalid }))
    }

    fn read(&self, call: &Call, name: &str, opened: bool) -> Result<Value, Fault> {
        let reference = Reference::parse(name, call);
        let found = self.find_referred(call, &reference)?.ok_or_else(|| faults::no_parameter(name))?.parameter;
        let version = self.selected(&found, &reference.selector)?;
        found.answer(&self.keyring, &version, reference.selector_text.as_deref(), opened)
    }

    fn selected(&self, parameter: &Parameter, selector: &Selector) -> Result<Version, Fault> {
        let number = match selector {
            Selector::Latest => parameter.current.version,
            Selector::Version(number) => *number,
            Selector::Label(label) => {
                *parameter.labels.get(label).ok_or_else(|| faults::no_label(&parameter.name, label))?
            }
        };
        self.version(parameter, number)?.ok_or_else(|| faults::no_version(&parameter.name, number))
    }

    /// A secret of the Secrets Manager, as a parameter.
    async fn secret(&self, call: &Call, reference: &str, opened: bool) -> Result<Value, Fault> {
        if !opened {
            return Err(Fault::validation("WithDecryption flag must be True for retrieving a Secret Manager secret."));
        }
        let (secret, selector) = match reference.split_once(':') {
            Some((secret, selector)) => (secret, Some(selector)),
            None => (reference, None),
        };
        let mut wanted = Object::new();
        wanted.insert("SecretId", secret);
        if let Some(selector) = selector {
            // Ids of versions are long; stages are words.
            let is_id = selector.len() >= 32;
            wanted.insert(if is_id { "VersionId" } else { "VersionStage" }, selector);
        }
        let get = Call {
            service: "secretsmanager".into(),
            operation: "GetSecretValue".into(),
            input: wanted.into(),
            body: Default::default(),
            idempotency_key: None,
            depth: call.depth + 1,
            ..call.clone()
        };
        let value = match self.dispatcher.call(get).await {
            Ok(reply) => reply.output,
            Err(fault) if fault.code == "ResourceNotFoundException" => {
                let name = format!("{SECRETS_PREFIX}{reference}");
                return Err(faults::no_parameter(&name).explained(fault.message));
            }
            Err(fault) => return Err(fault),
        };
        let name = format!("{SECRETS_PREFIX}{secret}");
        let text = value["SecretString"].as_str().or(value["SecretBinary"].as_str()).unwrap_or_default();
        let mut output = Object::new();
        output.insert("Name", name.as_str());
        output.insert("Type", SECURE);
        output.insert("Value", text);
        output.insert("Version", 0);
        if let Some(selector) = selector {
            output.insert("Selector", format!(":{selector}"));
        }
        output.insert("SourceResult", value.to_text());
        let created =
            value["CreatedDate"].as_f64().map_or((self.now)(), |seconds| Timestamp((seconds * 1000.0) as i64));
        output.insert("LastModifiedDate", seconds(created.as_ms()));
        output.insert("ARN", arn(&call.account, &call.region, &name));
        Ok(output.into())
    }

    /// `GetParametersByPath`.
    pub(crate) fn get_parameters_by_path(&self, call: &Call) -> Outcome {
        let path = input::required(&call.input, "Path")?;
        if !path.starts_with('/') {
            return Err(Fault::validation(format!(
                "The parameter path {path} must begin with a slash (/): it is a level of a hierarchy."
            )));
        }
        let recursive = input::flag(&call.input, "Recursive")?;
        let opened = input::flag(&call.input, "WithDecryption")?;
        let filters = Filter::read_all(&call.input, "ParameterFilters", &["Type", "KeyId", "Label"])?;
        let arguments = [&call.input["Path"], &Value::from(recursive), &call.input["ParameterFilters"]];
        let page = Page::read(&self.keyring, call, PATH_RESULTS_MAX, &arguments)?;
        let is_chosen = |parameter: &Parameter| {
            is_below(&parameter.name, path, recursive) && filters.iter().all(|filter| filter.matches(parameter))
        };
        // Names without a slash lie at the root, so the root is everything.
        let below = path.strip_suffix('/').unwrap_or(path);
        let prefix = (!below.is_empty()).then(|| format!("{below}/"));
        let (found, next) = self.select(call, &page, prefix.as_deref(), is_chosen)?;
        let mut parameters = Vec::with_capacity(found.len());
        for stored in found {
            let parameter = stored.parameter;
            let labelled = filters.iter().find_map(|filter| filter.labelled(&parameter));
            let (version, selector) = match labelled {
                Some((label, number)) => {
                    let version = self.version(&parameter, number)?;
                    (version.ok_or_else(|| faults::no_version(&parameter.name, number))?, Some(format!(":{label}")))
                }
                None => (parameter.current.clone(), None),
            };
            parameters.push(parameter.answer(&self.keyring, &version, selector.as_deref(), opened)?);
        }
        let mut output = Object::new();
        output.insert("Parameters", parameters);
        if let Some(next) = next {
            output.insert("NextToken", next);
        }
        Ok(Reply::from(Value::from(output)))
    }

    /// A page of the parameters whose names begin with `prefix` and that are
    /// chosen, by name, and the token of the next one.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn select(
        &self,
        call: &Call,
        page: &Page,
        prefix: Option<&str>,
        is_chosen: impl Fn(&Parameter) -> bool,
    ) -> Result<(Vec<StoredParameter>, Option<String>), Fault> {
        let (account, region) = (&*call.account, &*call.region);
        let mut index = IndexScan::new("by_name").equal(account).equal(region);
        if let Some(prefix) = prefix {
            index = index.at_least(prefix);
            if let Some(end) = prefix_end(prefix) {
                index = index.below(end);
            }
        }
        let mut scan = Scan::index(index, SCAN_ROWS);
        if let Some(after) = &page.after {
            let columns: Vec<ColumnValue> = vec![account.into(), region.into(), after.as_str().into()];
            scan.after = Some(Position { columns, key: parameter_row(account, region, after) });
        }
        let mut found: Vec<StoredParameter> = Vec::new();
        loop {
            let rows = self.store.scan(&PARAMETERS, scan.clone()).map_err(|error| faults::store(&error))?;
            for row in &rows {
                let stored = Parameter::read(row)?;
                if !is_chosen(&stored.parameter) {
                    continue;
                }
                if found.len() == page.limit {
                    let last = found.last().map(|last| page.token(&self.keyring, &last.parameter.name)).transpose()?;
                    return Ok((found, last));
                }
                found.push(stored);
            }
            match rows.last() {
                Some(row) if rows.len() == SCAN_ROWS => scan.after = Some(scan.position(&PARAMETERS, row)),
                _ => return Ok((found, None)),
            }
        }
    }
}

/// The first text behind all that begin with an ASCII prefix.
fn prefix_end(prefix: &str) -> Option<String> {
    let (last, start) = prefix.as_bytes().split_last()?;
    let next = char::from(*last).is_ascii().then(|| char::from(last + 1))?;
    Some(format!("{}{next}", std::str::from_utf8(start).ok()?))
}

/// The names of a request for several.
///
/// # Errors
/// There are too many.
pub(crate) fn names(call: &Call) -> Result<Vec<&str>, Fault> {
    let names = input::texts(&call.input, "Names")?;
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value '[{}]' at 'names' failed to satisfy constraint: Member must have length less than or equal to {NAMES_MAX}",
            names.join(", ")
        )));
    }
    Ok(names)
}
