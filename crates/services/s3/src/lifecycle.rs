//! Lifecycle rules: kept as they came, and applied once a day. Transitions to other
//! storage classes change nothing here and are not applied.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use windlass_protocol::{Body, Call, Fault, Principal};
use windlass_store::{KeyRange, Scan};
use windlass_value::{Object, Timestamp, Value, object};

use crate::bucket::{Bucket, Versioning, bucket_key};
use crate::conditions::DeleteConditions;
use crate::content::new_id;
use crate::cursor::Cursor;
use crate::event::{Event, EventKind};
use crate::faults;
use crate::input;
use crate::multipart::Upload;
use crate::object::{ObjectVersion, object_key};
use crate::s3::S3;
use crate::settings;
use crate::stored;
use crate::tables::{BUCKETS, OBJECTS, UPLOADS, VERSIONS};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often it is looked whether a new day has begun.
const LOOK_INTERVAL: Duration = Duration::from_secs(15 * 60);
const RULES_MAX: usize = 1000;
const ID_CHARS_MAX: usize = 255;
const BUCKETS_AT_ONCE: usize = 100;
const ROWS_BETWEEN_PAUSES: usize = 64;
/// Who removes what has expired.
const PRINCIPAL: &str = "s3.amazonaws.com";

const ACTIONS: [&str; 5] = [
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
];

/// The document of a request, as it is kept and answered.
///
/// # Errors
/// S3's words for what does not fit.
pub(crate) fn document_of(input: &Value) -> Result<Value, Fault> {
    let rules = input::list(&input["LifecycleConfiguration"], "Rules");
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(faults::malformed_xml());
    }
    let mut ids: Vec<String> = Vec::new();
    let mut kept = Vec::with_capacity(rules.len());
    for rule in rules {
        let id = match input::text(rule, "ID") {
            Some(id) => id.to_owned(),
            None => new_id()?,
        };
        if id.chars().count() > ID_CHARS_MAX {
            return Err(faults::invalid_argument("ID length should not exceed allowed limit of 255", "ID", id));
        }
        if ids.contains(&id) {
            return Err(faults::invalid_argument(
                "Rule ID must be unique. Found same ID for more than one rule",
                "ID",
                id,
            ));
        }
        check(rule)?;
        let mut rule = rule.as_object().map(|rule| (**rule).clone()).unwrap_or_default();
        rule.insert("ID", id.as_str());
        ids.push(id);
        kept.push(Value::from(rule));
    }
    let size = input::text(input, "TransitionDefaultMinimumObjectSize").unwrap_or("all_storage_classes_128K");
    Ok(object! { "Rules" => kept, "TransitionDefaultMinimumObjectSize" => size })
}

