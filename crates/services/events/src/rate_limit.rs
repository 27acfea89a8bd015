use std::collections::HashMap;

use parking_lot::Mutex;
use windlass_value::Timestamp;

/// Names that are counted at once; beyond that, all begin anew.
const NAMES_MAX: usize = 10_000;

/// How often something may happen, by name: requests are spaced evenly once the
/// burst of one second is used up.
#[derive(Default)]
pub(crate) struct RateLimits {
    /// By name, in microseconds: when all that was let through would have been
    /// spaced evenly.
    until: Mutex<HashMap<String, i64>>,
}

impl RateLimits {
    /// Takes one of `per_second` of that name, or says when there is one.
    pub(crate) fn take(&self, name: &str, per_second: u32, now: Timestamp) -> Result<(), Timestamp> {
        const SECOND_US: i64 = 1_000_000;
        let now_us = now.as_ms().saturating_mul(1000);
        let spacing_us = SECOND_US / i64::from(per_second.max(1));
        let mut until = self.until.lock();
        if until.len() >= NAMES_MAX {
            until.clear();
        }
        let used = until.entry(name.to_owned()).or_insert(now_us);
        let next = (*used).max(now_us) + spacing_us;
        if next - now_us > SECOND_US.max(spacing_us) {
            let wait_us = next - now_us - SECOND_US.max(spacing_us);
            return Err(now.plus_ms(wait_us / 1000 + 1));
        }
        *used = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lets_through_what_it_may() {
        let limits = RateLimits::default();
        let mut now = Timestamp(1_000_000);
        let mut passed = 0;
        while limits.take("a", 10, now).is_ok() {
            passed += 1;
        }
        assert_eq!(passed, 10);
        assert!(limits.take("b", 10, now).is_ok(), "another name has its own");
        // One more after each tenth of a second.
        for _ in 0..20 {
            let Err(at) = limits.take("a", 10, now) else { panic!("too many passed") };
            now = at;
            assert_eq!(limits.take("a", 10, now), Ok(()));
            passed += 1;
        }
        let took_ms = now.as_ms() - 1_000_000;
        assert!((2000..2100).contains(&took_ms), "{passed} took {took_ms} ms");
    }
}
