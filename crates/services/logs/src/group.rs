use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, Expect, IndexScan, Key, KeyRange, Position, Row, Scan};
use windlass_value::{Object, Value, object, parse};

use crate::service::Logs;
use crate::tables::{EVENTS, GROUPS, STREAMS, group_key, inner_key};
use crate::{faults, page};

/// Groups on a page, by default and at most.
const PAGE_DEFAULT: i64 = 50;
/// Rows that are removed in one batch.
const REMOVED_ROWS_MAX: usize = 2000;

/// A log group as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// Tells it from an earlier one of the same name.
    pub(crate) id: i64,
    pub(crate) document: Object,
    pub(crate) version: u64,
}

impl Group {
    pub(crate) fn key(&self) -> Key {
        group_key(&self.account, &self.region, &self.name)
    }

    /// Where its streams and events lie.
    pub(crate) fn inner(&self) -> Key {
        inner_key(&self.account, &self.region, &self.name, self.id)
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{}", self.region, self.account, self.name)
    }

    pub(crate) fn retention_days(&self) -> Option<i64> {
        self.document.get("retentionInDays").and_then(Value::as_i64)
    }

    pub(crate) fn put(&self, batch: &mut Batch) {
        let columns = vec![self.account.as_str().into(), self.region.as_str().into(), self.name.as_str().into()];
        let mut document = self.document.clone();
        document.insert("id", self.id);
        batch.put(&GROUPS, self.key(), columns, Value::from(document).to_text());
    }

