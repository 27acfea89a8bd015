use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_event_pattern::Pattern;
use windlass_protocol::Fault;
use windlass_store::{Key, Table, shard_of};
use windlass_value::{Object, Value};

use crate::heads::Heads;
use crate::place::{DEFAULT_BUS, Place};
use crate::tables::{RULES, Record};
use crate::target::Target;

/// What is stored of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RuleRecord {
    pub(crate) place: Place,
    pub(crate) bus: String,
    pub(crate) name: String,
    pub(crate) pattern: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) state: String,
    pub(crate) description: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) created_by: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// Each target as it came, as JSON text, in the order of their ids.
    pub(crate) targets: BTreeMap<String, String>,
    /// Counts the schedules this rule had: what an earlier one left to fire is stale.
    pub(crate) schedule_revision: u64,
    /// Where a rate of the schedule begins.
    pub(crate) schedule_anchor_ms: i64,
}

impl Record for RuleRecord {
    const TABLE: &'static Table = &RULES;
    fn place(&self) -> &Place {
        &self.place
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn key(&self) -> Key {
        key_of(&self.place, &self.bus, &self.name)
    }
}

/// The key of a rule.
pub(crate) fn key_of(place: &Place, bus: &str, rule: &str) -> Key {
    Key::new(shard_of(bus), &place.account, &place.region).text(bus).text(rule)
}

/// A rule ready to match.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) record: RuleRecord,
    pub(crate) arn: String,
    pub(crate) pattern: Option<Pattern>,
    /// Which events the pattern may take at all.
    pub(crate) heads: Heads,
    pub(crate) targets: Vec<Target>,
}

impl Rule {
    /// Compiles what is stored.
    ///
    /// # Errors
    /// A pattern or target that cannot be read.
    pub(crate) fn compile(record: RuleRecord) -> Result<Rule, Fault> {
        let pattern = record.pattern.as_deref().map(pattern).transpose()?;
        let heads = Heads::of(record.pattern.as_deref());
        let targets = record
            .targets
            .values()
            .map(|document| {
                let document = windlass_value::parse(document)
                    .map_err(|error| Fault::internal(format!("a stored target cannot be read: {error:?}")))?;
                Target::read(&document)
            })
            .collect::<Result<_, _>>()?;
        Ok(Rule { arn: record.place.rule_arn(&record.bus, &record.name), record, pattern, heads, targets })
    }

    /// Whether events are matched and schedules fire.
    pub(crate) fn is_enabled(&self) -> bool {
        self.record.state != "DISABLED"
    }

    /// As `ListRules` shows it.
    pub(crate) fn to_value(&self) -> Value {
        let record = &self.record;
        let mut output = Object::new();
        output.insert("Name", record.name.as_str());
        output.insert("Arn", self.arn.as_str());
        let mut optional = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                output.insert(name, value.as_str());
            }
        };
        optional("EventPattern", &record.pattern);
        optional("ScheduleExpression", &record.schedule);
        optional("Description", &record.description);
        optional("RoleArn", &record.role_arn);
        output.insert("State", record.state.as_str());
        output.insert("EventBusName", record.bus.as_str());
        output.into()
    }
}

/// Reads a pattern.
///
/// # Errors
/// `InvalidEventPatternException`
pub(crate) fn pattern(text: &str) -> Result<Pattern, Fault> {
    Pattern::parse(text).map_err(|error| Fault::new("InvalidEventPatternException", error.event_pattern_message()))
}

/// The rule that an ARN names: its bus and name.
pub(crate) fn of_arn(resource: &str) -> Option<(&str, &str)> {
    let path = resource.strip_prefix("rule/")?;
    // Names of buses may have slashes, names of rules have none.
    Some(path.rsplit_once('/').unwrap_or((DEFAULT_BUS, path)))
}
