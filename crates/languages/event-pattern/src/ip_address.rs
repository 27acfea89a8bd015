use std::net::Ipv6Addr;

/// An IP address as the matcher reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpAddress {
    V4(u32),
    V6(u128),
}

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IpRange {
    base: IpAddress,
    mask_bits: u32,
}

impl IpAddress {
    /// Reads `10.0.0.1` or `2001:db8::1`; an IPv4 address written as IPv6
    /// (`::ffff:a00:1`) is the IPv4 address.
    pub(crate) fn parse(text: &str) -> Option<IpAddress> {
        if looks_like_v4(text) {
            let mut bits = 0_u32;
            for part in text.split('.') {
                bits = (bits << 8) | u32::from(part.parse::<u8>().ok()?);
            }
            return Some(IpAddress::V4(bits));
        }
        if !looks_like_v6(text) {
            return None;
        }
        let address: Ipv6Addr = text.parse().ok()?;
        Some(match address.to_ipv4_mapped() {
            Some(v4) => IpAddress::V4(v4.to_bits()),
            None => IpAddress::V6(address.to_bits()),
        })
    }
}

fn looks_like_v4(text: &str) -> bool {
    let mut parts = 0;
    let digits = text.split('.').all(|part| {
        parts += 1;
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    digits && parts == 4
}

fn looks_like_v6(text: &str) -> bool {
    text.contains(':') && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

impl IpRange {
    /// Reads `10.0.0.0/8`.
    ///
    /// # Errors
    /// The matcher's text.
    pub(crate) fn parse(text: &str) -> Result<IpRange, String> {
        // Empty parts at the end do not count, as in Java's `split`.
        let mut parts: Vec<&str> = text.split('/').collect();
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [address, bits] = parts[..] else { return Err("Malformed CIDR, one '/' required".to_owned()) };
        let bits: i32 = bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let mask_bits = u32::try_from(bits).map_err(|_| "Malformed CIDR, mask bits must not be negative".to_owned())?;
        let base = IpAddress::parse(address).ok_or_else(|| match looks_like_v4(address) || looks_like_v6(address) {
            true => format!("Invalid IP address: {address}"),
            false => format!("Nonstandard IP address: {address}"),
        })?;
        match base {
            IpAddress::V4(_) if mask_bits > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            IpAddress::V6(_) if mask_bits > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            _ => Ok(IpRange { base, mask_bits }),
        }
    }

    pub(crate) fn contains(&self, address: IpAddress) -> bool {
        match (self.base, address) {
            (IpAddress::V4(base), IpAddress::V4(address)) => {
                (base ^ address).checked_shr(32 - self.mask_bits).unwrap_or(0) == 0
            }
            (IpAddress::V6(base), IpAddress::V6(address)) => {
                (base ^ address).checked_shr(128 - self.mask_bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}
