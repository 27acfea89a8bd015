/// Whether a new bucket may have that name: 3 to 63 characters of `a-z0-9.-`,
/// letters or digits at both ends of it and of what is between dots, no IP address,
/// none of the beginnings and ends that AWS keeps for itself.
pub(crate) fn is_valid(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (BYTES_MIN..=BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| is_end(byte) || matches!(byte, b'.' | b'-'))
        && bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
        && !["..", ".-", "-."].iter().any(|pair| name.contains(pair))
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !RESERVED_STARTS.iter().any(|start| name.starts_with(start))
        && !RESERVED_ENDS.iter().any(|end| name.ends_with(end))
}

const BYTES_MIN: usize = 3;
const BYTES_MAX: usize = 63;
const RESERVED_STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for name in ["abc", "a-b.c9", "123", "1.2.3", &longest] {
            assert!(is_valid(name), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "",
            "ab",
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "abc-s3alias",
            "äbc",
            &too_long,
        ] {
            assert!(!is_valid(name), "{name}");
        }
    }
}
