use windlass_protocol::{Call, Fault};
use windlass_store::{Batch, Column, ColumnKind, Index, Key, Row, Store, Table, shard_of};
use windlass_value::{Object, Text, Timestamp, Value, object};

use crate::arn::{self, Kind, StatesArn};
use crate::fault::{activity_does_not_exist, of_commit, of_store};
use crate::stored_document::StoredDocument;
use crate::tag::Tags;

/// Activities: one row each.
pub static ACTIVITIES: Table = Table {
    name: "activities",
    columns: &[
        Column { name: "account", kind: ColumnKind::Text },
        Column { name: "region", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "created_at", kind: ColumnKind::Integer },
    ],
    indexes: &[Index { name: "by_name", columns: &["account", "region", "name"] }],
};

const FORMAT: i64 = 1;

/// An activity.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) account: Text,
    pub(crate) region: Text,
    pub(crate) name: Text,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Tags,
    /// `encryptionConfiguration`.
    pub(crate) encryption: Value,
    /// Of the stored row; 0 before it is stored.
    pub(crate) row_version: u64,
}

impl Activity {
    pub(crate) fn arn(&self) -> Text {
        arn::of(&self.account, &self.region, &format!("activity:{}", self.name)).into()
    }
}

/// What an activity ARN names.
#[derive(Clone, Debug)]
pub(crate) struct ActivityName {
    /// As the caller wrote it, for fault texts.
    pub(crate) text: String,
    /// As this server writes it.
    pub(crate) arn: Text,
    account: String,
    region: String,
    name: String,
    is_of_caller: bool,
}

impl ActivityName {
    /// Reads an activity ARN.
    ///
    /// # Errors
    /// `InvalidArn`.
    pub(crate) fn parse(text: &str, call: &Call) -> Result<ActivityName, Fault> {
        let arn = StatesArn::parse(text, &[Kind::Activity])?;
        Ok(ActivityName {
            text: text.to_owned(),
            arn: arn.canonical().into(),
            is_of_caller: arn.is_of(call),
            account: arn.account,
            region: arn.region,
            name: arn.id,
        })
    }

    /// Reads the ARN in a definition; `None` for what names no activity.
    pub(crate) fn of_definition(text: &str) -> Option<ActivityName> {
        let arn = StatesArn::parse(text, &[Kind::Activity]).ok()?;
        Some(ActivityName {
            text: text.to_owned(),
            arn: arn.canonical().into(),
            is_of_caller: true,
            account: arn.account,
            region: arn.region,
            name: arn.id,
        })
    }
}

/// The stored activities.
#[derive(Clone)]
pub(crate) struct Activities {
    store: Store,
}

impl Activities {
    pub(crate) fn new(store: Store) -> Activities {
        Activities { store }
    }

    /// The activity of a name, if there is one.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) fn find(&self, name: &ActivityName) -> Result<Option<Activity>, Fault> {
        if !name.is_of_caller {
            return Ok(None);
        }
        let key = key(&name.account, &name.region, &name.name);
        let row = self.store.get(&ACTIVITIES, &key).map_err(|error| of_store(&error))?;
        row.map(|row| decode(&row)).transpose()
    }

    /// The same, where it must exist.
    ///
    /// # Errors
    /// `ActivityDoesNotExist`; what the store answers.
    pub(crate) fn get(&self, name: &ActivityName) -> Result<Activity, Fault> {
        self.find(name)?.ok_or_else(|| activity_does_not_exist(&name.text))
    }

    /// Writes an activity over the row it was read from, or anew where its
    /// version is 0; false when another writer was faster.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn put(&self, activity: &Activity) -> Result<bool, Fault> {
        let key = key(&activity.account, &activity.region, &activity.name);
        let mut batch = Batch::default();
        match activity.row_version {
            0 => batch.expect_absent(&ACTIVITIES, key.clone()),
            version => batch.expect_version(&ACTIVITIES, key.clone(), version),
        }
        let columns = vec![
            (&*activity.account).into(),
            (&*activity.region).into(),
            (&*activity.name).into(),
            activity.created_at.as_ms().into(),
        ];
        batch.put(&ACTIVITIES, key, columns, encode(activity));
        match self.store.commit(batch).await {
            Ok(()) => Ok(true),
            Err(windlass_store::CommitError::Expectation { .. }) => Ok(false),
            Err(error) => Err(of_commit(&error)),
        }
    }

    /// Removes an activity; an unknown one is no error.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn remove(&self, name: &ActivityName) -> Result<(), Fault> {
        if !name.is_of_caller {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.delete(&ACTIVITIES, key(&name.account, &name.region, &name.name));
        self.store.commit(batch).await.map_err(|error| of_commit(&error))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

/// The configuration of an activity that names none.
pub(crate) fn no_encryption() -> Value {
    object! { "type" => "AWS_OWNED_KEY" }
}

fn key(account: &str, region: &str, name: &str) -> Key {
    Key::new(shard_of(name), account, region).text(name)
}

fn encode(activity: &Activity) -> String {
    let mut out = Object::new();
    out.insert("format", FORMAT);
    out.insert("account", &activity.account);
    out.insert("region", &activity.region);
    out.insert("name", &activity.name);
    out.insert("createdAtMs", activity.created_at.as_ms());
    out.insert("tags", activity.tags.to_value());
    if activity.encryption != no_encryption() {
        out.insert("encryptionConfiguration", &activity.encryption);
    }
    Value::from(out).to_text()
}

/// The activity of a row.
///
/// # Errors
/// `InternalFailure` for what no release wrote.
pub(super) fn decode(row: &Row) -> Result<Activity, Fault> {
    let document = StoredDocument::read(row, "activity", FORMAT)?;
    Ok(Activity {
        account: document.text("account")?,
        region: document.text("region")?,
        name: document.text("name")?,
        created_at: document.instant("createdAtMs")?,
        tags: Tags::from_value(document.get("tags")),
        encryption: match document.get("encryptionConfiguration") {
            Value::Null => no_encryption(),
            configuration => configuration.clone(),
        },
        row_version: row.version,
    })
}
