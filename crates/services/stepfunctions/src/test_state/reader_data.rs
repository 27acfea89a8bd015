//! `mapItemReaderData`: what an `ItemReader` would have read, in its own format.

use windlass_asl::{Failure, StateKind};
use windlass_item_reader::{ReaderConfig, read_text};
use windlass_workflow::ReadItem;

use super::subject::Subject;

/// The items of the data, or why they cannot be read; `None` where the state has no reader.
pub(super) fn items(subject: &Subject, text: &str) -> Option<Result<Vec<ReadItem>, Failure>> {
    let StateKind::Map(map) = &subject.state().kind else { return None };
    let reader = map.item_reader.as_ref()?;
    // The state itself evaluates MaxItems.
    const ALL: Option<u64> = Some(0);
    let read = ReaderConfig::from_value(&reader.config, ALL).and_then(|config| read_text(&config, text));
    let items = read.map(|items| items.into_iter().map(|item| ReadItem { value: item.value, key: item.key }).collect());
    Some(items.map_err(|failure| Failure { error: failure.error, cause: failure.cause, location: None }))
}
