//! How often an account may call an operation, where that has a bound.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_protocol::{Call, Fault};
use windlass_value::{Text, Timestamp};
use windlass_workflow::{Bucket, Rate};

use crate::fault::throttled;

/// Buckets that are remembered; a full one is forgotten.
const BUCKETS_MAX: usize = 100_000;

/// Whose bucket: account, region, operation.
type Owner = (Text, Text, &'static str);

/// The buckets of all accounts; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Throttle {
    rates: &'static [Rate],
    /// What is left, and as of when.
    left: Arc<Mutex<HashMap<Owner, (f64, Timestamp)>>>,
}

impl Throttle {
    pub(crate) fn new(rates: &'static [Rate]) -> Throttle {
        Throttle { rates, left: Arc::default() }
    }

    fn bucket(&self, operation: &str) -> Option<(&'static str, Bucket)> {
        let of_rate = |rate: &Rate| Some((*rate.operations.iter().find(|one| **one == operation)?, rate.bucket));
        self.rates.iter().find_map(of_rate)
    }

    /// Takes a token for a call.
    ///
    /// # Errors
    /// `ThrottlingException` when there is none.
    pub(crate) fn admit(&self, call: &Call, operation: &str, now: Timestamp) -> Result<(), Fault> {
        let Some((operation, bucket)) = self.bucket(operation) else { return Ok(()) };
        let mut left = self.left.lock();
        if left.len() >= BUCKETS_MAX {
            left.retain(|_, (tokens, at)| bucket.filled(*tokens, now.as_ms() - at.as_ms()) < f64::from(bucket.size));
        }
        let owner = (call.account.clone(), call.region.clone(), operation);
        let (tokens, at) = left.entry(owner).or_insert((f64::from(bucket.size), now));
        *tokens = bucket.filled(*tokens, now.as_ms() - at.as_ms());
        *at = now;
        if *tokens < 1.0 {
            return Err(throttled(format!("more than {} calls of {operation} at once", bucket.size)));
        }
        *tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use windlass_protocol::{Body, Principal};
    use windlass_value::Value;
    use windlass_workflow::RATES_AWS;

    use super::*;

    fn call(account: &str) -> Call {
        Call {
            account: account.into(),
            region: "us-east-1".into(),
            service: "states".into(),
            operation: "DescribeExecution".into(),
            input: Value::empty_object(),
            body: Body::empty(),
            principal: Principal { arn: "".into(), account: account.into(), access_key_id: None },
            source_arn: None,
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 0,
            request_id: "r".into(),
        }
    }

    #[test]
    fn each_account_has_its_buckets() {
        let throttle = Throttle::new(RATES_AWS);
        let taken = |account: &str, operation: &str, at_ms: i64| {
            let call = call(account);
            (0..20_000).take_while(|_| throttle.admit(&call, operation, Timestamp(at_ms)).is_ok()).count()
        };
        assert_eq!(taken("1", "DescribeExecution", 0), 300);
        assert_eq!(taken("1", "DescribeExecution", 1_000), 15, "what a second brings back");
        assert_eq!(taken("2", "DescribeExecution", 1_000), 300, "another account");
        assert_eq!(taken("1", "StartExecution", 0), 1_300);
        assert_eq!(taken("1", "RedriveExecution", 0), 1_300, "a bucket of its own");
        assert_eq!(taken("1", "DescribeStateMachine", 0), 20_000, "no bucket");
        let fault = throttle.admit(&call("1"), "StartExecution", Timestamp(0)).unwrap_err();
        assert_eq!((&*fault.code, &*fault.message), ("ThrottlingException", "Rate exceeded"));
        assert!(Throttle::default().admit(&call("1"), "StartExecution", Timestamp(0)).is_ok());
    }
}
