//! What surrounds each stored value: format version, codec, checksum.
//!
//! Layout: `[format: 1 byte][codec: 1 byte][CRC-32, little endian: 4 bytes][value]`.
//! The checksum covers format, codec, place and value, so that a value which
//! turns up under another row's key is found out too.

use bytes::Bytes;

use crate::key::Key;

const FORMAT: u8 = 1;
/// The value as given. 1 and 2 are reserved for compressed and encrypted values.
const CODEC_PLAIN: u8 = 0;
const HEADER_BYTES: usize = 6;

/// Where a value is stored; part of its checksum.
pub(crate) struct Place<'a> {
    pub(crate) key: &'a Key,
    /// The position in a stream; a row has none.
    pub(crate) sequence: Option<u64>,
}

impl<'a> Place<'a> {
    pub(crate) fn row(key: &'a Key) -> Place<'a> {
        Place { key, sequence: None }
    }

    pub(crate) fn entry(stream: &'a Key, sequence: u64) -> Place<'a> {
        Place { key: stream, sequence: Some(sequence) }
    }
}

pub(crate) fn seal(place: &Place<'_>, value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEADER_BYTES + value.len());
    sealed.extend([FORMAT, CODEC_PLAIN]);
    sealed.extend(checksum(place, [FORMAT, CODEC_PLAIN], value).to_le_bytes());
    sealed.extend(value);
    sealed
}

/// The value inside, or why it cannot be trusted.
pub(crate) fn open(place: &Place<'_>, sealed: &[u8]) -> Result<Bytes, String> {
    let Some(([format, codec, sum @ ..], value)) = sealed.split_first_chunk::<HEADER_BYTES>() else {
        return Err(format!("{} bytes are too few for a value", sealed.len()));
    };
    if *format != FORMAT {
        return Err(format!("value format {format} is unknown"));
    }
    if *codec != CODEC_PLAIN {
        return Err(format!("codec {codec} is unknown"));
    }
    if checksum(place, [*format, *codec], value) != u32::from_le_bytes(*sum) {
        return Err("the checksum does not match".to_owned());
    }
    Ok(Bytes::copy_from_slice(value))
}

fn checksum(place: &Place<'_>, header: [u8; 2], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header);
    hasher.update(place.key.as_bytes());
    if let Some(sequence) = place.sequence {
        hasher.update(&sequence.to_be_bytes());
    }
    hasher.update(value);
    hasher.finalize()
}
