use windlass_value::Timestamp;

/// `rate(5 minutes)`: one interval after the other, from an anchor on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub value: u32,
    /// Of what.
    pub unit: RateUnit,
    /// Whether the unit was written in the singular.
    pub is_singular: bool,
}

/// What a rate counts. A day has 24 hours, whatever clocks do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

impl RateUnit {
    fn ms(self) -> i64 {
        match self {
            RateUnit::Minute => 60_000,
            RateUnit::Hour => 3_600_000,
            RateUnit::Day => 86_400_000,
        }
    }
}

impl Rate {
    /// Reads `5 minutes`.
    pub(crate) fn parse(text: &str) -> Option<Rate> {
        let mut words = text.split_ascii_whitespace();
        let (value, unit, None) = (words.next()?, words.next()?, words.next()) else { return None };
        let value = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())??;
        let (unit, is_singular) = match unit {
            "minute" => (RateUnit::Minute, true),
            "minutes" => (RateUnit::Minute, false),
            "hour" => (RateUnit::Hour, true),
            "hours" => (RateUnit::Hour, false),
            "day" => (RateUnit::Day, true),
            "days" => (RateUnit::Day, false),
            _ => return None,
        };
        (value > 0).then_some(Rate { value, unit, is_singular })
    }

    /// Whether number and unit agree, as rules of EventBridge ask: `1 minute`, `2 minutes`.
    pub fn is_grammatical(&self) -> bool {
        self.is_singular == (self.value == 1)
    }

    /// The interval.
    pub fn period_ms(&self) -> i64 {
        i64::from(self.value) * self.unit.ms()
    }

    /// The first of `anchor`, `anchor + 1 interval`, … that is later than `after`.
    pub fn next(&self, after: Timestamp, anchor: Timestamp) -> Timestamp {
        if after < anchor {
            return anchor;
        }
        let elapsed = after.as_ms().saturating_sub(anchor.as_ms());
        let intervals = elapsed / self.period_ms() + 1;
        anchor.plus_ms(intervals.saturating_mul(self.period_ms()))
    }
}
