use std::fmt;
use std::sync::Arc;

use windlass_value::{Text, Timestamp, uuid_v4};

/// The clock, the randomness and the quotas of the service.
#[derive(Clone)]
pub struct Environment {
    /// The time now.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// 128 unpredictable bits.
    pub random: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Seals page tokens; the same after a restart, so that they stay valid.
    pub token_key: [u8; 32],
    /// Largest input or output in UTF-8 bytes; AWS: 262,144.
    pub payload_bytes_max: usize,
}

impl Environment {
    /// AWS's quotas.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        random: impl Fn() -> u128 + Send + Sync + 'static,
        token_key: [u8; 32],
    ) -> Environment {
        const PAYLOAD_BYTES_MAX: usize = 262_144;
        Environment { now: Arc::new(now), random: Arc::new(random), token_key, payload_bytes_max: PAYLOAD_BYTES_MAX }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A new UUID.
    pub fn uuid(&self) -> Text {
        uuid_v4((self.random)()).into()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("payload_bytes_max", &self.payload_bytes_max).finish_non_exhaustive()
    }
}
