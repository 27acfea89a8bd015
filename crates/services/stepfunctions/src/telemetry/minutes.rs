//! What executions did in the last hour, minute by minute; in memory only.

use parking_lot::Mutex;
use windlass_value::Timestamp;
use windlass_workflow::Status;

/// Minutes that are kept.
pub(crate) const MINUTES: usize = 60;
const MINUTE_MS: i64 = 60_000;

/// Durations are counted in steps that grow by a quarter of a power of two.
const STEPS: usize = 160;

/// One minute of all Standard executions.
#[derive(Clone, Debug)]
pub(crate) struct Minute {
    /// Minutes since 1970.
    number: i64,
    pub(crate) started: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) aborted: u64,
    durations: [u32; STEPS],
}

/// A ring of minutes.
pub(crate) struct Minutes(Mutex<Vec<Minute>>);

impl Minutes {
    pub(crate) fn new() -> Minutes {
        Minutes(Mutex::new((0..MINUTES).map(|_| Minute::new(-1)).collect()))
    }

    pub(crate) fn started(&self, at: Timestamp) {
        self.with(at, |minute| minute.started += 1);
    }

    pub(crate) fn ended(&self, status: Status, started_at: Timestamp, at: Timestamp) {
        self.with(at, |minute| {
            match status {
                Status::Succeeded => minute.succeeded += 1,
                Status::Failed | Status::TimedOut => minute.failed += 1,
                _ => minute.aborted += 1,
            }
            minute.durations[step(at.as_ms() - started_at.as_ms())] += 1;
        });
    }

    fn with(&self, at: Timestamp, change: impl FnOnce(&mut Minute)) {
        let number = at.as_ms().div_euclid(MINUTE_MS);
        let mut minutes = self.0.lock();
        let minute = &mut minutes[number.rem_euclid(MINUTES as i64) as usize];
        if minute.number > number {
            return;
        }
        if minute.number < number {
            *minute = Minute::new(number);
        }
        change(minute);
    }

    /// The last hour, the oldest first; minutes in which nothing happened too.
    pub(crate) fn last_hour(&self, now: Timestamp) -> Vec<Minute> {
        let last = now.as_ms().div_euclid(MINUTE_MS);
        let minutes = self.0.lock();
        (last - MINUTES as i64 + 1..=last)
            .map(|number| {
                let minute = &minutes[number.rem_euclid(MINUTES as i64) as usize];
                if minute.number == number { minute.clone() } else { Minute::new(number) }
            })
            .collect()
    }
}

impl Minute {
    fn new(number: i64) -> Minute {
        Minute { number, started: 0, succeeded: 0, failed: 0, aborted: 0, durations: [0; STEPS] }
    }

    /// Its first instant.
    pub(crate) fn begins(&self) -> Timestamp {
        Timestamp(self.number * MINUTE_MS)
    }

    /// The duration in milliseconds that this share of those that ended in it kept
    /// within; `None` where none ended.
    pub(crate) fn duration_ms(&self, share: f64) -> Option<f64> {
        let all: u64 = self.durations.iter().map(|count| u64::from(*count)).sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut seen = 0;
        self.durations.iter().enumerate().find_map(|(step, count)| {
            seen += u64::from(*count);
            (all > 0 && seen >= wanted).then(|| duration(step))
        })
    }
}

/// 0 is up to a millisecond; each four steps double it.
fn step(ms: i64) -> usize {
    if ms <= 1 {
        return 0;
    }
    (((ms as f64).log2() * 4.0).ceil() as usize).min(STEPS - 1)
}

fn duration(step: usize) -> f64 {
    (step as f64 / 4.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_counted_apart_and_forgotten_after_an_hour() {
        let minutes = Minutes::new();
        let start = Timestamp(1_000 * MINUTE_MS);
        minutes.started(start);
        minutes.ended(Status::Succeeded, start, start.plus_ms(100));
        minutes.ended(Status::TimedOut, start, start.plus_ms(MINUTE_MS));
        let hour = minutes.last_hour(start.plus_ms(MINUTE_MS));
        assert_eq!(hour.len(), MINUTES);
        let [.., before, last] = hour.as_slice() else { panic!("an hour") };
        assert_eq!((before.started, before.succeeded, before.failed), (1, 1, 0));
        assert_eq!((last.started, last.succeeded, last.failed), (0, 0, 1));
        assert_eq!(before.begins(), start);
        let later = start.plus_ms(MINUTES as i64 * MINUTE_MS);
        assert_eq!(minutes.last_hour(later).iter().map(|minute| minute.started).sum::<u64>(), 0);
        minutes.started(later);
        minutes.started(start);
        assert_eq!(minutes.last_hour(later).iter().map(|minute| minute.started).sum::<u64>(), 1);
    }

    #[test]
    fn durations_are_told_within_a_fifth() {
        let minutes = Minutes::new();
        let at = Timestamp(10 * MINUTE_MS);
        for ms in 1..=1_000 {
            minutes.ended(Status::Succeeded, Timestamp(at.as_ms() - ms), at);
        }
        let hour = minutes.last_hour(at);
        let minute = hour.last().expect("an hour");
        for (share, exact) in [(0.5, 500.0), (0.95, 950.0), (1.0, 1_000.0)] {
            let told = minute.duration_ms(share).expect("some ended");
            assert!(told >= exact * 0.99 && told <= exact * 1.2, "{share}: {told}");
        }
        assert_eq!(hour[0].duration_ms(0.5), None);
    }
}
