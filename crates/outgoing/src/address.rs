use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A host of the internet.
    Public,
    /// A network of the operator's own: RFC 1918, RFC 6598, unique local IPv6.
    Private,
    /// This machine.
    Loopback,
    /// The link, where clouds keep their metadata services.
    LinkLocal,
    /// Multicast, broadcast, documentation, benchmarks and what is reserved.
    Special,
}

/// What an address reaches. IPv6 addresses that carry an IPv4 address (mapped,
/// compatible, 6to4, NAT64) are what that address is.
pub fn kind_of(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(carried) => kind_of_v4(carried),
            None => kind_of_v6(address),
        },
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        // 0.0.0.0 connects to this machine.
        [127, ..] | [0, 0, 0, 0] => Kind::Loopback,
        [169, 254, ..] => Kind::LinkLocal,
        [10, ..] | [192, 168, ..] => Kind::Private,
        [172, second, ..] if (16..32).contains(&second) => Kind::Private,
        [100, second, ..] if (64..128).contains(&second) => Kind::Private,
        [0, ..] | [192, 0, 0, _] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Special,
        [198, second, ..] if (18..20).contains(&second) => Kind::Special,
        [first, ..] if first >= 224 => Kind::Special,
        _ => Kind::Public,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    let segments = address.segments();
    if address.is_loopback() || address.is_unspecified() {
        return Kind::Loopback;
    }
    match segments[0] {
        first if first & 0xffc0 == 0xfe80 => Kind::LinkLocal,
        // Unique local, and the site-local range it replaced.
        first if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Kind::Private,
        // Translation of a network's own, whose layout cannot be known.
        0x0064 if segments[1] == 0xff9b => Kind::Special,
        // Discard, documentation, Teredo and ORCHID, multicast.
        0x0100 if segments[1..4] == [0, 0, 0] => Kind::Special,
        0x2001 if segments[1] == 0x0db8 || segments[1] < 0x0200 => Kind::Special,
        0x3fff if segments[1] < 0x1000 => Kind::Special,
        first if first & 0xff00 == 0xff00 => Kind::Special,
        _ => Kind::Public,
    }
}

/// The IPv4 address inside an IPv6 address.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0, 0, 0, 0, 0xffff, 0) => v4(g, h),
        (0, 0, 0, 0, 0, 0) if g != 0 => v4(g, h),
        (0x0064, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        (0x2002, high, low, ..) => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_addresses_reach() {
        let cases = include_str!("../tests/addresses.txt");
        for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (address, expected) = line.split_once(' ').expect("address and kind");
            let kind = kind_of(address.parse().expect(address));
            assert_eq!(format!("{kind:?}"), expected.trim(), "{address}");
        }
    }
}
