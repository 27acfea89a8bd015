//! Bodies in `aws-chunked` encoding: chunks, each perhaps with a signature that goes on
//! from the one before, and trailing headers.
//!
//! Source: AWS's "Signature Calculations for the Authorization Header: Transferring
//! Payload in Multiple Chunks", and the same with trailing headers.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::claim::{Claim, TERMINATOR};
use crate::credentials::Credentials;
use crate::hash::{hex, hmac_sha256, sha256_hex};
use crate::signing_key::SigningKeys;

/// A chunk's head: its size and signature.
const HEAD_BYTES_MAX: usize = 1024;
/// All trailing headers.
const TRAILER_BYTES_MAX: usize = 16 * 1024;
const CHUNK_SIGNATURE: &str = "chunk-signature=";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Why a chunked body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// It is not written as the encoding asks, or ends too early.
    Malformed,
    /// A signature is missing or another one.
    Signature,
}

/// Reads one chunked body, piece by piece as it comes in.
pub struct ChunkedBody {
    signing: Option<Signing>,
    at: At,
    line: Vec<u8>,
    trailers: Vec<(String, String)>,
    trailer_signature: Option<String>,
    trailer_bytes: usize,
}

/// Where in the encoding the next byte lies.
enum At {
    Head,
    Data {
        left: u64,
    },
    /// The line end behind a chunk's data.
    EndOfData,
    Trailers,
    End,
}

struct Signing {
    key: [u8; 32],
    /// Date and scope as they stand in every string to sign.
    context: String,
    previous: String,
    /// What the current chunk's head states.
    stated: String,
    hash: Sha256,
}

impl ChunkedBody {
    /// A body whose chunks are not looked at further.
    pub fn unsigned() -> ChunkedBody {
        ChunkedBody::new(None)
    }

    /// A body whose chunks go on from the claim's signature, which is verified already.
    pub fn signed(claim: &Claim, credentials: &Credentials, keys: &SigningKeys) -> ChunkedBody {
        let key = keys.key(&credentials.secret_access_key, &claim.scope_date, &claim.region, &claim.service);
        let context =
            format!("{}\n{}/{}/{}/{TERMINATOR}", claim.date_text(), claim.scope_date, claim.region, claim.service);
        ChunkedBody::new(Some(Signing {
            key,
            context,
            previous: claim.signature.clone(),
            stated: String::new(),
            hash: Sha256::new(),
        }))
    }

    fn new(signing: Option<Signing>) -> ChunkedBody {
        ChunkedBody {
            signing,
            at: At::Head,
            line: Vec::new(),
            trailers: Vec::new(),
            trailer_signature: None,
            trailer_bytes: 0,
        }
    }

