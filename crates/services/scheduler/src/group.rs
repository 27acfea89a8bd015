//! Schedule groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_outbox::{Entry, Verdict};
use windlass_protocol::{Fault, Outcome, Reply};
use windlass_store::{Batch, IndexScan, Scan};
use windlass_value::{Arn, Object, Value, object};

use crate::faults;
use crate::once::{Begun, Once};
use crate::page::page;
use crate::place::Place;
use crate::request::{Request, seconds};
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::tables::{BY_NAME, GROUPS, SCHEDULES, group_key};
use crate::work::{Work, entry_id};

/// The group that every account has.
pub(crate) const DEFAULT_GROUP: &str = "default";
/// Schedules that go away in one batch with their group.
const DELETED_SCHEDULES: usize = 100;
const TAGS_MAX: usize = 50;
/// How long a deletion waits that could not go on.
const RETRY_MS: i64 = 1_000;

/// What is stored of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) is_deleting: bool,
    /// `None` for the default group, which nobody made.
    pub(crate) created_ms: Option<i64>,
    pub(crate) modified_ms: Option<i64>,
}

impl Group {
    fn put(&self, batch: &mut Batch) -> Result<(), Fault> {
        let columns = [&*self.place.account, &*self.place.region, &self.name];
        let value = serde_json::to_vec(self).map_err(|error| faults::internal(error.to_string()))?;
        batch.put(&GROUPS, group_key(&self.place, &self.name), columns.map(Into::into).to_vec(), value);
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<Group, Fault> {
        serde_json::from_slice(bytes).map_err(|error| faults::internal(format!("a group cannot be read: {error}")))
    }

    fn to_value(&self) -> Value {
        let mut output = Object::new();
        output.insert("Arn", self.place.group_arn(&self.name));
        output.insert("Name", self.name.as_str());
        output.insert("State", if self.is_deleting { "DELETING" } else { "ACTIVE" });
        for (name, instant_ms) in [("CreationDate", self.created_ms), ("LastModificationDate", self.modified_ms)] {
            if let Some(instant_ms) = instant_ms {
                output.insert(name, seconds(instant_ms));
            }
        }
        output.into()
    }
}

/// The group of that name and the version of its row, 0 without one.
///
/// # Errors
/// What the store answers.
pub(crate) fn find(scheduler: &Scheduler, place: &Place, name: &str) -> Result<Option<(Group, u64)>, Fault> {
    let row = scheduler.store.get(&GROUPS, &group_key(place, name)).map_err(|error| faults::of_store(&error))?;
    if let Some(row) = row {
        return Ok(Some((Group::read(&row.value)?, row.version)));
    }
    Ok((name == DEFAULT_GROUP).then(|| (default_of(place), 0)))
}

fn default_of(place: &Place) -> Group {
    Group {
        place: place.clone(),
        name: DEFAULT_GROUP.to_owned(),
        tags: BTreeMap::new(),
        is_deleting: false,
        created_ms: None,
        modified_ms: None,
    }
}

fn required(scheduler: &Scheduler, place: &Place, name: &str) -> Result<(Group, u64), Fault> {
    find(scheduler, place, name)?.ok_or_else(|| faults::group_not_found(name))
}

pub(crate) async fn create(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let place = request.place();
    let once = match Once::begin(scheduler, request)? {
        Begun::New(once) => once,
        Begun::Answered(reply) => return Ok(reply),
    };
    if find(scheduler, &place, name)?.is_some() {
        return Err(faults::conflict(format!("Schedule group {name} already exists.")));
    }
    let now_ms = scheduler.now().as_ms();
    let group = Group {
        place: place.clone(),
        name: name.to_owned(),
        tags: tags(request)?,
        is_deleting: false,
        created_ms: Some(now_ms),
        modified_ms: Some(now_ms),
    };
    let mut batch = Batch::default();
    batch.expect_absent(&GROUPS, group_key(&place, name));
    group.put(&mut batch)?;
    once.commit(scheduler, batch, &[], object! { "ScheduleGroupArn" => place.group_arn(name) }).await
}

pub(crate) fn get(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let (group, _) = required(scheduler, &request.place(), request.required("Name")?)?;
    Ok(Reply::from(group.to_value()))
}

pub(crate) fn list(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let prefix = request.text("NamePrefix")?.unwrap_or_default();
    let place = request.place();
    let index = IndexScan::new(BY_NAME).equal(&*place.account).equal(&*place.region).at_least(prefix);
    let mut output =
        page(request, "ScheduleGroups", &[prefix], &scheduler.store, &GROUPS, Scan::index(index, 0), |row| {
            let group = Group::read(&row.value)?;
            Ok(group.name.starts_with(prefix).then(|| group.to_value()))
        })?;
    // The default group has no row until it has tags; it comes first.
    let is_first_page = request.text("NextToken")?.is_none();
    let has_row = scheduler
        .store
        .get(&GROUPS, &group_key(&place, DEFAULT_GROUP))
        .map_err(|error| faults::of_store(&error))?
        .is_some();
    if is_first_page
        && !has_row
        && DEFAULT_GROUP.starts_with(prefix)
        && let Value::Object(members) = &mut output
    {
        let mut groups = members.get("ScheduleGroups").and_then(Value::as_array).map(|list| list.to_vec());
        let groups = groups.get_or_insert_default();
        groups.insert(0, default_of(&place).to_value());
        std::sync::Arc::make_mut(members).insert("ScheduleGroups", Value::array(std::mem::take(groups)));
    }
    Ok(Reply::from(output))
}

pub(crate) async fn delete(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let place = request.place();
    if name == DEFAULT_GROUP {
        return Err(Fault::validation("The default schedule group cannot be deleted."));
    }
    let once = match Once::begin(scheduler, request)? {
        Begun::New(once) => once,
        Begun::Answered(reply) => return Ok(reply),
    };
    let (mut group, version) = required(scheduler, &place, name)?;
    group.is_deleting = true;
    group.modified_ms = Some(scheduler.now().as_ms());
    let mut batch = Batch::default();
    batch.expect_version(&GROUPS, group_key(&place, name), version);
    group.put(&mut batch)?;
    let entry = delete_entry(scheduler, &place, name);
    scheduler.outbox.add(&mut batch, &place.account, &place.region, &entry);
    once.commit(scheduler, batch, &[entry], Value::empty_object()).await
}

fn delete_entry(scheduler: &Scheduler, place: &Place, name: &str) -> Entry {
    let work = Work::DeleteGroup { place: place.clone(), name: name.to_owned() };
    let id = format!("delete:{}", place.group_arn(name)).into();
    Entry { id, lane: None, due: scheduler.now(), body: work.encode("") }
}

/// Deletes some more schedules of a group that goes away, and at last the group.
pub(crate) fn delete_step(scheduler: &Scheduler, place: &Place, name: &str) -> Verdict {
    match plan_delete(scheduler, place, name) {
        Ok(batch) => Verdict::Done(batch),
        Err(fault) => {
            tracing::error!(group = name, %fault, "a schedule group could not be deleted; it is tried again");
            Verdict::Retry { at: scheduler.now().plus_ms(RETRY_MS) }
        }
    }
}

fn plan_delete(scheduler: &Scheduler, place: &Place, name: &str) -> Result<Batch, Fault> {
    let mut batch = Batch::default();
    let Some((group, version)) = find(scheduler, place, name)? else { return Ok(batch) };
    if !group.is_deleting {
        return Ok(batch);
    }
    batch.expect_version(&GROUPS, group_key(place, name), version);
    let index = IndexScan::new(BY_NAME).equal(&*place.account).equal(&*place.region).equal(name);
    let rows = scheduler
        .store
        .scan(&SCHEDULES, Scan::index(index, DELETED_SCHEDULES))
        .map_err(|error| faults::of_store(&error))?;
    let is_last = rows.len() < DELETED_SCHEDULES;
    for row in rows {
        let schedule = Schedule::read(&row.value)?;
        scheduler.outbox.remove(&mut batch, &place.account, &place.region, &entry_id(&schedule));
        batch.delete(&SCHEDULES, row.key);
    }
    if is_last {
        batch.delete(&GROUPS, group_key(place, name));
    } else {
        let entry = delete_entry(scheduler, place, name);
        scheduler.outbox.add(&mut batch, &place.account, &place.region, &entry);
    }
    Ok(batch)
}

pub(crate) async fn tag(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let added = tags(request)?;
    change_tags(scheduler, request, |tags| tags.extend(added)).await
}

pub(crate) async fn untag(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let keys: Vec<&str> = match request.member("TagKeys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        // A query member that occurs once may come as a text.
        Some(Value::String(key)) => vec![key],
        _ => return Err(faults::not_null("TagKeys")),
    };
    change_tags(scheduler, request, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).await
}

pub(crate) fn list_tags(scheduler: &Scheduler, request: Request<'_>) -> Outcome {
    let (place, name) = tagged(request)?;
    let (group, _) = required(scheduler, &place, &name)?;
    let tags = group.tags.iter().map(|(key, value)| object! { "Key" => key, "Value" => value }).collect();
    Ok(Reply::from(object! { "Tags" => Value::array(tags) }))
}

async fn change_tags(
    scheduler: &Scheduler,
    request: Request<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Outcome {
    let (place, name) = tagged(request)?;
    let (mut group, version) = required(scheduler, &place, &name)?;
    change(&mut group.tags);
    checked(&group.tags)?;
    let mut batch = Batch::default();
    match version {
        0 => batch.expect_absent(&GROUPS, group_key(&place, &name)),
        version => batch.expect_version(&GROUPS, group_key(&place, &name), version),
    }
    group.put(&mut batch)?;
    scheduler.store.commit(batch).await.map_err(|error| faults::of_commit(&error))?;
    Ok(Reply::from(Value::empty_object()))
}

/// The group that `ResourceArn` names.
fn tagged(request: Request<'_>) -> Result<(Place, String), Fault> {
    let text = request.required("ResourceArn")?;
    let arn = Arn::parse(text).filter(|arn| arn.service == "scheduler");
    let found = arn.as_ref().and_then(|arn| Some((arn, arn.resource.strip_prefix("schedule-group/")?)));
    let (arn, name) = found
        .ok_or_else(|| Fault::validation(format!("Invalid ResourceArn {text}: only schedule groups have tags.")))?;
    Ok((Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() }, name.to_owned()))
}

fn tags(request: Request<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let Some(Value::Array(items)) = request.member("Tags") else { return Ok(BTreeMap::new()) };
    let read = |tag: &Value| match (tag["Key"].as_str(), tag["Value"].as_str()) {
        (Some(key), Some(value)) => Ok((key.to_owned(), value.to_owned())),
        _ => Err(faults::wrong_type("Tags", "a list of keys and values")),
    };
    let tags = items.iter().map(read).collect::<Result<_, _>>()?;
    checked(&tags)?;
    Ok(tags)
}

fn checked(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("ServiceQuotaExceededException", "A resource has at most 50 tags.").with_status(402));
    }
    match tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        Some(key) => Err(Fault::validation(format!("Tag keys must not begin with 'aws:': {key}"))),
        None => Ok(()),
    }
}
