use std::sync::Arc;

use windlass_journal::JournalDefinition;
use windlass_store::{Column, ColumnKind, ColumnValue, Index, Key, Table, shard_of};
use windlass_value::{Text, Timestamp};

use super::alias::Alias;
use super::named::machine_arn;
use super::settings::Settings;
use super::version::Versions;
use crate::tag::Tags;

/// State machines: one row each.
pub static STATE_MACHINES: Table = Table {
    name: "state_machines",
    columns: &[
        Column { name: "account", kind: ColumnKind::Text },
        Column { name: "region", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "type", kind: ColumnKind::Text },
        Column { name: "status", kind: ColumnKind::Text },
        Column { name: "created_at", kind: ColumnKind::Integer },
    ],
    indexes: &[
        Index { name: "by_name", columns: &["account", "region", "name"] },
        Index { name: "by_status", columns: &["status"] },
    ],
};

/// The `status` column of a machine in use.
pub(crate) const ACTIVE: &str = "ACTIVE";
/// The `status` column of a machine whose executions are being ended.
pub(crate) const DELETING: &str = "DELETING";

/// Standard or Express.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WorkflowKind {
    #[default]
    Standard,
    Express,
}

impl WorkflowKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            WorkflowKind::Standard => "STANDARD",
            WorkflowKind::Express => "EXPRESS",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<WorkflowKind> {
        [WorkflowKind::Standard, WorkflowKind::Express].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A state machine.
#[derive(Clone, Debug)]
pub(crate) struct StateMachine {
    pub(crate) account: Text,
    pub(crate) region: Text,
    pub(crate) name: Text,
    pub(crate) kind: WorkflowKind,
    pub(crate) role_arn: Text,
    pub(crate) definition: Arc<JournalDefinition>,
    pub(crate) settings: Settings,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Set by the first update that changes something.
    pub(crate) revision_id: Option<Text>,
    pub(crate) deleting: bool,
    pub(crate) tags: Tags,
    pub(crate) versions: Versions,
    /// In the order of their creation.
    pub(crate) aliases: Vec<Alias>,
    /// Of the stored row; 0 before it is stored.
    pub(crate) row_version: u64,
}

impl StateMachine {
    pub(crate) fn arn(&self) -> Text {
        machine_arn(&self.account, &self.region, &self.name)
    }

    pub(crate) fn version_arn(&self, number: u64) -> Text {
        format!("{}:{number}", self.arn()).into()
    }

    pub(crate) fn alias_arn(&self, name: &str) -> Text {
        format!("{}:{name}", self.arn()).into()
    }

    pub(crate) fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| *alias.name == *name)
    }

    pub(crate) fn is_express(&self) -> bool {
        self.kind == WorkflowKind::Express
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.deleting { DELETING } else { ACTIVE }
    }

    pub(crate) fn key(&self) -> Key {
        key(&self.account, &self.region, &self.name)
    }

    pub(crate) fn columns(&self) -> Vec<ColumnValue> {
        vec![
            (&*self.account).into(),
            (&*self.region).into(),
            (&*self.name).into(),
            self.kind.as_str().into(),
            self.status().into(),
            self.created_at.as_ms().into(),
        ]
    }
}

/// The key of a machine's row.
pub(crate) fn key(account: &str, region: &str, name: &str) -> Key {
    Key::new(shard_of(name), account, region).text(name)
}
