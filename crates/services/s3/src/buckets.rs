//! Buckets made, found, listed and deleted.

use std::ops::Bound;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{IndexScan, Scan};
use windlass_value::{Object, Timestamp, Value, object};

use crate::account;
use crate::acl;
use crate::bucket::{Bucket, Ownership, bucket_key};
use crate::bucket_name;
use crate::content::new_id;
use crate::faults;
use crate::input;
use crate::page_token;
use crate::s3::S3;
use crate::settings;
use crate::stored;
use crate::tables::{BUCKETS, BUCKETS_BY_ACCOUNT, OBJECTS, SETTINGS, UPLOADS};

/// The region whose endpoint takes calls that name no region.
const FIRST_REGION: &str = "us-east-1";
const BUCKETS_PAGE_MAX: usize = 10_000;
/// How many rows of a deleted bucket go in one commit.
const ROWS_AT_ONCE: usize = 500;

impl S3 {
    /// `CreateBucket`.
    pub(crate) async fn create_bucket(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let name = input::required(input, "Bucket")?;
        if !bucket_name::is_valid(name) {
            return Err(faults::invalid_bucket_name(name));
        }
        if input::flag(input, "ObjectLockEnabledForBucket") {
            return Err(faults::not_implemented("x-amz-bucket-object-lock-enabled"));
        }
        let region = region(call)?;
        let ownership = match input::text(input, "ObjectOwnership") {
            None => Ownership::BucketOwnerEnforced,
            Some(text) => Ownership::parse(text).ok_or_else(|| {
                faults::invalid_argument("Invalid x-amz-object-ownership header", "x-amz-object-ownership", text)
            })?,
        };
        let mut bucket = Bucket::new(&call.account, &region, name, new_id()?, (self.now)());
        bucket.ownership = Some(ownership);
        bucket.acl = match acl::of_request(&bucket, input) {
            Err(fault) if fault.code == "AccessControlListNotSupported" => {
                // Private is what it is anyway; S3 takes it when a bucket is made.
                if input::text(input, "ACL") != Some("private") {
                    let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
                    return Err(Fault::new("InvalidBucketAclWithObjectOwnership", message));
                }
                None
            }
            other => other?,
        };
        let tags = input::list(&input["CreateBucketConfiguration"], "Tags");
        let made = self.change(call, |change| {
            if let Some(found) = self.find_bucket(name)? {
                return self.create_again(call, &found.value);
            }
            change.batch.expect_absent(&BUCKETS, bucket_key(name));
            bucket.put(change);
            if !tags.is_empty() {
                let given = object! { "Tagging" => object! { "TagSet" => tags.to_vec() } };
                settings::put(change, &bucket, settings::TAGGING, &crate::tagging::of_bucket(&given)?);
            }
            Ok(object! { "Location" => format!("/{name}"), "BucketArn" => bucket.arn() })
        });
        made.await.map(Reply::from)
    }

    fn create_again(&self, call: &Call, found: &Bucket) -> Result<Value, Fault> {
        if found.account != *call.account {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.";
            return Err(Fault::new("BucketAlreadyExists", message)
                .with_status(409)
                .with_member("BucketName", found.name.as_str()));
        }
        // In its first region S3 answers as if it had made the bucket, as it always did.
        if found.region == FIRST_REGION && region(call)? == FIRST_REGION {
            return Ok(object! { "Location" => format!("/{}", found.name), "BucketArn" => found.arn() });
        }
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        Err(Fault::new("BucketAlreadyOwnedByYou", message)
            .with_status(409)
            .with_member("BucketName", found.name.as_str()))
    }

    /// `HeadBucket`.
    pub(crate) fn head_bucket(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        Ok(object! {
            "BucketRegion" => bucket.region.as_str(),
            "BucketArn" => bucket.arn(),
            "AccessPointAlias" => false,
        }
        .into())
    }

    /// `GetBucketLocation`.
    pub(crate) fn get_bucket_location(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        let location = if bucket.region == FIRST_REGION { Value::Null } else { bucket.region.as_str().into() };
        Ok(object! { "LocationConstraint" => location }.into())
    }

