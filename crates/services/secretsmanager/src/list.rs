use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{ColumnValue, IndexScan, Position, Scan};
use windlass_value::{Object, Value};

use crate::describe::description;
use crate::faults;
use crate::filter::Filter;
use crate::input;
use crate::page::{Page, invalid_token};
use crate::secret::{Secret, StoredSecret};
use crate::secrets_manager::SecretsManager;
use crate::tables::{SECRETS, secret_row};

const RESULTS_MAX: usize = 100;
/// How many rows are read at once.
const SCAN_ROWS: usize = 200;

impl SecretsManager {
    /// `ListSecrets`, by their creation.
    pub(crate) fn list_secrets(&self, call: &Call) -> Outcome {
        let filters = Filter::read_all(&call.input)?;
        let with_deleted = input::flag(&call.input, "IncludePlannedDeletion")?;
        let is_reverse = input::text(&call.input, "SortOrder")? == Some("desc");
        let (found, next) = self.select(call, RESULTS_MAX, &filters, with_deleted, is_reverse)?;
        let entries = found.iter().map(|stored| Value::from(description(&stored.secret, "SecretVersionsToStages")));
        let mut output = Object::new();
        output.insert("SecretList", entries.collect::<Vec<_>>());
        if let Some(next) = next {
            output.insert("NextToken", next);
        }
        Ok(Reply::from(Value::from(output)))
    }

    /// A page of the secrets that pass all filters, and the token of the next one.
    ///
    /// # Errors
    /// A token of another list; the store's.
    pub(crate) fn select(
        &self,
        call: &Call,
        limit_max: usize,
        filters: &[Filter],
        with_deleted: bool,
        is_reverse: bool,
    ) -> Result<(Vec<StoredSecret>, Option<String>), Fault> {
        let (account, region) = (&*call.account, &*call.region);
        let arguments = [&call.input["Filters"], &Value::from(with_deleted), &Value::from(is_reverse)];
        let page = Page::read(&self.keyring, call, limit_max, &arguments)?;
        let mut scan = Scan::index(IndexScan::new("by_creation").equal(account).equal(region), SCAN_ROWS);
        scan.reverse = is_reverse;
        if let Some(after) = &page.after {
            let (created_ms, name) = after.split_once(' ').ok_or_else(invalid_token)?;
            let created_ms: i64 = created_ms.parse().map_err(|_| invalid_token())?;
            let columns = vec![account.into(), region.into(), ColumnValue::Integer(created_ms)];
            scan.after = Some(Position { columns, key: secret_row(account, region, name) });
        }
        let mut found: Vec<StoredSecret> = Vec::new();
        loop {
            let rows = self.store.scan(&SECRETS, scan.clone()).map_err(|error| faults::store(&error))?;
            for row in &rows {
                let stored = Secret::read(row)?;
                let is_shown = with_deleted || stored.secret.deleted_ms.is_none();
                if !is_shown || !filters.iter().all(|filter| filter.matches(&stored.secret)) {
                    continue;
                }
                if found.len() == page.limit {
                    let last = found.last().map(|last| format!("{} {}", last.secret.created_ms, last.secret.name));
                    let next = last.map(|last| page.token(&self.keyring, &last)).transpose()?;
                    return Ok((found, next));
                }
                found.push(stored);
            }
            match rows.last() {
                Some(row) if rows.len() == SCAN_ROWS => scan.after = Some(scan.position(&SECRETS, row)),
                _ => return Ok((found, None)),
            }
        }
    }
}
