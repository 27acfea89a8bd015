//! A pack of tables: a line that names its kind and version, the lengths of its index
//! compressed and plain, the index, and after it the tables, each compressed by itself.

use std::io::Read;

use flate2::read::ZlibDecoder;
use windlass_value::{Value, parse};

/// How large an index or a table may become.
const TABLE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A pack taken apart: the rows of its index, and the bytes its tables lie in.
pub(crate) struct Pack {
    /// The index's `services`.
    pub(crate) services: Vec<Value>,
    tables: &'static [u8],
}

impl Pack {
    /// Takes a pack of that kind apart.
    ///
    /// # Errors
    /// It is of another kind or version, or damaged.
    pub(crate) fn read(pack: &'static [u8], magic: &[u8]) -> Result<Pack, String> {
        let rest = pack.strip_prefix(magic).ok_or("the pack is of another version")?;
        let (packed_len, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (len, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (packed_len, len) = (u32::from_le_bytes(*packed_len) as usize, u32::from_le_bytes(*len) as usize);
        let (packed, tables) = rest.split_at_checked(packed_len).ok_or_else(short)?;
        let index = document(&inflate(packed, len)?)?;
        let services = index["services"].as_array().ok_or("the index has no services")?;
        Ok(Pack { services: services.to_vec(), tables })
    }

    /// The compressed table of a row, and its plain length.
    ///
    /// # Errors
    /// The row does not say where it is, or says a place that is not there.
    pub(crate) fn table(&self, row: &Value) -> Result<(&'static [u8], usize), String> {
        let (at, len) = (size(row, "at")?, size(row, "packed")?);
        let end = at.checked_add(len).ok_or_else(short)?;
        Ok((self.tables.get(at..end).ok_or_else(short)?, size(row, "bytes")?))
    }
}

fn short() -> String {
    "the pack breaks off".to_owned()
}

/// A row's text.
///
/// # Errors
/// It has none of that name.
pub(crate) fn text_of<'a>(row: &'a Value, key: &str) -> Result<&'a str, String> {
    row[key].as_str().ok_or_else(|| format!("a service without '{key}'"))
}

fn size(row: &Value, key: &str) -> Result<usize, String> {
    row[key].as_i64().and_then(|size| usize::try_from(size).ok()).ok_or_else(|| format!("a service without '{key}'"))
}

/// A compressed table.
///
/// # Errors
/// It is damaged, has another length, or is larger than a table may be.
pub(crate) fn inflate(packed: &[u8], len: usize) -> Result<Vec<u8>, String> {
    if len > TABLE_BYTES_MAX {
        return Err(format!("a table of {len} bytes"));
    }
    let mut out = Vec::with_capacity(len);
    ZlibDecoder::new(packed).take(len as u64 + 1).read_to_end(&mut out).map_err(|error| error.to_string())?;
    if out.len() == len { Ok(out) } else { Err(format!("a table has {} bytes instead of {len}", out.len())) }
}

/// A table's bytes as JSON.
///
/// # Errors
/// They are none.
pub(crate) fn document(bytes: &[u8]) -> Result<Value, String> {
    parse(std::str::from_utf8(bytes).map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}
