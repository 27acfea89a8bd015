use memchr::memchr;

use crate::failure::ReaderFailure;
use crate::input::Input;
use crate::item::{Found, ItemBounds};
use crate::json::element;

/// Values of a JSON Lines object; lines without a value are gone past.
#[derive(Default)]
pub(crate) struct Lines {
    /// Bytes of the unfinished line that hold no line feed.
    searched: usize,
}

impl Lines {
    pub(crate) fn next(&mut self, input: &mut Input, bounds: ItemBounds) -> Result<Found, ReaderFailure> {
        loop {
            if input.skip_mark().is_none() {
                return Ok(Found::More);
            }
            let start = input.offset();
            let rest = input.rest();
            let line = match memchr(b'\n', &rest[self.searched..]) {
                Some(at) => &rest[..self.searched + at],
                None if !input.ended() => {
                    self.searched = rest.len();
                    bounds.check_text(rest.len(), start)?;
                    return Ok(Found::More);
                }
                None if rest.is_empty() => return Ok(Found::End),
                None => rest,
            };
            let found = match line.trim_ascii().is_empty() {
                true => None,
                false => Some(element(line, start, bounds)?),
            };
            let read = line.len() + 1;
            input.consume(read);
            self.searched = 0;
            if let Some(value) = found {
                return Ok(Found::Item(value, None));
            }
        }
    }
}
