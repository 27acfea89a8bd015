use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use windlass_protocol::Fault;

use crate::faults;

const FORMAT: u8 = 1;
const MAC_BYTES: usize = 16;
const PLAIN_BYTES: usize = 1 + 8 + 8 + 4;

/// What a receipt handle names: one receive of one message of one queue. Sealed
/// with the queue's secret, so that only who received a message can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) queue_id: u64,
    pub(crate) sequence: u64,
    /// Which receive of the message, from 1.
    pub(crate) receive: u32,
}

impl Receipt {
    /// The handle.
    pub(crate) fn seal(&self, secret: &[u8; 16]) -> String {
        let mut bytes = Vec::with_capacity(PLAIN_BYTES + MAC_BYTES);
        bytes.push(FORMAT);
        bytes.extend(self.queue_id.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.receive.to_be_bytes());
        let mac = mac(secret, &bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        STANDARD.encode(bytes)
    }

    /// Reads a handle of the queue of that id and secret.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` for a handle of another queue, and for anything else.
    pub(crate) fn open(handle: &str, queue_id: u64, secret: &[u8; 16]) -> Result<Receipt, Fault> {
        let bytes = STANDARD.decode(handle).ok().filter(|bytes| bytes.len() == PLAIN_BYTES + MAC_BYTES);
        let (plain, seal) = bytes.as_deref().ok_or_else(|| faults::invalid_receipt(handle))?.split_at(PLAIN_BYTES);
        let receipt = read(plain).ok_or_else(|| faults::invalid_receipt(handle))?;
        let is_sealed = mac(secret, plain).verify_truncated_left(seal).is_ok();
        if is_sealed && receipt.queue_id == queue_id { Ok(receipt) } else { Err(faults::foreign_receipt(handle)) }
    }
}

fn read(plain: &[u8]) -> Option<Receipt> {
    let (format, plain) = plain.split_first()?;
    let (queue_id, plain) = plain.split_first_chunk()?;
    let (sequence, receive) = plain.split_first_chunk()?;
    (*format == FORMAT).then_some(Receipt {
        queue_id: u64::from_be_bytes(*queue_id),
        sequence: u64::from_be_bytes(*sequence),
        receive: u32::from_be_bytes(receive.try_into().ok()?),
    })
}

fn mac(secret: &[u8; 16], plain: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(plain);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_opens_only_as_it_was_sealed() {
        let (secret, receipt) = ([7; 16], Receipt { queue_id: 9, sequence: 41, receive: 3 });
        let handle = receipt.seal(&secret);
        assert_eq!(Receipt::open(&handle, 9, &secret), Ok(receipt));
        let other = Receipt { receive: 4, ..receipt }.seal(&secret);
        assert_ne!(handle, other);
        let mut altered = handle.clone().into_bytes();
        assert_eq!(std::mem::replace(&mut altered[12], b'B'), b'A');
        let altered = String::from_utf8(altered).expect("still ASCII");
        for (handle, queue_id, secret) in [(handle.as_str(), 8, secret), (&handle, 9, [8; 16]), (&altered, 9, secret)] {
            assert_eq!(Receipt::open(handle, queue_id, &secret), Err(faults::foreign_receipt(handle)));
        }
        for handle in ["", "x y", "AAAA", &handle[4..]] {
            assert_eq!(Receipt::open(handle, 9, &secret), Err(faults::invalid_receipt(handle)));
        }
    }
}
