use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_store::Table;

use crate::archive::Archive;
use crate::place::{DEFAULT_BUS, Place};
use crate::rule::Rule;
use crate::tables::{BUSES, Record};

/// What is stored of a bus.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BusRecord {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    /// `DeadLetterConfig` as it came, as JSON text.
    pub(crate) dead_letter_config: Option<String>,
    /// `LogConfig` as it came, as JSON text.
    pub(crate) log_config: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// `None` for the default bus, which nobody made.
    pub(crate) created_ms: Option<i64>,
    pub(crate) modified_ms: Option<i64>,
}

impl Record for BusRecord {
    const TABLE: &'static Table = &BUSES;
    fn place(&self) -> &Place {
        &self.place
    }
    fn name(&self) -> &str {
        &self.name
    }
}

/// A bus with all that events on it meet. Never changed: a change makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(crate) record: BusRecord,
    pub(crate) arn: String,
    pub(crate) rules: BTreeMap<String, Arc<Rule>>,
    pub(crate) archives: BTreeMap<String, Arc<Archive>>,
}

impl Bus {
    /// A bus without rules.
    pub(crate) fn new(record: BusRecord) -> Bus {
        Bus { arn: record.place.bus_arn(&record.name), record, rules: BTreeMap::new(), archives: BTreeMap::new() }
    }

    /// The bus that every account has.
    pub(crate) fn default_of(place: &Place) -> Bus {
        Bus::new(BusRecord {
            place: place.clone(),
            name: DEFAULT_BUS.to_owned(),
            description: None,
            kms_key: None,
            dead_letter_config: None,
            log_config: None,
            policy: None,
            tags: BTreeMap::new(),
            created_ms: None,
            modified_ms: None,
        })
    }
}
