use crate::failure::ReaderFailure;
use crate::gunzip::{Gunzip, MAGIC};
use crate::input::Input;

/// The plain bytes of an object that may be compressed: what begins as gzip does is
/// decompressed, whatever its name (Athena and S3 inventories write such objects).
#[derive(Default)]
pub(crate) struct Plain {
    pub(crate) input: Input,
    gunzip: Option<Gunzip>,
    /// Whether it is known if the object is compressed.
    known: bool,
}

impl Plain {
    /// The plain bytes from an offset on.
    pub(crate) fn resume(offset: u64, gzip: bool) -> Plain {
        Plain {
            input: Input::from_offset(offset),
            gunzip: gzip.then(|| Gunzip::new(offset)),
            known: gzip || offset > 0,
        }
    }

    /// The offset of the object to read from: its start where it is compressed.
    pub(crate) fn open_offset(&self) -> u64 {
        if self.is_gzip() { 0 } else { self.input.offset() }
    }

    pub(crate) fn is_gzip(&self) -> bool {
        self.gunzip.is_some()
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        match &mut self.gunzip {
            Some(gunzip) => gunzip.feed(chunk),
            None => self.input.feed(chunk),
        }
    }

    pub(crate) fn end(&mut self) {
        match &mut self.gunzip {
            Some(gunzip) => gunzip.end(),
            None => self.input.end(),
        }
    }

    /// Whether enough bytes came to know how to read them.
    pub(crate) fn is_known(&mut self) -> bool {
        if self.known {
            return true;
        }
        let rest = self.input.rest();
        if rest.len() < MAGIC.len() && !self.input.ended() {
            return false;
        }
        self.known = true;
        if rest.starts_with(&MAGIC) {
            let mut gunzip = Gunzip::new(0);
            gunzip.feed(rest);
            if self.input.ended() {
                gunzip.end();
            }
            self.input = Input::default();
            self.gunzip = Some(gunzip);
        }
        true
    }

    /// Decompresses a little; whether that changed anything.
    pub(crate) fn pump(&mut self) -> Result<bool, ReaderFailure> {
        match &mut self.gunzip {
            Some(gunzip) => gunzip.step(&mut self.input),
            None => Ok(false),
        }
    }
}
