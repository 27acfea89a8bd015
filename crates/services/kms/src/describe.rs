use windlass_protocol::{Call, Outcome, Reply};
use windlass_store::{ColumnValue, IndexScan, Position, Scan};
use windlass_value::{Value, object};

use crate::create::too_long;
use crate::faults;
use crate::input;
use crate::key::arn;
use crate::kms::Kms;
use crate::page::Page;
use crate::tables::{KEYS, key_row};

impl Kms {
    /// `DescribeKey`.
    pub(crate) fn describe_key(&self, call: &Call) -> Outcome {
        let stored = self.key_of(call, input::required(&call.input, "KeyId")?)?;
        Ok(Reply::from(object! { "KeyMetadata" => stored.key.metadata() }))
    }

    /// `ListKeys`.
    pub(crate) fn list_keys(&self, call: &Call) -> Outcome {
        let page = Page::read(&self.keyring, call, &[])?;
        let (account, region) = (&*call.account, &*call.region);
        let mut scan = Scan::index(IndexScan::new("by_id").equal(account).equal(region), page.limit + 1);
        if let Some(after) = &page.after {
            let columns = vec![account.into(), region.into(), after.as_str().into()];
            scan = scan.after(Position { columns, key: key_row(account, region, after) });
        }
        let rows = self.store.scan(&KEYS, scan).map_err(|error| faults::store(&error))?;
        let keys = rows.into_iter().filter_map(|row| match row.columns.into_iter().nth(2) {
            Some(ColumnValue::Text(id)) => {
                let entry = object! { "KeyId" => id.as_str(), "KeyArn" => arn(account, region, &id) };
                Some((id, entry))
            }
            _ => None,
        });
        Ok(Reply::from(Value::from(page.answer(&self.keyring, "Keys", keys.collect())?)))
    }

    /// `UpdateKeyDescription`.
    pub(crate) async fn update_description(&self, call: &Call) -> Outcome {
        const CHARS_MAX: usize = 8192;
        let key_id = input::required(&call.input, "KeyId")?;
        let description = input::required(&call.input, "Description")?;
        if description.chars().count() > CHARS_MAX {
            return Err(too_long("description", CHARS_MAX));
        }
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            stored.key.check_not_pending()?;
            stored.key.description = description.to_owned();
            stored.key.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
    }
}
