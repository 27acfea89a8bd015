use std::sync::Arc;

use windlass_store::{Column, ColumnKind, ColumnValue, Key, Table};
use windlass_value::{Text, Timestamp, Value};

use super::Publishing;
use crate::machine::record::{StateMachine, key};

/// Published versions: one row each, never changed.
pub static STATE_MACHINE_VERSIONS: Table = Table {
    name: "state_machine_versions",
    columns: &[
        Column { name: "account", kind: ColumnKind::Text },
        Column { name: "region", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "number", kind: ColumnKind::Integer },
        Column { name: "created_at", kind: ColumnKind::Integer },
    ],
    indexes: &[],
};

/// A version, with all that it runs with.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) description: Option<Text>,
    pub(crate) published_at: Timestamp,
    /// The machine as it was; without tags, versions and aliases.
    pub(crate) machine: Arc<StateMachine>,
}

impl Version {
    pub(crate) fn arn(&self) -> Text {
        self.machine.version_arn(self.number)
    }

    pub(in crate::machine) fn key(&self) -> Key {
        version_key(&self.machine, self.number)
    }

    pub(in crate::machine) fn columns(&self) -> Vec<ColumnValue> {
        let machine = &self.machine;
        vec![
            (&*machine.account).into(),
            (&*machine.region).into(),
            (&*machine.name).into(),
            // Numbers count publications: they stay far below the bound.
            i64::try_from(self.number).unwrap_or(i64::MAX).into(),
            self.published_at.as_ms().into(),
        ]
    }
}

/// The key of a version's row.
pub(in crate::machine) fn version_key(machine: &StateMachine, number: u64) -> Key {
    key(&machine.account, &machine.region, &machine.name).number(number)
}

/// What a machine's own row says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
}

/// The versions of a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Versions {
    /// Ascending by number.
    pub(in crate::machine) list: Vec<Published>,
    /// The highest number there was. None is given twice, so it outlives its version.
    pub(in crate::machine) last: u64,
    /// The version of the machine as it is now.
    pub(in crate::machine) current: Option<u64>,
    /// What the machine's creation asked for.
    pub(in crate::machine) at_creation: Publishing,
}

impl Versions {
    pub(crate) fn get(&self, number: u64) -> Option<Published> {
        self.list.iter().find(|published| published.number == number).copied()
    }

    /// The version of the machine as it is now.
    pub(in crate::machine) fn current(&self) -> Option<Published> {
        self.get(self.current?)
    }

    /// The next version; the caller has checked that there may be one more.
    pub(in crate::machine) fn add(&mut self, at: Timestamp) -> Published {
        self.last += 1;
        let published = Published { number: self.last, at };
        self.list.push(published);
        self.current = Some(published.number);
        published
    }

    pub(in crate::machine) fn remove(&mut self, number: u64) {
        self.list.retain(|published| published.number != number);
        self.current = self.current.filter(|current| *current != number);
    }

    /// Pairs of number and milliseconds, as stored.
    pub(in crate::machine) fn list_to_value(&self) -> Value {
        let pair = |one: &Published| Value::array(vec![one.number.into(), one.at.as_ms().into()]);
        Value::array(self.list.iter().map(pair).collect())
    }

    /// From [`Versions::list_to_value`]; `None` for what that does not write.
    pub(in crate::machine) fn list_from_value(value: &Value) -> Option<Vec<Published>> {
        let items = match value {
            Value::Null => return Some(Vec::new()),
            other => other.as_array()?,
        };
        let published = |item: &Value| {
            let number = item.at(0)?.as_i64().and_then(|number| u64::try_from(number).ok())?;
            Some(Published { number, at: Timestamp(item.at(1)?.as_i64()?) })
        };
        items.iter().map(published).collect()
    }
}
