use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::address::{Kind, kind_of};

/// Which addresses may be called. Clones share the listeners.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Everything is allowed: addresses that the operator configured.
    trusting: bool,
    allowed: Arc<[Allow]>,
    listeners: Arc<RwLock<Vec<SocketAddr>>>,
}

/// An exception from the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Network(IpAddr, u8),
    Name(String),
    /// Every name that ends so; begins with a dot.
    Suffix(String),
}

/// Text that names no exception.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no host, *.domain, address or network (with an optional :port)")]
pub struct AllowError(String);

impl Allow {
    /// Reads `host`, `*.domain`, `10.0.0.0/8`, `[::1]`, each with an optional `:port`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Allow, AllowError> {
        let refused = || AllowError(text.to_owned());
        let (host, port) = split_port(text).ok_or_else(refused)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let hosts = match bare.split_once('/') {
            Some((address, bits)) => {
                let address: IpAddr = address.parse().map_err(|_| refused())?;
                let bits = bits.parse().ok().filter(|bits| *bits <= width(address)).ok_or_else(refused)?;
                Hosts::Network(address, bits)
            }
            None => match bare.parse::<IpAddr>() {
                Ok(address) => Hosts::Network(address, width(address)),
                Err(_) => named(bare).ok_or_else(refused)?,
            },
        };
        Ok(Allow { hosts, port })
    }

    fn covers(&self, host: &str, address: SocketAddr) -> bool {
        self.port.is_none_or(|port| port == address.port())
            && match &self.hosts {
                Hosts::Network(network, bits) => within(address.ip().to_canonical(), *network, *bits),
                Hosts::Name(name) => host.eq_ignore_ascii_case(name),
                Hosts::Suffix(suffix) => host.to_ascii_lowercase().ends_with(suffix.as_str()),
            }
    }
}

/// Whether an address belongs to one of this machine's interfaces: only such a
/// one can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind((ip, 0)).is_ok()
}

/// Host and port of `host:port`, `[v6]:port`, or either without a port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = text.rfind(']').map_or(0, |at| at + 1);
    match text[end_of_host..].rfind(':').map(|at| at + end_of_host) {
        // An IPv6 address without brackets has no port.
        Some(at) if end_of_host > 0 || !text[..at].contains(':') => {
            Some((&text[..at], Some(text[at + 1..].parse().ok()?)))
        }
        _ => Some((text, None)),
    }
}

fn named(text: &str) -> Option<Hosts> {
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    match text.strip_prefix('*') {
        Some(suffix) if suffix.starts_with('.') && is_name(&suffix[1..]) => {
            Some(Hosts::Suffix(suffix.to_ascii_lowercase()))
        }
        None if is_name(text) => Some(Hosts::Name(text.to_owned())),
        _ => None,
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            u32::from(address).checked_shr(32 - u32::from(bits)).unwrap_or(0)
                == u32::from(network).checked_shr(32 - u32::from(bits)).unwrap_or(0)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            u128::from(address).checked_shr(128 - u32::from(bits)).unwrap_or(0)
                == u128::from(network).checked_shr(128 - u32::from(bits)).unwrap_or(0)
        }
        _ => false,
    }
}

impl Guard {
    /// Public addresses and those exceptions.
    pub fn new(allowed: Vec<Allow>) -> Guard {
        Guard { trusting: false, allowed: allowed.into(), listeners: Arc::default() }
    }

    /// Allows every address: for those that the operator wrote into the
    /// configuration, never for those that a caller names.
    pub fn trusting() -> Guard {
        Guard { trusting: true, ..Guard::default() }
    }

    /// Names an address this server listens on, which no exception allows.
    pub fn add_listener(&self, address: SocketAddr) {
        self.listeners.write().push(address);
    }

    /// Whether a connection to that address may be made for that host.
    ///
    /// # Errors
    /// Why not, and what would allow it.
    pub fn check(&self, host: &str, address: SocketAddr) -> Result<(), String> {
        if self.trusting {
            return Ok(());
        }
        let ip = address.ip().to_canonical();
        let kind = kind_of(ip);
        let of_listener = |listener: &SocketAddr| {
            let same = listener.ip().to_canonical() == ip;
            listener.port() == address.port() && (same || listener.ip().is_unspecified() && is_of_this_machine(ip))
        };
        if self.listeners.read().iter().any(of_listener) {
            return Err(format!(
                "The address {host}:{} is this server itself, which outgoing calls may not reach. Use the service's own ARN instead.",
                address.port()
            ));
        }
        if kind == Kind::Public || self.allowed.iter().any(|allow| allow.covers(host, address)) {
            return Ok(());
        }
        let what = match kind {
            Kind::Private => "in a private network",
            Kind::Loopback => "on this machine",
            Kind::LinkLocal => "link-local",
            Kind::Special | Kind::Public => "in a reserved range",
        };
        Err(format!(
            "The address {ip} of '{host}' is {what}, which outgoing calls may not reach. To allow it, add \"{host}:{}\" to outgoing.allow in the configuration.",
            address.port()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &[&str], host: &str, address: &str) -> bool {
        let allowed = allowed.iter().map(|text| Allow::parse(text).expect(text)).collect();
        Guard::new(allowed).check(host, address.parse().expect(address)).is_ok()
    }

    #[test]
    fn only_public_addresses_and_exceptions_pass() {
        for (allowed, host, address, passes) in [
            (&[][..], "example.com", "93.184.216.34:443", true),
            (&[], "example.com", "127.0.0.1:443", false),
            (&[], "metadata", "169.254.169.254:80", false),
            (&[], "x", "[::ffff:10.0.0.1]:80", false),
            (&["10.0.0.0/8"], "x", "10.9.8.7:80", true),
            (&["10.0.0.0/8"], "x", "[::ffff:10.0.0.1]:80", true),
            (&["10.0.0.0/8:443"], "x", "10.9.8.7:80", false),
            (&["10.0.0.0/8"], "x", "11.9.8.7:80", true),
            (&["0.0.0.0/0"], "x", "127.0.0.1:80", true),
            (&["localhost:9000"], "localhost", "127.0.0.1:9000", true),
            (&["localhost:9000"], "localhost", "127.0.0.1:9001", false),
            (&["localhost:9000"], "evil.example", "127.0.0.1:9000", false),
            (&["*.internal"], "a.internal", "10.0.0.1:80", true),
            (&["*.internal"], "internal", "10.0.0.1:80", false),
            (&["[::1]:80"], "::1", "[::1]:80", true),
            (&["::1"], "::1", "[::1]:81", true),
        ] {
            assert_eq!(check(allowed, host, address), passes, "{allowed:?} {host} {address}");
        }
    }

    #[test]
    fn our_own_listeners_are_never_called() {
        let guard = Guard::new(vec![Allow::parse("127.0.0.1").expect("an address")]);
        guard.add_listener("0.0.0.0:4566".parse().expect("an address"));
        assert!(guard.check("localhost", "127.0.0.1:4566".parse().expect("an address")).is_err());
        assert!(guard.check("localhost", "127.0.0.1:4567".parse().expect("an address")).is_ok());
    }

    #[test]
    fn what_is_no_exception_is_refused() {
        for text in ["", "*", "*.", "10.0.0.0/33", "a b", "host:99999", "http://x", "*x"] {
            assert!(Allow::parse(text).is_err(), "{text}");
        }
    }
}