    /// Takes the next bytes; `data` is handed what they decode to. What was handed over
    /// is only the sender's word once [`ChunkedBody::finish`] says so.
    ///
    /// # Errors
    /// The encoding or a signature is wrong.
    pub fn feed(&mut self, mut input: &[u8], data: &mut dyn FnMut(&[u8])) -> Result<(), ChunkError> {
        while !input.is_empty() {
            match self.at {
                At::Data { left } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let (bytes, rest) = input.split_at(here);
                    if let Some(signing) = &mut self.signing {
                        signing.hash.update(bytes);
                    }
                    data(bytes);
                    input = rest;
                    let left = left - here as u64;
                    if left == 0 {
                        self.end_chunk()?;
                        self.at = At::EndOfData;
                    } else {
                        self.at = At::Data { left };
                    }
                }
                At::End => return Err(ChunkError::Malformed),
                At::Head | At::EndOfData | At::Trailers => {
                    let (line, rest) = self.take_line(input)?;
                    input = rest;
                    if let Some(line) = line {
                        self.read_line(&line)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The trailing headers, names in lower case, once the whole body was fed.
    ///
    /// # Errors
    /// The body ends too early, or the signature over the trailing headers is wrong.
    pub fn finish(self) -> Result<Vec<(String, String)>, ChunkError> {
        match self.at {
            At::End => {}
            // Some clients leave out the last line end.
            At::Trailers if self.line.is_empty() => {}
            _ => return Err(ChunkError::Malformed),
        }
        let Some(signing) = &self.signing else { return Ok(self.trailers) };
        if self.trailers.is_empty() {
            return Ok(self.trailers);
        }
        let text: String = self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let to_sign = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}",
            signing.context,
            signing.previous,
            sha256_hex(text.as_bytes())
        );
        let expected = hex(&hmac_sha256(&signing.key, to_sign.as_bytes()));
        let stated = self.trailer_signature.as_deref().unwrap_or_default();
        if !bool::from(expected.as_bytes().ct_eq(stated.as_bytes())) {
            return Err(ChunkError::Signature);
        }
        Ok(self.trailers)
    }

    /// The bytes up to a line end, once it is there.
    fn take_line<'a>(&mut self, input: &'a [u8]) -> Result<(Option<String>, &'a [u8]), ChunkError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (bytes, rest) = input.split_at(end.map_or(input.len(), |end| end + 1));
        if self.line.len() + bytes.len() > HEAD_BYTES_MAX.max(TRAILER_BYTES_MAX) {
            return Err(ChunkError::Malformed);
        }
        self.line.extend_from_slice(bytes);
        if end.is_none() {
            return Ok((None, rest));
        }
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8(line).map_err(|_| ChunkError::Malformed)?;
        Ok((Some(line.trim_end_matches(['\r', '\n']).to_owned()), rest))
    }

    fn read_line(&mut self, line: &str) -> Result<(), ChunkError> {
        match self.at {
            At::Head => self.read_head(line),
            At::EndOfData if line.is_empty() => {
                self.at = At::Head;
                Ok(())
            }
            At::Trailers if line.is_empty() => {
                self.at = At::End;
                Ok(())
            }
            At::Trailers => self.read_trailer(line),
            At::EndOfData | At::Data { .. } | At::End => Err(ChunkError::Malformed),
        }
    }

    fn read_head(&mut self, line: &str) -> Result<(), ChunkError> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        const DIGITS_MAX: usize = 16;
        let digits = !size.is_empty() && size.len() <= DIGITS_MAX && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let left = u64::from_str_radix(size, 16).ok().filter(|_| digits).ok_or(ChunkError::Malformed)?;
        if let Some(signing) = &mut self.signing {
            signing.stated = extension.strip_prefix(CHUNK_SIGNATURE).ok_or(ChunkError::Signature)?.to_owned();
            signing.hash = Sha256::new();
        }
        self.at = At::Data { left };
        if left == 0 {
            self.end_chunk()?;
            self.at = At::Trailers;
        }
        Ok(())
    }

    fn read_trailer(&mut self, line: &str) -> Result<(), ChunkError> {
        self.trailer_bytes += line.len();
        let (name, value) = line.split_once(':').ok_or(ChunkError::Malformed)?;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(ChunkError::Malformed);
        }
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name == TRAILER_SIGNATURE {
            self.trailer_signature = Some(value);
        } else {
            self.trailers.push((name, value));
        }
        Ok(())
    }

    /// Checks the signature over the chunk whose data just ended.
    fn end_chunk(&mut self) -> Result<(), ChunkError> {
        let Some(signing) = &mut self.signing else { return Ok(()) };
        let hash = hex(&std::mem::take(&mut signing.hash).finalize());
        let to_sign =
            format!("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{hash}", signing.context, signing.previous, sha256_hex(b""));
        let expected = hex(&hmac_sha256(&signing.key, to_sign.as_bytes()));
        if !bool::from(expected.as_bytes().ct_eq(signing.stated.as_bytes())) {
            return Err(ChunkError::Signature);
        }
        signing.previous = expected;
        Ok(())
    }
}
