/// How many virtual shards a store has; a shard leads every key.
pub const SHARDS: u16 = 4096;

/// A row's key: parts encoded so that byte order is the order of the parts.
///
/// Every key starts with (shard, account, region), so that a shard can move to
/// another node and an account or region be listed as one range.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key that begins with its shard, account and region.
    pub fn new(shard: u16, account: &str, region: &str) -> Key {
        debug_assert!(shard < SHARDS);
        Key(shard.to_be_bytes().to_vec()).text(account).text(region)
    }

    /// A key from bytes that a store handed out before.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Key {
        Key(bytes.into())
    }

    /// Adds a text part. `"a"` sorts before `"ab"`; a NUL inside is escaped.
    pub fn text(mut self, part: &str) -> Key {
        for byte in part.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 0]);
        self
    }

    /// Adds a number part, in numeric order.
    pub fn number(mut self, part: u64) -> Key {
        self.0.extend(part.to_be_bytes());
        self
    }

    /// Adds a part of fixed length, such as a 16-byte id.
    pub fn fixed(mut self, part: &[u8]) -> Key {
        self.0.extend(part);
        self
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first key after every key that starts with this one; `None` at the
    /// end of the key space.
    pub fn prefix_end(&self) -> Option<Key> {
        let mut bytes = self.0.clone();
        while let Some(last) = bytes.pop() {
            if last < 0xff {
                bytes.push(last + 1);
                return Some(Key(bytes));
            }
        }
        None
    }
}

impl std::fmt::Debug for Key {
    /// Text parts stay readable: `Key(\x00\x07123456789012\x00\x00…)`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Key({})", self.0.escape_ascii())
    }
}

/// The shard of a name: a stable hash (FNV-1a), the same on every machine and release.
pub fn shard_of(name: &str) -> u16 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    ((hash ^ (hash >> 32)) % u64::from(SHARDS)) as u16
}
