//! Randomness from a seed: Java's generator, which AWS's answers show.

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

/// `java.util.Random`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random((seed ^ MULTIPLIER) & MASK)
    }

    fn bits(&mut self, count: u32) -> u64 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        self.0 >> (48 - count)
    }

    /// A double in [0, 1), as `nextDouble()`.
    pub(crate) fn double(&mut self) -> f64 {
        let high = self.bits(26) << 27;
        (high + self.bits(27)) as f64 / (1u64 << 53) as f64
    }

    /// 128 bits.
    pub(crate) fn wide(&mut self) -> u128 {
        (0..4).fold(0, |all, _| all << 32 | u128::from(self.bits(32)))
    }

    /// An integer below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.double() * bound as f64) as usize).min(bound.saturating_sub(1))
    }
}
