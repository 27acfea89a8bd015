//! Access control lists: the canned ones. Who may do what is decided by policies.

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value, object};

use crate::account;
use crate::bucket::{Bucket, Ownership};
use crate::event::{Event, EventKind};
use crate::faults;
use crate::input;
use crate::object::Which;
use crate::properties;
use crate::s3::S3;

const PRIVATE: &str = "private";
const FULL_CONTROL: &str = "bucket-owner-full-control";
const CANNED: [&str; 6] =
    [PRIVATE, "public-read", "public-read-write", "authenticated-read", "bucket-owner-read", FULL_CONTROL];
/// Also for buckets.
const LOG_DELIVERY: &str = "log-delivery-write";
const GRANTS: [&str; 5] = ["GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"];

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY_GROUP: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// The canned list a request asks for; `None`: private.
///
/// # Errors
/// The bucket takes none; `NotImplemented` for grants one by one.
pub(crate) fn of_request(bucket: &Bucket, input: &Value) -> Result<Option<String>, Fault> {
    let canned = input::text(input, "ACL");
    let has_grants = GRANTS.iter().any(|member| input::text(input, member).is_some());
    if let Some(canned) = canned
        && !CANNED.contains(&canned)
    {
        return Err(faults::invalid_argument("", "x-amz-acl", canned));
    }
    if bucket.ownership == Some(Ownership::BucketOwnerEnforced) {
        return match canned {
            None | Some(FULL_CONTROL) if !has_grants => Ok(None),
            _ => Err(faults::acl_not_supported()),
        };
    }
    if has_grants {
        if canned.is_some() {
            return Err(faults::invalid_request("Specifying both Canned ACLs and Header Grants is not allowed"));
        }
        return Err(faults::not_implemented("grants other than by a canned access control list"));
    }
    Ok(canned.filter(|canned| *canned != PRIVATE).map(str::to_owned))
}

/// The grants of a canned list, the owner's first.
fn grants(owner: &str, canned: Option<&str>) -> Value {
    let grant = |grantee: Value, permission: &str| object! { "Grantee" => grantee, "Permission" => permission };
    let user = object! { "ID" => account::canonical_id(owner), "Type" => "CanonicalUser" };
    let group = |uri: &str| object! { "URI" => uri, "Type" => "Group" };
    let mut grants = vec![grant(user, "FULL_CONTROL")];
    match canned {
        Some("public-read") => grants.push(grant(group(ALL_USERS), "READ")),
        Some("public-read-write") => {
            grants.push(grant(group(ALL_USERS), "READ"));
            grants.push(grant(group(ALL_USERS), "WRITE"));
        }
        Some("authenticated-read") => grants.push(grant(group(AUTHENTICATED_USERS), "READ")),
        Some(LOG_DELIVERY) => {
            grants.push(grant(group(LOG_DELIVERY_GROUP), "WRITE"));
            grants.push(grant(group(LOG_DELIVERY_GROUP), "READ_ACP"));
        }
        _ => {}
    }
    grants.into()
}

/// The canned list that grants written out are, if they are one.
fn canned_of(owner: &str, policy: &Value) -> Result<Option<String>, Fault> {
    if policy["Owner"]["ID"].as_str().is_none() || policy["Grants"].is_null() {
        return Err(faults::malformed_xml());
    }
    let found = sorted(input::list(policy, "Grants"));
    let candidates =
        [None, Some("public-read"), Some("public-read-write"), Some("authenticated-read"), Some(LOG_DELIVERY)];
    for canned in candidates {
        let Value::Array(listed) = grants(owner, canned) else { continue };
        if sorted(&listed) == found {
            return Ok(canned.map(str::to_owned));
        }
    }
    Err(faults::not_implemented("grants other than those of a canned access control list"))
}

fn sorted(grants: &[Value]) -> Vec<(String, String)> {
    let who = |grant: &Value| {
        let grantee = &grant["Grantee"];
        grantee["ID"].as_str().or(grantee["URI"].as_str()).unwrap_or_default().to_owned()
    };
    let mut sorted: Vec<(String, String)> =
        grants.iter().map(|grant| (who(grant), grant["Permission"].as_str().unwrap_or_default().to_owned())).collect();
    sorted.sort();
    sorted
}

/// The list that a request to change one asks for.
fn asked(bucket: &Bucket, input: &Value) -> Result<Option<String>, Fault> {
    if bucket.ownership == Some(Ownership::BucketOwnerEnforced) {
        return match (&input["AccessControlPolicy"], input::text(input, "ACL")) {
            // Writing back what was read changes nothing, so it is taken.
            (policy @ Value::Object(_), None) if matches!(canned_of(&bucket.account, policy), Ok(None)) => Ok(None),
            (Value::Null, Some(FULL_CONTROL)) => Ok(None),
            _ => Err(faults::acl_not_supported()),
        };
    }
    match (&input["AccessControlPolicy"], input::text(input, "ACL")) {
        (Value::Null, Some(LOG_DELIVERY)) => Ok(Some(LOG_DELIVERY.to_owned())),
        (Value::Null, None) if GRANTS.iter().all(|member| input::text(input, member).is_none()) => {
            Err(Fault::new("MissingSecurityHeader", "Your request was missing a required header")
                .with_member("MissingHeaderName", "x-amz-acl"))
        }
        (Value::Null, _) => of_request(bucket, input),
        (_, Some(_)) => Err(Fault::new("UnexpectedContent", "This request does not support content")),
        (policy, None) => canned_of(&bucket.account, policy),
    }
}

impl S3 {
    /// `GetBucketAcl`.
    pub(crate) fn get_bucket_acl(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        Ok(answer(&bucket, bucket.acl.as_deref()))
    }

    /// `PutBucketAcl`.
    pub(crate) async fn put_bucket_acl(&self, call: &Call) -> Outcome {
        let put = self.change(call, |change| {
            let mut bucket = self.bucket_for_change(change, call)?;
            bucket.acl = asked(&bucket, &call.input)?;
            bucket.put(change);
            Ok(Value::empty_object())
        });
        put.await.map(Reply::from)
    }

    /// `GetObjectAcl`.
    pub(crate) fn get_object_acl(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        let key = properties::object_key(call)?;
        let which = Which::of(input::text(&call.input, "VersionId"));
        let version = self.readable(&bucket, key, which, "GET")?.found.value;
        Ok(answer(&bucket, version.properties.acl.as_deref()))
    }

    /// `PutObjectAcl`.
    pub(crate) async fn put_object_acl(&self, call: &Call) -> Outcome {
        let put = self.alter_version(call, |change, bucket, key, version| {
            version.properties.acl = asked(bucket, &call.input)?;
            change.events.push(Event::created(EventKind::AclPut, bucket, key, version));
            Ok(Object::new())
        });
        put.await.map(Reply::from)
    }
}

fn answer(bucket: &Bucket, canned: Option<&str>) -> Reply {
    object! { "Owner" => account::owner(&bucket.account), "Grants" => grants(&bucket.account, canned) }.into()
}
