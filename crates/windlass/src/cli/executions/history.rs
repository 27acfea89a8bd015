//! Histories, read page by page.

use windlass_value::{Object, Value};

use super::super::client::{CallError, Client};
use super::lookup::items;

/// Events of one history that are read.
pub(super) const EVENTS_MAX: usize = 500_000;
const PAGE_EVENTS_MAX: u32 = 1_000;

/// Hands every event to `take`, the oldest first, until it wants no more.
///
/// # Errors
/// The server's.
pub(in super::super) async fn each(
    client: &Client,
    arn: &str,
    mut take: impl FnMut(Value) -> bool,
) -> Result<(), CallError> {
    let mut pages = Pages::new(arn, false);
    let mut count = 0;
    while let Some(events) = pages.next(client, PAGE_EVENTS_MAX).await? {
        for event in events {
            count += 1;
            if count > EVENTS_MAX || !take(event) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The events behind one that is known, the oldest first.
///
/// # Errors
/// The server's.
pub(in super::super) async fn after(client: &Client, arn: &str, last_id: i64) -> Result<Vec<Value>, CallError> {
    if last_id == 0 {
        let mut events = Vec::new();
        each(client, arn, |event| {
            events.push(event);
            true
        })
        .await?;
        return Ok(events);
    }
    // From the end backwards: what is new is read, not what is known.
    let mut pages = Pages::new(arn, true);
    let mut found = Vec::new();
    // Mostly little is new.
    let mut limit = 50;
    while let Some(events) = pages.next(client, limit).await? {
        let known = events.iter().position(|event| event["id"].as_i64().unwrap_or_default() <= last_id);
        let new = known.unwrap_or(events.len());
        found.extend(events.into_iter().take(new));
        if known.is_some() || found.len() > EVENTS_MAX {
            break;
        }
        limit = PAGE_EVENTS_MAX;
    }
    found.reverse();
    Ok(found)
}

/// The last event that `fits`.
///
/// # Errors
/// The server's.
pub(super) async fn last(
    client: &Client,
    arn: &str,
    fits: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, CallError> {
    let mut pages = Pages::new(arn, true);
    while let Some(events) = pages.next(client, PAGE_EVENTS_MAX).await? {
        if let Some(event) = events.into_iter().find(&fits) {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

struct Pages<'a> {
    arn: &'a str,
    reverse: bool,
    token: Option<Value>,
    over: bool,
}

impl<'a> Pages<'a> {
    fn new(arn: &'a str, reverse: bool) -> Pages<'a> {
        Pages { arn, reverse, token: None, over: false }
    }

    async fn next(&mut self, client: &Client, limit: u32) -> Result<Option<Vec<Value>>, CallError> {
        if self.over {
            return Ok(None);
        }
        let mut input = Object::new();
        input.insert("executionArn", self.arn);
        input.insert("maxResults", limit);
        input.insert("reverseOrder", self.reverse);
        if let Some(token) = self.token.take() {
            input.insert("nextToken", token);
        }
        let page = client.states("GetExecutionHistory", input).await?;
        self.token = page.get("nextToken").cloned().filter(|token| !token.is_null());
        self.over = self.token.is_none();
        Ok(Some(items(&page, "events")))
    }
}
