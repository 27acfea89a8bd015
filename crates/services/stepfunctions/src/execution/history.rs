use std::sync::Arc;

use windlass_journal::{HistoryQuery, Journal, Qualifiers, Record};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::{EventType, HistoryEvent};

use super::describe::{optional, qualifier_members};
use super::record;
use crate::fault::of_journal;
use crate::keys::Keys;
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// A page ends when its events pass this size, as AWS's do.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// `GetExecutionHistory`.
pub(crate) async fn history(
    journal: &Journal,
    pages: &Pages,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let call = request.call;
    let record = record(journal, request.required("executionArn")?, call)?;
    let reverse = request.flag("reverseOrder", false)?;
    let include_data = request.flag("includeExecutionData", true)?;
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let flag = |value: bool| if value { "true" } else { "false" };
    let arguments = [&*record.arn, flag(reverse), flag(include_data)];
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &arguments };
    let after = request.text("nextToken")?.map(|token| pages.open(query, token)).transpose()?;
    let question = |limit: usize| HistoryQuery { reverse, after: after.as_deref(), limit };
    let page = |limit: usize| match include_data {
        true => journal.history(&record.arn, question(limit)),
        false => journal.history_without_data(&record.arn, question(limit)),
    };
    let (events, mut next) = match include_data {
        true => keys.reading(journal, call, &record, || page(limit)).await?,
        false => page(limit).map_err(|error| of_journal(&error))?,
    };
    let mut shown: Vec<Value> = events.iter().map(|event| shown_event(event, &record, include_data)).collect();
    let fitting = count_fitting(&shown);
    if fitting < shown.len() {
        // The journal names the place behind a page, so the shorter page is asked for.
        shown.truncate(fitting);
        (_, next) = page(fitting).map_err(|error| of_journal(&error))?;
    }
    let mut out = Object::new();
    out.insert("events", shown);
    optional(&mut out, "nextToken", next.map(|next| pages.seal(query, &next).into()));
    Ok(Value::from(out).into())
}

/// An event as it is answered. The version and the alias of the first one are
/// those of the record.
fn shown_event(event: &HistoryEvent, record: &Record, include_data: bool) -> Value {
    let mut shown = event.to_value(include_data);
    if event.event_type == EventType::ExecutionStarted
        && record.qualifiers != Qualifiers::default()
        && let Value::Object(members) = &mut shown
        && let Some(Value::Object(details)) = Arc::make_mut(members).get_mut(event.event_type.details_member())
    {
        qualifier_members(&record.qualifiers, Arc::make_mut(details));
    }
    shown
}

/// How many events fit on a page; at least one, so that paging goes on.
fn count_fitting(events: &[Value]) -> usize {
    let mut bytes = 0_usize;
    let mut text = String::new();
    for (at, event) in events.iter().enumerate() {
        text.clear();
        event.write_to(&mut text);
        bytes += text.len();
        if bytes > PAGE_BYTES_MAX && at > 0 {
            return at;
        }
    }
    events.len()
}
