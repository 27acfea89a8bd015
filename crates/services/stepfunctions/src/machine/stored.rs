//! The stored form of a state machine and of its versions: JSON documents with a
//! format number.

use std::sync::Arc;

use windlass_asl::load_definition;
use windlass_journal::JournalDefinition;
use windlass_protocol::Fault;
use windlass_store::{ColumnValue, Row};
use windlass_value::{Object, Text, Timestamp, Value};

use super::alias::Alias;
use super::record::{StateMachine, WorkflowKind};
use super::settings::Settings;
use super::version::{Publishing, Version, Versions};
use crate::arn;
use crate::stored_document::StoredDocument;
use crate::tag::Tags;

/// 2 added versions and aliases; a machine of format 1 has none.
const FORMAT: i64 = 2;
/// Has a sealed definition instead of a definition.
const FORMAT_SEALED: i64 = 3;

/// The document of a machine.
pub(super) fn encode(machine: &StateMachine) -> String {
    let mut out = document(machine);
    let versions = &machine.versions;
    out.insert("versions", versions.list_to_value());
    out.insert("lastVersion", versions.last);
    out.insert("currentVersion", versions.current);
    out.insert("createdWithPublish", versions.at_creation.publish);
    out.insert("createdWithDescription", versions.at_creation.description.clone());
    out.insert("aliases", Value::array(machine.aliases.iter().map(Alias::to_value).collect()));
    Value::from(out).to_text()
}

/// The document of a version.
pub(super) fn encode_version(version: &Version) -> String {
    let mut out = document(&version.machine);
    out.insert("number", version.number);
    out.insert("description", version.description.clone());
    out.insert("publishedAtMs", version.published_at.as_ms());
    Value::from(out).to_text()
}

/// What documents of machines and of versions both hold.
fn document(machine: &StateMachine) -> Object {
    let mut out = Object::new();
    out.insert("format", if machine.definition.is_sealed() { FORMAT_SEALED } else { FORMAT });
    out.insert("account", &machine.account);
    out.insert("region", &machine.region);
    out.insert("name", &machine.name);
    out.insert("type", machine.kind.as_str());
    out.insert("roleArn", &machine.role_arn);
    match machine.definition.to_sealed_text() {
        Some(sealed) => out.insert("sealedDefinition", sealed),
        None => out.insert("definition", &machine.definition.text),
    };
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
    out
}

/// The machine of a row, its definition compiled leniently: a stricter
/// validator never strands an old machine.
///
/// # Errors
/// `InternalFailure` for what no release wrote.
pub(super) fn decode(row: &Row) -> Result<StateMachine, Fault> {
    read(&StoredDocument::read(row, "state machine", FORMAT_SEALED)?, row)
}

/// The version of a row; see [`decode`].
pub(super) fn decode_version(row: &Row) -> Result<Version, Fault> {
    let document = StoredDocument::read(row, "state machine version", FORMAT_SEALED)?;
    let number = number(document.get("number")).ok_or_else(|| document.broken("no number"))?;
    Ok(Version {
        number,
        description: document.get("description").as_str().map(Text::from),
        published_at: document.instant("publishedAtMs")?,
        machine: Arc::new(read(&document, row)?),
    })
}

fn number(value: &Value) -> Option<u64> {
    value.as_i64().and_then(|number| u64::try_from(number).ok())
}

fn read(document: &StoredDocument, row: &Row) -> Result<StateMachine, Fault> {
    let settings = document.get("settings");
    Ok(StateMachine {
        account: document.text("account")?,
        region: document.text("region")?,
        name: document.text("name")?,
        kind: WorkflowKind::parse(&document.text("type")?).ok_or_else(|| document.broken("unknown type"))?,
        role_arn: document.text("roleArn")?,
        definition: match document.get("sealedDefinition").as_str() {
            Some(sealed) => {
                Arc::new(JournalDefinition::from_sealed_text(sealed).map_err(|reason| document.broken(&reason))?)
            }
            None => compiled(document.text("definition")?)?,
        },
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
        versions: versions(document)?,
        aliases: aliases(document)?,
        row_version: row.version,
    })
}

