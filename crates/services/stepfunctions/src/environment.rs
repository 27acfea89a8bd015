use std::fmt;
use std::sync::Arc;

use windlass_journal::{Clock, SystemClock};
use windlass_value::{Text, Timestamp, uuid_v4};

/// The clock, the randomness and the quotas of the service.
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    /// Largest input or output in UTF-8 bytes; AWS: 262,144.
    pub payload_bytes_max: usize,
}

impl Environment {
    /// AWS's quotas, over the journal's clock.
    pub fn new(clock: Arc<dyn Clock>) -> Environment {
        const PAYLOAD_BYTES_MAX: usize = 262_144;
        Environment { clock, payload_bytes_max: PAYLOAD_BYTES_MAX }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new UUID.
    pub fn uuid(&self) -> Text {
        let (high, low) = (self.clock.seed(), self.clock.seed());
        uuid_v4(u128::from(high) << 64 | u128::from(low)).into()
    }

    /// A number below `bound`, each as likely as the others.
    pub(crate) fn draw(&self, bound: u64) -> u64 {
        // The high half of the product: below the bound for every seed.
        ((u128::from(self.clock.seed()) * u128::from(bound)) >> 64) as u64
    }

    /// 64 random bits.
    pub(crate) fn seed(&self) -> u64 {
        self.clock.seed()
    }

    /// 32 unpredictable bytes.
    pub(crate) fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        for chunk in key.chunks_mut(size_of::<u64>()) {
            chunk.copy_from_slice(&self.clock.seed().to_be_bytes());
        }
        key
    }
}

impl Default for Environment {
    fn default() -> Environment {
        Environment::new(Arc::new(SystemClock::new(0)))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("payload_bytes_max", &self.payload_bytes_max).finish_non_exhaustive()
    }
}
