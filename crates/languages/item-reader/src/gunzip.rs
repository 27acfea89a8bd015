use std::io::Write;

use flate2::write::MultiGzDecoder;

use crate::failure::ReaderFailure;
use crate::input::Input;

/// Compressed bytes taken at a time: what they grow to (1,032 times at most) bounds memory.
const STEP_BYTES: usize = 4 * 1024;
/// The first two bytes of every gzip member.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The decompression of one object, a step at a time.
pub(crate) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    waiting: Vec<u8>,
    at: usize,
    ended: bool,
    /// Plain bytes to drop before the first that is wanted: a compressed object can
    /// only be read from its start.
    skip: u64,
}

impl Gunzip {
    pub(crate) fn new(skip: u64) -> Gunzip {
        Gunzip { decoder: MultiGzDecoder::new(Vec::new()), waiting: Vec::new(), at: 0, ended: false, skip }
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.waiting.drain(..self.at);
        self.at = 0;
        self.waiting.extend_from_slice(chunk);
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Moves plain bytes on; whether it did anything.
    pub(crate) fn step(&mut self, input: &mut Input) -> Result<bool, ReaderFailure> {
        let broken = |error: std::io::Error| ReaderFailure::new(format!("The gzip data cannot be read: {error}"));
        let rest = &self.waiting[self.at..];
        if rest.is_empty() {
            if !self.ended || input.ended() {
                return Ok(false);
            }
            self.decoder.try_finish().map_err(broken)?;
            self.hand_on(input);
            input.end();
            return Ok(true);
        }
        let step = &rest[..rest.len().min(STEP_BYTES)];
        self.decoder.write_all(step).map_err(broken)?;
        self.at += step.len();
        self.hand_on(input);
        Ok(true)
    }

    fn hand_on(&mut self, input: &mut Input) {
        let plain = self.decoder.get_mut();
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(plain.len());
        self.skip -= skipped as u64;
        input.tail().extend_from_slice(&plain[skipped..]);
        plain.clear();
    }
}
