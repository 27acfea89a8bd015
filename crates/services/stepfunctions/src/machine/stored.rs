//! The stored form of a state machine: a JSON document, versioned.

use std::sync::Arc;

use windlass_asl::load_definition;
use windlass_journal::JournalDefinition;
use windlass_protocol::Fault;
use windlass_store::{ColumnValue, Row};
use windlass_value::{Object, Text, Timestamp, Value};

use super::record::{StateMachine, WorkflowKind};
use super::settings::Settings;
use crate::arn;
use crate::stored_document::StoredDocument;
use crate::tag::Tags;

const FORMAT: i64 = 1;

/// The document of a machine.
pub(super) fn encode(machine: &StateMachine) -> String {
    let mut out = Object::new();
    out.insert("format", FORMAT);
    out.insert("account", &machine.account);
    out.insert("region", &machine.region);
    out.insert("name", &machine.name);
    out.insert("type", machine.kind.as_str());
    out.insert("roleArn", &machine.role_arn);
    out.insert("definition", &machine.definition.text);
    out.insert("createdAtMs", machine.created_at.as_ms());
    out.insert("updatedAtMs", machine.updated_at.as_ms());
    if let Some(revision_id) = &machine.revision_id {
        out.insert("revisionId", revision_id);
    }
    out.insert("deleting", machine.deleting);
    out.insert("tags", machine.tags.to_value());
    let mut settings = Object::new();
    machine.settings.to_members(&mut settings);
    out.insert("settings", settings);
    Value::from(out).to_text()
}

/// The machine of a row, its definition compiled leniently: a stricter
/// validator never strands an old machine.
///
/// # Errors
/// `InternalFailure` for what no release wrote.
pub(super) fn decode(row: &Row) -> Result<StateMachine, Fault> {
    let document = StoredDocument::read(row, "state machine", FORMAT)?;
    let settings = document.get("settings");
    Ok(StateMachine {
        account: document.text("account")?,
        region: document.text("region")?,
        name: document.text("name")?,
        kind: WorkflowKind::parse(&document.text("type")?).ok_or_else(|| document.broken("unknown type"))?,
        role_arn: document.text("roleArn")?,
        definition: compiled(document.text("definition")?)?,
        settings: Settings {
            logging: settings["loggingConfiguration"].clone(),
            tracing: settings["tracingConfiguration"].clone(),
            encryption: settings["encryptionConfiguration"].clone(),
        },
        created_at: document.instant("createdAtMs")?,
        updated_at: document.instant("updatedAtMs")?,
        revision_id: document.get("revisionId").as_str().map(Text::from),
        deleting: document.get("deleting").as_bool().unwrap_or(false),
        tags: Tags::from_value(document.get("tags")),
        row_version: row.version,
    })
}

fn compiled(text: Text) -> Result<Arc<JournalDefinition>, Fault> {
    let program = load_definition(&text).map_err(|error| Fault::internal(format!("stored definition: {error}")))?;
    Ok(Arc::new(JournalDefinition::new(text, Arc::new(program))))
}

/// What lists show of a machine.
pub(super) struct Summary {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) kind: WorkflowKind,
    pub(super) created_at: Timestamp,
}

/// The summary of a row, from its columns: nothing is parsed or compiled.
///
/// # Errors
/// `InternalFailure` for what no release wrote.
pub(super) fn summary(row: &Row) -> Result<Summary, Fault> {
    match row.columns.as_slice() {
        [
            ColumnValue::Text(account),
            ColumnValue::Text(region),
            ColumnValue::Text(name),
            ColumnValue::Text(kind),
            _,
            ColumnValue::Integer(created_at),
        ] => Ok(Summary {
            arn: arn::of(account, region, &format!("stateMachine:{name}")),
            name: name.clone(),
            kind: WorkflowKind::parse(kind).unwrap_or_default(),
            created_at: Timestamp(*created_at),
        }),
        _ => Err(Fault::internal("stored state machine: columns")),
    }
}