fn check(rule: &Value) -> Result<(), Fault> {
    if !matches!(rule["Status"].as_str(), Some("Enabled" | "Disabled")) {
        return Err(faults::malformed_xml());
    }
    let is_empty = |action: &str| match &rule[action] {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if ACTIONS.iter().all(|action| is_empty(action)) {
        return Err(faults::invalid_request("At least one action needs to be specified in a rule."));
    }
    if !rule["Prefix"].is_null() && !rule["Filter"].is_null() {
        return Err(faults::malformed_xml());
    }
    let positive = |value: &Value, what: &str| match value.as_i64() {
        Some(days) if days < 1 => {
            Err(faults::invalid_argument(format!("'{what}' must be a positive integer"), what, days.to_string()))
        }
        _ => Ok(()),
    };
    let expiration = &rule["Expiration"];
    positive(&expiration["Days"], "Days for Expiration action")?;
    positive(
        &rule["NoncurrentVersionExpiration"]["NoncurrentDays"],
        "NoncurrentDays for NoncurrentVersionExpiration action",
    )?;
    positive(
        &rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
        "DaysAfterInitiation for AbortIncompleteMultipartUpload action",
    )?;
    for action in std::iter::once(expiration).chain(input::list(rule, "Transitions")) {
        if let Some(date) = input::instant(action, "Date")
            && date.as_ms().rem_euclid(DAY_MS) != 0
        {
            return Err(faults::invalid_argument("'Date' must be at midnight GMT", "Date", date.to_rfc3339()));
        }
    }
    let given = ["Days", "Date", "ExpiredObjectDeleteMarker"];
    if !expiration.is_null() && given.iter().filter(|member| !expiration[**member].is_null()).count() != 1 {
        return Err(faults::malformed_xml());
    }
    let filter = &rule["Filter"];
    let narrows_by_tags = !filter["Tag"].is_null() || !input::list(&filter["And"], "Tags").is_empty();
    if narrows_by_tags && !rule["AbortIncompleteMultipartUpload"].is_null() {
        return Err(faults::invalid_request("AbortIncompleteMultipartUpload cannot be specified with Tags."));
    }
    Ok(())
}

/// A rule in force.
struct Rule {
    prefix: String,
    tags: Vec<(String, String)>,
    bytes_above: Option<u64>,
    bytes_below: Option<u64>,
    days: Option<i64>,
    date: Option<Timestamp>,
    removes_lone_markers: bool,
    noncurrent_days: Option<i64>,
    noncurrent_kept: usize,
    upload_days: Option<i64>,
}

impl Rule {
    fn of(rule: &Value) -> Rule {
        let filter = &rule["Filter"];
        let and = &filter["And"];
        let prefix = [&rule["Prefix"], &filter["Prefix"], &and["Prefix"]];
        let pair = |tag: &Value| {
            let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
            (text("Key"), text("Value"))
        };
        let mut tags: Vec<(String, String)> = input::list(and, "Tags").iter().map(pair).collect();
        tags.extend((!filter["Tag"].is_null()).then(|| pair(&filter["Tag"])));
        let bytes = |member: &str| {
            let found = input::integer(filter, member).or(input::integer(and, member));
            found.and_then(|bytes| u64::try_from(bytes).ok())
        };
        let noncurrent = &rule["NoncurrentVersionExpiration"];
        Rule {
            prefix: prefix.iter().find_map(|prefix| prefix.as_str()).unwrap_or_default().to_owned(),
            tags,
            bytes_above: bytes("ObjectSizeGreaterThan"),
            bytes_below: bytes("ObjectSizeLessThan"),
            days: input::integer(&rule["Expiration"], "Days"),
            date: input::instant(&rule["Expiration"], "Date"),
            removes_lone_markers: input::flag(&rule["Expiration"], "ExpiredObjectDeleteMarker"),
            noncurrent_days: input::integer(noncurrent, "NoncurrentDays"),
            noncurrent_kept: input::integer(noncurrent, "NewerNoncurrentVersions")
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or_default(),
            upload_days: input::integer(&rule["AbortIncompleteMultipartUpload"], "DaysAfterInitiation"),
        }
    }

    fn is_about(&self, key: &str, version: &ObjectVersion) -> bool {
        let tags = &version.properties.tags;
        key.starts_with(&self.prefix)
            && self.tags.iter().all(|(name, value)| tags.get(name) == Some(value))
            && self.bytes_above.is_none_or(|bytes| version.bytes > bytes)
            && self.bytes_below.is_none_or(|bytes| version.bytes < bytes)
    }

    fn is_expired(&self, key: &str, version: &ObjectVersion, now: Timestamp) -> bool {
        let is_old = self.days.is_some_and(|days| is_past(version.modified_ms, days, now));
        (is_old || self.date.is_some_and(|date| date <= now)) && self.is_about(key, version)
    }

    /// Whether a delete marker that hides nothing any more goes.
    fn removes_marker(&self, key: &str, version: &ObjectVersion, now: Timestamp) -> bool {
        let is_old = self.days.is_some_and(|days| is_past(version.modified_ms, days, now));
        (self.removes_lone_markers || is_old) && self.is_about(key, version)
    }
}

/// Whether the midnight after that many days is over.
fn is_past(since_ms: i64, days: i64, now: Timestamp) -> bool {
    let at = since_ms.saturating_add(days.saturating_mul(DAY_MS));
    let midnight = at.div_euclid(DAY_MS).saturating_add(1).saturating_mul(DAY_MS);
    midnight <= now.as_ms()
}

/// Applies the rules once a day until the service stops or is gone.
pub(crate) async fn run(weak: Weak<S3>) {
    let mut interval = tokio::time::interval(LOOK_INTERVAL);
    let mut applied_on: Option<i64> = None;
    loop {
        let Some(s3) = weak.upgrade() else { return };
        tokio::select! {
            _ = interval.tick() => {}
            () = s3.wake.notified() => {}
        }
        if s3.stopping.load(Ordering::Acquire) {
            return;
        }
        let today = (s3.now)().as_ms().div_euclid(DAY_MS);
        if applied_on == Some(today) {
            continue;
        }
        match s3.apply_lifecycle().await {
            Ok(()) => applied_on = Some(today),
            Err(fault) => tracing::warn!(%fault, "lifecycle rules cannot be applied"),
        }
    }
}

impl S3 {
    /// Removes what the lifecycle rules of all buckets say has expired by now.
    /// Happens by itself once a day.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn apply_lifecycle(&self) -> Result<(), Fault> {
        let mut range = KeyRange::all();
        loop {
            let rows = stored::scan(&self.store, &BUCKETS, Scan::range(range.clone(), BUCKETS_AT_ONCE))?;
            for row in &rows {
                let bucket: Bucket = stored::decode(&BUCKETS, row)?.value;
                if let Some(document) = self.setting(&bucket, settings::LIFECYCLE)? {
                    let rules = input::list(&document, "Rules").iter();
                    let rules: Vec<Rule> =
                        rules.filter(|rule| rule["Status"].as_str() == Some("Enabled")).map(Rule::of).collect();
                    self.apply_to_current(&bucket, &rules).await?;
                    self.apply_to_noncurrent(&bucket, &rules).await?;
                    self.apply_to_uploads(&bucket, &rules).await?;
                }
            }
            if rows.len() < BUCKETS_AT_ONCE || self.is_stopping() {
                return Ok(());
            }
            range.start = rows.last().map(|row| row.key.clone().fixed(&[0]));
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Lets requests have the thread now and then: most rows need no write to wait for.
    async fn pause(&self, rows: usize) {
        if rows.is_multiple_of(ROWS_BETWEEN_PAUSES) {
            tokio::task::yield_now().await;
        }
    }

    async fn apply_to_current(&self, bucket: &Bucket, rules: &[Rule]) -> Result<(), Fault> {
        let now = (self.now)();
        if rules.iter().all(|rule| rule.days.is_none() && rule.date.is_none() && !rule.removes_lone_markers) {
            return Ok(());
        }
        let mut cursor = Cursor::new(&self.store, &OBJECTS, KeyRange::prefix(&bucket.rows()));
        let mut rows = 0;
        while let Some(row) = cursor.peek()? {
            let key = stored::text_column(row, 1).to_owned();
            let version: ObjectVersion = stored::decode(&OBJECTS, row)?.value;
            cursor.step();
            let expires = match version.marker {
                true => {
                    rules.iter().any(|rule| rule.removes_marker(&key, &version, now))
                        && stored::scan(&self.store, &VERSIONS, Scan::prefix(&object_key(bucket, &key), 1))?.is_empty()
                }
                false => rules.iter().any(|rule| rule.is_expired(&key, &version, now)),
            };
            if expires {
                self.expire(bucket, &key, &version, true).await?;
            }
            rows += 1;
            self.pause(rows).await;
            if self.is_stopping() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn apply_to_noncurrent(&self, bucket: &Bucket, rules: &[Rule]) -> Result<(), Fault> {
        let now = (self.now)();
        if rules.iter().all(|rule| rule.noncurrent_days.is_none()) {
            return Ok(());
        }
        let mut cursor = Cursor::new(&self.store, &VERSIONS, KeyRange::prefix(&bucket.rows()));
        let mut last_key = String::new();
        // Since when the version at hand is not current, and how many newer ones are not.
        let (mut since_ms, mut newer) = (0, 0);
        let mut rows = 0;
        while let Some(row) = cursor.peek()? {
            let key = stored::text_column(row, 1).to_owned();
            let version: ObjectVersion = stored::decode(&VERSIONS, row)?.value;
            cursor.step();
            if key != last_key {
                since_ms = self.current(bucket, &key)?.map_or(now.as_ms(), |current| current.value.modified_ms);
                newer = 0;
                last_key.clone_from(&key);
            }
            let expires = rules.iter().any(|rule| {
                rule.noncurrent_days.is_some_and(|days| is_past(since_ms, days, now))
                    && newer >= rule.noncurrent_kept
                    && rule.is_about(&key, &version)
            });
            if expires {
                self.expire(bucket, &key, &version, false).await?;
            }
            since_ms = version.modified_ms;
            newer += 1;
            rows += 1;
            self.pause(rows).await;
            if self.is_stopping() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn apply_to_uploads(&self, bucket: &Bucket, rules: &[Rule]) -> Result<(), Fault> {
        let now = (self.now)();
        if rules.iter().all(|rule| rule.upload_days.is_none()) {
            return Ok(());
        }
        let mut cursor = Cursor::new(&self.store, &UPLOADS, KeyRange::prefix(&bucket.rows()));
        while let Some(row) = cursor.peek()? {
            let row = row.clone();
            cursor.step();
            let key = stored::text_column(&row, 1);
            let upload: Upload = stored::decode(&UPLOADS, &row)?.value;
            let is_over = rules.iter().any(|rule| {
                rule.upload_days.is_some_and(|days| is_past(upload.initiated_ms, days, now))
                    && key.starts_with(&rule.prefix)
            });
            if is_over {
                let call = self.own_call(bucket)?;
                let dropped = self.change(&call, |change| {
                    let Some(found) = self.store.get(&UPLOADS, &row.key).map_err(stored::unreadable)? else {
                        return Ok(Value::Null);
                    };
                    self.drop_upload(change, bucket, &found)?;
                    Ok(Value::Null)
                });
                dropped.await?;
            }
        }
        Ok(())
    }

    /// Removes a version that has expired, unless it changed since it was looked at.
    async fn expire(&self, bucket: &Bucket, key: &str, seen: &ObjectVersion, is_current: bool) -> Result<(), Fault> {
        let call = self.own_call(bucket)?;
        let expired = self.change(&call, |change| {
            let Some(found) = self.find_bucket(&bucket.name)?.filter(|found| found.value.id == bucket.id) else {
                return Ok(Value::Null);
            };
            change.batch.expect_version(&BUCKETS, bucket_key(&bucket.name), found.version);
            let bucket = found.value;
            let current = self.current_for_change(change, &bucket, key)?;
            if is_current && current.as_ref().is_none_or(|current| current.sequence != seen.sequence) {
                return Ok(Value::Null);
            }
            if !is_current {
                // The name may be another's by now: in a bucket whose versioning is
                // suspended, a new current object is the null version.
                let placed = self.version(&bucket, key, seen.version_text())?;
                if placed.is_none_or(|placed| placed.is_current || placed.found.value.sequence != seen.sequence) {
                    return Ok(Value::Null);
                }
            }
            let hides = is_current && !seen.marker && bucket.versioning.is_some();
            // A version goes by its name; a current object is hidden where versions are kept.
            let named = match bucket.versioning {
                Some(Versioning::Enabled | Versioning::Suspended) if hides => None,
                _ => Some(seen.version_text()),
            };
            self.delete_key(change, &bucket, key, named, &DeleteConditions::default())?;
            let kind = if hides { EventKind::ExpiredMarkerCreated } else { EventKind::Expired };
            change.events = vec![Event::removed(kind, &bucket, key, seen)];
            Ok(Value::Null)
        });
        expired.await.map(drop)
    }

    fn own_call(&self, bucket: &Bucket) -> Result<Call, Fault> {
        let mut input = Object::new();
        input.insert("Bucket", bucket.name.as_str());
        Ok(Call {
            account: bucket.account.as_str().into(),
            region: bucket.region.as_str().into(),
            service: "s3".into(),
            operation: "LifecycleExpiration".into(),
            input: input.into(),
            body: Body::empty(),
            principal: Principal {
                arn: PRINCIPAL.into(),
                account: bucket.account.as_str().into(),
                access_key_id: None,
            },
            source_arn: None,
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 0,
            request_id: new_id()?.into(),
        })
    }
}
