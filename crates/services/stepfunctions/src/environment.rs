use std::fmt;
use std::sync::Arc;

use windlass_journal::{Clock, SystemClock};
use windlass_protocol::{Call, Fault};
use windlass_value::{Text, Timestamp, uuid_v4};
use windlass_workflow::{Limits, PAYLOAD_BYTES_MAX_AWS, Quotas};

use crate::throttle::Throttle;

/// The clock, the randomness and the quotas of the service.
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    /// Largest input or output in UTF-8 bytes, of machines without a profile of
    /// their own; AWS: 262,144.
    pub payload_bytes_max: usize,
    quotas: Arc<Quotas>,
    /// This server's own limits, for machines that have them whatever the server's are.
    own: Arc<Limits>,
    throttle: Throttle,
}

impl Environment {
    /// This server's own quotas, over the journal's clock.
    pub fn new(clock: Arc<dyn Clock>) -> Environment {
        Environment {
            clock,
            payload_bytes_max: 0,
            quotas: Arc::default(),
            own: Arc::default(),
            throttle: Throttle::default(),
        }
        .with_quotas(Quotas::default(), Limits::default())
    }

    /// The same with other quotas; `own` are the limits of machines that are tagged
    /// to have this server's.
    #[must_use]
    pub fn with_quotas(self, quotas: Quotas, own: Limits) -> Environment {
        Environment {
            payload_bytes_max: quotas.limits.payload_bytes_max,
            throttle: Throttle::new(quotas.rates),
            quotas: Arc::new(quotas),
            own: Arc::new(own),
            ..self
        }
    }

    /// What an account may have and do.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The largest input or output of executions of a profile.
    pub(crate) fn payload_bytes_max(&self, aws_limits: Option<bool>) -> usize {
        match aws_limits {
            None => self.payload_bytes_max,
            Some(true) => PAYLOAD_BYTES_MAX_AWS,
            Some(false) => self.own.payload_bytes_max,
        }
    }

    /// Counts a call of an operation against its rate.
    ///
    /// # Errors
    /// `ThrottlingException`.
    pub(crate) fn admit(&self, call: &Call, operation: &str) -> Result<(), Fault> {
        self.throttle.admit(call, operation, self.now())
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