    pub(crate) fn read(row: &Row) -> Option<Group> {
        let Ok(Value::Object(document)) = parse(std::str::from_utf8(&row.value).ok()?) else { return None };
        let text = |at: usize| match row.columns.get(at) {
            Some(windlass_store::ColumnValue::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let id = document.get("id")?.as_i64()?;
        let document =
            document.iter().filter(|(name, _)| &***name != "id").map(|(name, value)| (name.clone(), value.clone()));
        Some(Group {
            account: text(0)?,
            region: text(1)?,
            name: text(2)?,
            id,
            document: document.collect(),
            version: row.version,
        })
    }
}

impl Logs {
    /// The group that a call names, by name, ARN or identifier.
    pub(crate) fn group(&self, call: &Call) -> Result<Group, Fault> {
        let given = call.input["logGroupName"].as_str().or_else(|| call.input["logGroupIdentifier"].as_str());
        let given =
            given.ok_or_else(|| faults::invalid("Either logGroupName or logGroupIdentifier must be specified"))?;
        let name = group_name(given);
        self.find_group(&call.account, &call.region, name)?.ok_or_else(faults::no_group)
    }

    pub(crate) fn find_group(&self, account: &str, region: &str, name: &str) -> Result<Option<Group>, Fault> {
        let row =
            self.store.get(&GROUPS, &group_key(account, region, name)).map_err(|error| faults::of_store(&error))?;
        Ok(row.as_ref().and_then(Group::read))
    }

    pub(crate) async fn create_group(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let name = input["logGroupName"].as_str().unwrap_or_default();
        if name.starts_with("aws/") {
            return Err(faults::invalid("Log groups starting with AWS/ are reserved for AWS."));
        }
        let mut document = Object::new();
        document.insert("creationTime", (self.now)().as_ms());
        for member in ["kmsKeyId", "tags", "logGroupClass", "deletionProtectionEnabled"] {
            if !input[member].is_null() {
                document.insert(member, &input[member]);
            }
        }
        let group = Group {
            account: call.account.to_string(),
            region: call.region.to_string(),
            name: name.to_owned(),
            id: self.fresh_id()?,
            document,
            version: 0,
        };
        let mut batch = Batch::default();
        batch.expect.push(Expect::Absent(&GROUPS, group.key()));
        group.put(&mut batch);
        match self.store.commit(batch).await {
            Ok(_) => Ok(Reply::from(Value::empty_object())),
            Err(windlass_store::CommitError::Expectation { .. }) => Err(faults::exists("group")),
            Err(error) => Err(faults::of_commit(&error)),
        }
    }

    pub(crate) async fn delete_group(&self, call: &Call) -> Outcome {
        let group = self.group(call)?;
        if group.document.get("deletionProtectionEnabled") == Some(&Value::Bool(true)) {
            return Err(Fault::validation("Log group cannot be deleted because deletion protection is enabled"));
        }
        let mut batch = Batch::default();
        batch.expect_version(&GROUPS, group.key(), group.version);
        batch.delete(&GROUPS, group.key());
        self.commit(batch).await?;
        self.streams.forget_group(group.id);
        self.remove_all(&group).await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// Removes the streams and events of a group whose row is gone.
    pub(crate) async fn remove_all(&self, group: &Group) -> Result<(), Fault> {
        for table in [&EVENTS, &STREAMS] {
            self.remove_range(table, KeyRange::prefix(&group.inner())).await?;
        }
        Ok(())
    }

    /// Removes every row of a range, some at a time, and says how many there were.
    pub(crate) async fn remove_range(
        &self,
        table: &'static windlass_store::Table,
        range: KeyRange,
    ) -> Result<usize, Fault> {
        let mut removed = 0;
        loop {
            let rows = self
                .store
                .scan(table, Scan::range(range.clone(), REMOVED_ROWS_MAX))
                .map_err(|error| faults::of_store(&error))?;
            let mut batch = Batch::default();
            let count = rows.len();
            rows.into_iter().for_each(|row| batch.delete(table, row.key));
            if count > 0 {
                self.commit(batch).await?;
            }
            removed += count;
            if count < REMOVED_ROWS_MAX {
                return Ok(removed);
            }
        }
    }

    /// Changes the document of a group, again where somebody else changed it meanwhile.
    pub(crate) async fn change_group(&self, mut group: Group, change: impl Fn(&mut Object)) -> Outcome {
        const ATTEMPTS_MAX: usize = 8;
        for _ in 0..ATTEMPTS_MAX {
            change(&mut group.document);
            let mut batch = Batch::default();
            batch.expect_version(&GROUPS, group.key(), group.version);
            group.put(&mut batch);
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Reply::from(Value::empty_object())),
                Err(windlass_store::CommitError::Expectation { .. }) => {
                    let again = self.find_group(&group.account, &group.region, &group.name)?;
                    group = again.filter(|found| found.id == group.id).ok_or_else(faults::no_group)?;
                }
                Err(error) => return Err(faults::of_commit(&error)),
            }
        }
        Err(faults::aborted())
    }

    pub(crate) async fn put_retention(&self, call: &Call) -> Outcome {
        const DAYS: [i64; 23] = [
            1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, 0,
        ];
        let days = call.input["retentionInDays"].as_i64().unwrap_or_default();
        if days == 0 || !DAYS.contains(&days) {
            let valid: Vec<String> = DAYS[..22].iter().map(ToString::to_string).collect();
            return Err(faults::invalid(format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                valid.join(", ")
            )));
        }
        let group = self.group(call)?;
        self.change_group(group, |document| {
            document.insert("retentionInDays", days);
        })
        .await
    }

    /// `DeleteRetentionPolicy`, `DisassociateKmsKey`: removes one member.
    pub(crate) async fn remove_member(&self, call: &Call, member: &str) -> Outcome {
        let group = self.group(call)?;
        self.change_group(group, |document| {
            *document = document
                .iter()
                .filter(|(name, _)| &***name != member)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
        })
        .await
    }

    /// `AssociateKmsKey`, `PutLogGroupDeletionProtection`: sets one member from the input.
    pub(crate) async fn set_member(&self, call: &Call, member: &str) -> Outcome {
        let group = self.group(call)?;
        let value = call.input[member].clone();
        self.change_group(group, |document| {
            document.insert(member, value.clone());
        })
        .await
    }

