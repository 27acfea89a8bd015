use windlass_protocol::Fault;

use crate::faults;

/// The bytes of an object that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) start: u64,
    pub(crate) len: u64,
}

impl ByteRange {
    /// `bytes 0-9/100`
    pub(crate) fn content_range(self, whole: u64) -> String {
        format!("bytes {}-{}/{whole}", self.start, self.start + self.len - 1)
    }
}

/// Reads a `Range` header against an object of that length. `None`: the whole
/// object, which S3 also answers to what it does not understand, several ranges among it.
///
/// # Errors
/// `InvalidRange` for a range outside the object.
pub(crate) fn parse(header: &str, whole: u64) -> Result<Option<ByteRange>, Fault> {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let unsatisfiable =
        || faults::invalid_range(header, whole).with_member("content-range", format!("bytes */{whole}"));
    let (start, end) = match (first.trim().is_empty(), number(first), last.trim().is_empty(), number(last)) {
        (true, _, _, Some(suffix)) => {
            if suffix == 0 || whole == 0 {
                return Err(unsatisfiable());
            }
            (whole.saturating_sub(suffix), whole - 1)
        }
        (false, Some(start), true, _) => (start, u64::MAX),
        (false, Some(start), false, Some(end)) if start <= end => (start, end),
        _ => return Ok(None),
    };
    if start >= whole {
        return Err(unsatisfiable());
    }
    Ok(Some(ByteRange { start, len: end.min(whole - 1) - start + 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let range = |start, len| Ok(Some(ByteRange { start, len }));
        let cases = [
            ("bytes=0-4", range(0, 5)),
            ("bytes=5-", range(5, 5)),
            ("bytes=-3", range(7, 3)),
            ("bytes=-30", range(0, 10)),
            ("bytes=8-100", range(8, 2)),
            ("bytes=9-9", range(9, 1)),
            ("bytes=5-4", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=a-b", Ok(None)),
            ("lines=0-4", Ok(None)),
            ("bytes=10-", Err(416)),
            ("bytes=-0", Err(416)),
        ];
        for (header, expected) in cases {
            assert_eq!(parse(header, 10).map_err(|fault| fault.status), expected, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0).map_err(|fault| fault.status), Err(416));
    }
}
