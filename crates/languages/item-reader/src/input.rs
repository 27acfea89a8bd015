/// The bytes of one object that were fed and not yet read.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    at: usize,
    /// The object's offset of `bytes[0]`.
    base: u64,
    ended: bool,
}

impl Input {
    /// Bytes that begin at an offset of the object.
    pub(crate) fn from_offset(offset: u64) -> Input {
        Input { base: offset, ..Input::default() }
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        // Moves only what an unfinished item left.
        self.bytes.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        self.bytes.extend_from_slice(chunk);
    }

    /// Where decompressed bytes are appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        self.feed(&[]);
        &mut self.bytes
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.bytes.len());
    }

    /// The object's offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Goes past a byte order mark at the object's start; `None` while its bytes are
    /// still to come.
    pub(crate) fn skip_mark(&mut self) -> Option<()> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if self.offset() == 0 && !self.rest().is_empty() && MARK.starts_with(self.rest()) && !self.ended {
            return (self.rest().len() == MARK.len()).then(|| self.consume(MARK.len()));
        }
        if self.offset() == 0 && self.rest().starts_with(MARK) {
            self.consume(MARK.len());
        }
        Some(())
    }
}