    /// `ListBuckets`.
    pub(crate) fn list_buckets(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let limit = match input::integer(input, "MaxBuckets") {
            None => BUCKETS_PAGE_MAX,
            Some(limit) if (1..=BUCKETS_PAGE_MAX as i64).contains(&limit) => limit as usize,
            Some(limit) => {
                return Err(faults::invalid_argument(
                    "Argument max-buckets must be an integer between 1 and 10000",
                    "max-buckets",
                    limit.to_string(),
                ));
            }
        };
        let prefix = input::text(input, "Prefix");
        let region = input::text(input, "BucketRegion");
        let mut after = match input::text(input, "ContinuationToken") {
            None => None,
            Some(token) => Some(page_token::read(token).ok_or_else(|| page_token::refused(token))?.to_owned()),
        };
        let mut found: Vec<Bucket> = Vec::new();
        let mut is_truncated = false;
        loop {
            let mut index = IndexScan::new(BUCKETS_BY_ACCOUNT).equal(&*call.account);
            index.lower = match (&after, prefix) {
                (Some(after), Some(prefix)) if after.as_str() < prefix => Bound::Included(prefix.into()),
                (Some(after), _) => Bound::Excluded(after.as_str().into()),
                (None, Some(prefix)) => Bound::Included(prefix.into()),
                (None, None) => Bound::Unbounded,
            };
            let rows = stored::scan(&self.store, &BUCKETS, Scan::index(index, limit + 1))?;
            let is_end = rows.len() <= limit;
            let mut is_past = false;
            for row in &rows {
                let bucket: Bucket = stored::decode(&BUCKETS, row)?.value;
                after = Some(bucket.name.clone());
                if prefix.is_some_and(|prefix| !bucket.name.starts_with(prefix)) {
                    is_past = true;
                    break;
                }
                if region.is_none_or(|region| bucket.region == region) {
                    if found.len() == limit {
                        is_truncated = true;
                        break;
                    }
                    found.push(bucket);
                }
            }
            if is_end || is_past || is_truncated {
                break;
            }
        }
        let mut output = Object::new();
        if is_truncated && let Some(last) = found.last() {
            output.insert("ContinuationToken", page_token::write(&last.name));
        }
        let shows_region = region.is_some() || prefix.is_some() || !input["MaxBuckets"].is_null();
        let buckets = found.iter().map(|bucket| {
            let mut entry = Object::new();
            entry.insert("Name", bucket.name.as_str());
            entry.insert("CreationDate", Timestamp(bucket.created_ms).as_ms().div_euclid(1000));
            if shows_region {
                entry.insert("BucketRegion", bucket.region.as_str());
            }
            entry.insert("BucketArn", bucket.arn());
            Value::from(entry)
        });
        output.insert("Buckets", Value::array(buckets.collect()));
        output.insert("Owner", account::owner(&call.account));
        if let Some(prefix) = prefix {
            output.insert("Prefix", prefix);
        }
        Ok(Value::from(output).into())
    }

    /// `DeleteBucket`.
    pub(crate) async fn delete_bucket(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        // From here on no change of this bucket begins; those that looked at it before
        // are refused, for the row is written once more.
        if !self.deleting.lock().insert(bucket.id.clone()) {
            return Err(faults::operation_aborted());
        }
        let deleted = self.delete_empty(call, &bucket).await;
        self.deleting.lock().remove(&bucket.id);
        deleted.map(Reply::from)
    }

    async fn delete_empty(&self, call: &Call, bucket: &Bucket) -> Result<Value, Fault> {
        let step = unkeyed(call);
        let touched = self.change(&step, |change| {
            let found = self.bucket(call)?;
            if found.value.id != bucket.id {
                return Err(faults::operation_aborted());
            }
            change.batch.expect_version(&BUCKETS, bucket_key(&bucket.name), found.version);
            found.value.put(change);
            Ok(Value::Null)
        });
        touched.await?;
        if !stored::scan(&self.store, &OBJECTS, Scan::prefix(&bucket.rows(), 1))?.is_empty() {
            let message = "The bucket you tried to delete is not empty";
            return Err(Fault::new("BucketNotEmpty", message)
                .with_status(409)
                .with_member("BucketName", bucket.name.as_str()));
        }
        self.drop_uploads(call, bucket).await?;
        let deleted = self.change(call, |change| {
            let rows = stored::scan(&self.store, &SETTINGS, Scan::prefix(&bucket.rows(), ROWS_AT_ONCE))?;
            rows.into_iter().for_each(|row| change.batch.delete(&SETTINGS, row.key));
            let found = self.bucket(call)?;
            change.batch.expect_version(&BUCKETS, bucket_key(&bucket.name), found.version);
            change.batch.delete(&BUCKETS, bucket_key(&bucket.name));
            Ok(Value::empty_object())
        });
        deleted.await
    }

    /// Multipart uploads end with their bucket.
    async fn drop_uploads(&self, call: &Call, bucket: &Bucket) -> Result<(), Fault> {
        loop {
            let rows = stored::scan(&self.store, &UPLOADS, Scan::prefix(&bucket.rows(), 1))?;
            let Some(row) = rows.first() else { return Ok(()) };
            let step = unkeyed(call);
            let dropped = self.change(&step, |change| {
                self.drop_upload(change, bucket, row)?;
                Ok(Value::Null)
            });
            dropped.await?;
        }
    }
}

/// A step of a call that does no harm if it is repeated.
fn unkeyed(call: &Call) -> Call {
    Call { idempotency_key: None, ..call.clone() }
}

/// Where a new bucket is to be.
fn region(call: &Call) -> Result<String, Fault> {
    let configuration = &call.input["CreateBucketConfiguration"];
    if !configuration["Location"].is_null() || !configuration["Bucket"].is_null() {
        return Err(faults::not_implemented("directory buckets"));
    }
    let incompatible = |constraint: &str| {
        Fault::new(
            "IllegalLocationConstraintException",
            format!(
                "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        )
    };
    let here = &*call.region;
    let Some(constraint) = input::text(configuration, "LocationConstraint") else {
        return if here == FIRST_REGION { Ok(here.to_owned()) } else { Err(incompatible("unspecified")) };
    };
    let named = if constraint == "EU" { "eu-west-1" } else { constraint };
    let is_region = named.split('-').count() >= 3
        && named.split('-').next().is_some_and(|part| part.len() == 2)
        && named.ends_with(|last: char| last.is_ascii_digit())
        && named.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    // The first region is the one that is never named.
    if !is_region || named == FIRST_REGION {
        return Err(Fault::new("InvalidLocationConstraint", "The specified location-constraint is not valid")
            .with_member("LocationConstraint", constraint));
    }
    if here != FIRST_REGION && here != named {
        return Err(incompatible(constraint));
    }
    Ok(named.to_owned())
}
