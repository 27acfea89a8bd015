use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value, object};
use windlass_workflow::epoch_seconds;

use super::catalog::{ACTIVITIES, Activities, Activity, ActivityName, decode, no_encryption};
use crate::arn;
use crate::environment::Environment;
use crate::keys::{Keys, encryption_configuration};
use crate::machine::{count_by_name, rows_by_name};
use crate::name;
use crate::page::Pages;
use crate::request::Request;
use crate::tag::Tags;

/// `CreateActivity`: a repeat answers as the first call did; its tags are ignored.
pub(crate) async fn create(
    activities: &Activities,
    environment: &Environment,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let call = request.call;
    let activity_name = request.required("name")?;
    name::check(activity_name)?;
    let encryption = match request.object("encryptionConfiguration")? {
        Some(given) => encryption_configuration(given)?,
        None => no_encryption(),
    };
    let arn = arn::of(&call.account, &call.region, &format!("activity:{activity_name}"));
    let named = ActivityName::parse(&arn, call)?;
    let tags = Tags::of_request(request)?;
    tags.check(&arn)?;
    keys.check(call, &arn, &encryption).await?;
    let new = Activity {
        account: call.account.clone(),
        region: call.region.clone(),
        name: activity_name.clone(),
        created_at: environment.now(),
        tags,
        encryption,
        row_version: 0,
    };
    let created_at = match activities.find(&named)? {
        Some(old) if old.encryption != new.encryption => {
            let text = format!("Activity Already Exists: '{arn}'");
            return Err(Fault::new("ActivityAlreadyExists", text));
        }
        Some(old) => old.created_at,
        None if is_full(activities, environment, request)? => {
            let text = "Activity Limit Exceeded: 'The maximum number of activities has been reached'";
            return Err(Fault::new("ActivityLimitExceeded", text));
        }
        None if activities.put(&new).await? => new.created_at,
        // Another call made it meanwhile.
        None => activities.get(&named)?.created_at,
    };
    Ok(object! { "activityArn" => arn, "creationDate" => epoch_seconds(created_at) }.into())
}

/// Whether the account may have no further activity.
fn is_full(activities: &Activities, environment: &Environment, request: Request<'_>) -> Result<bool, Fault> {
    let Some(max) = environment.quotas().activities_max else { return Ok(false) };
    Ok(count_by_name(activities.store(), &ACTIVITIES, request.call)? >= max as u64)
}

/// `DeleteActivity`: an unknown one is no error.
pub(crate) async fn delete(activities: &Activities, request: Request<'_>) -> Result<Reply, Fault> {
    let named = ActivityName::parse(request.required("activityArn")?, request.call)?;
    activities.remove(&named).await?;
    Ok(Value::empty_object().into())
}

/// `DescribeActivity`.
pub(crate) fn describe(activities: &Activities, request: Request<'_>) -> Result<Reply, Fault> {
    let named = ActivityName::parse(request.required("activityArn")?, request.call)?;
    let activity = activities.get(&named)?;
    let mut out = item(&activity);
    out.insert("encryptionConfiguration", &activity.encryption);
    Ok(Value::from(out).into())
}

/// `ListActivities`, by name.
pub(crate) fn list(activities: &Activities, pages: &Pages, request: Request<'_>) -> Result<Reply, Fault> {
    let (rows, next) = rows_by_name(activities.store(), &ACTIVITIES, pages, request)?;
    let items = rows.iter().map(|row| decode(row).map(|activity| item(&activity).into()));
    let mut out = Object::new();
    out.insert("activities", Value::array(items.collect::<Result<Vec<Value>, Fault>>()?));
    if let Some(next) = next {
        out.insert("nextToken", next);
    }
    Ok(Value::from(out).into())
}

fn item(activity: &Activity) -> Object {
    let mut out = Object::new();
    out.insert("activityArn", activity.arn());
    out.insert("name", &activity.name);
    out.insert("creationDate", epoch_seconds(activity.created_at));
    out
}