fn versions(document: &StoredDocument) -> Result<Versions, Fault> {
    let list = Versions::list_from_value(document.get("versions"));
    Ok(Versions {
        list: list.ok_or_else(|| document.broken("its versions"))?,
        last: number(document.get("lastVersion")).unwrap_or_default(),
        current: number(document.get("currentVersion")),
        at_creation: Publishing {
            publish: document.get("createdWithPublish").as_bool().unwrap_or(false),
            description: document.get("createdWithDescription").as_str().map(Text::from),
        },
    })
}

fn aliases(document: &StoredDocument) -> Result<Vec<Alias>, Fault> {
    let items = document.get("aliases").as_array();
    let aliases: Option<Vec<Alias>> = items.into_iter().flat_map(|items| items.iter()).map(Alias::from_value).collect();
    aliases.ok_or_else(|| document.broken("its aliases"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        Row { key: windlass_store::Key::new(0, "", ""), columns: Vec::new(), value: text.to_owned().into(), version: 7 }
    }

    const FORMAT_1: &str = r#"{"format":1,"account":"123456789012","region":"us-east-1","name":"m","type":"STANDARD",
        "roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}",
        "createdAtMs":1700000000000,"updatedAtMs":1700000001000,"revisionId":"r","deleting":false,
        "tags":[{"key":"k","value":"v"}],"settings":{"loggingConfiguration":{"level":"OFF","includeExecutionData":false},
        "tracingConfiguration":{"enabled":true},"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}}"#;

    #[test]
    fn a_machine_of_format_1_has_no_versions_and_no_aliases() {
        let machine = decode(&row(FORMAT_1)).unwrap();
        assert_eq!((&*machine.name, machine.revision_id.as_deref(), machine.row_version), ("m", Some("r"), 7));
        assert_eq!(machine.versions, Versions::default());
        assert_eq!(machine.aliases, Vec::new());
        let again = decode(&row(&encode(&machine))).unwrap();
        assert_eq!(format!("{:?}", (again.versions, again.tags)), format!("{:?}", (machine.versions, machine.tags)));
    }

    #[test]
    fn a_sealed_definition_is_read_back_locked() {
        use windlass_journal::DataKey;
        let mut machine = decode(&row(FORMAT_1)).unwrap();
        let text = machine.definition.text.clone();
        let key = DataKey::new("wrapped", &[3; 32], Timestamp(0));
        let sealed = JournalDefinition::sealed(&machine.definition, &machine.arn(), &key).unwrap();
        machine.definition = Arc::new(sealed);
        let stored = encode(&machine);
        assert!(!stored.contains("Pass") && stored.contains("\"format\":3"), "{stored}");
        let locked = decode(&row(&stored)).unwrap();
        assert!(locked.definition.is_locked());
        assert_eq!(locked.definition.wrapped_key().map(|key| &key[..]), Some(&b"wrapped"[..]));
        let opened = locked.definition.open(&key).unwrap();
        assert_eq!((&opened.text, &opened.hash), (&text, &machine.definition.hash));
        assert_eq!(encode(&locked), stored, "what changes a tag needs no key");
    }

    #[test]
    fn what_no_release_wrote_is_refused() {
        let refused = [
            FORMAT_1.replace("\"format\":1", "\"format\":4"),
            FORMAT_1.replace("\"format\":1", "\"format\":0"),
            FORMAT_1.replace("\"deleting\"", "\"versions\":[1],\"deleting\""),
            FORMAT_1.replace("\"deleting\"", "\"aliases\":[{}],\"deleting\""),
        ];
        for text in refused {
            assert_eq!(decode(&row(&text)).unwrap_err().code, "InternalFailure", "{text}");
        }
    }
}