    pub(crate) fn describe_groups(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let prefix = input["logGroupNamePrefix"].as_str();
        let pattern = input["logGroupNamePattern"].as_str();
        if prefix.is_some() && pattern.is_some() {
            return Err(faults::invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        let identifiers: Option<Vec<&str>> = input["logGroupIdentifiers"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).map(group_name).collect());
        let pattern = pattern.map(str::to_lowercase);
        let class = input["logGroupClass"].as_str();
        let fits = |group: &Group| {
            pattern.as_ref().is_none_or(|pattern| group.name.to_lowercase().contains(pattern.as_str()))
                && identifiers.as_ref().is_none_or(|names| names.contains(&group.name.as_str()))
                && class.is_none_or(|class| {
                    group.document.get("logGroupClass").and_then(Value::as_str).unwrap_or("STANDARD") == class
                })
        };
        let limit = input["limit"].as_i64().unwrap_or(PAGE_DEFAULT) as usize;
        let (groups, next) = self.groups(call, prefix.unwrap_or_default(), limit, fits)?;
        let mut output = Object::new();
        let described = groups.iter().map(|group| self.describe_group(group));
        output.insert("logGroups", Value::array(described.collect()));
        if let Some(next) = next {
            output.insert("nextToken", next);
        }
        Ok(Reply::from(Value::from(output)))
    }

    pub(crate) fn list_groups(&self, call: &Call) -> Outcome {
        let pattern = call.input["logGroupNamePattern"].as_str().map(regex::Regex::new).transpose();
        let pattern = pattern.map_err(|_| faults::invalid("The log group name pattern is not a valid expression."))?;
        let limit = call.input["limit"].as_i64().unwrap_or(PAGE_DEFAULT) as usize;
        let fits = |group: &Group| pattern.as_ref().is_none_or(|pattern| pattern.is_match(&group.name));
        let (groups, next) = self.groups(call, "", limit, fits)?;
        let mut output = Object::new();
        let summary = |group: &Group| {
            object! { "logGroupName" => group.name.as_str(), "logGroupArn" => group.arn(), "logGroupClass" => class_of(group) }
        };
        output.insert("logGroups", Value::array(groups.iter().map(summary).collect()));
        if let Some(next) = next {
            output.insert("nextToken", next);
        }
        Ok(Reply::from(Value::from(output)))
    }

    fn describe_group(&self, group: &Group) -> Value {
        let mut out = Object::new();
        out.insert("logGroupName", group.name.as_str());
        out.insert("creationTime", group.document.get("creationTime").cloned().unwrap_or_default());
        if let Some(days) = group.retention_days() {
            out.insert("retentionInDays", days);
        }
        out.insert("metricFilterCount", 0);
        out.insert("arn", format!("{}:*", group.arn()));
        out.insert("storedBytes", self.streams.group_bytes(group.id));
        if let Some(key) = group.document.get("kmsKeyId") {
            out.insert("kmsKeyId", key);
        }
        out.insert("logGroupClass", class_of(group));
        out.insert("logGroupArn", group.arn());
        if let Some(protected) = group.document.get("deletionProtectionEnabled") {
            out.insert("deletionProtectionEnabled", protected);
        }
        out.into()
    }

    /// The groups of a page by name, and the token of the next.
    fn groups(
        &self,
        call: &Call,
        prefix: &str,
        limit: usize,
        fits: impl Fn(&Group) -> bool,
    ) -> Result<(Vec<Group>, Option<String>), Fault> {
        const ROWS: usize = 256;
        let mut from = page::position(call)?
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| faults::invalid("The specified nextToken is invalid."))?;
        let mut groups: Vec<Group> = Vec::new();
        loop {
            let index = IndexScan::new("by_name").equal(&*call.account).equal(&*call.region).at_least(prefix);
            let mut scan = Scan::index(index, ROWS);
            if let Some(name) = &from {
                let columns = vec![(&*call.account).into(), (&*call.region).into(), name.as_str().into()];
                scan = scan.after(Position { columns, key: group_key(&call.account, &call.region, name) });
            }
            let rows = self.store.scan(&GROUPS, scan).map_err(|error| faults::of_store(&error))?;
            let ended = rows.len() < ROWS;
            for group in rows.iter().filter_map(Group::read) {
                if !group.name.starts_with(prefix) {
                    return Ok((groups, None));
                }
                from = Some(group.name.clone());
                if fits(&group) {
                    if groups.len() == limit {
                        let last = groups.last().map(|group| page::token(call, group.name.as_bytes()));
                        return Ok((groups, last));
                    }
                    groups.push(group);
                }
            }
            if ended {
                return Ok((groups, None));
            }
        }
    }
}

fn class_of(group: &Group) -> &str {
    group.document.get("logGroupClass").and_then(Value::as_str).unwrap_or("STANDARD")
}

/// The name in an ARN, or the name itself.
pub(crate) fn group_name(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}
