//! Parameters that expire.

use std::sync::Weak;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_outbox::{BoxFuture, Deliver, Delivery, Entry, Verdict};
use windlass_protocol::Fault;
use windlass_store::Batch;
use windlass_value::Timestamp;

use crate::faults;
use crate::parameter::Parameter;
use crate::policy;
use crate::ssm::Ssm;

/// When what could not be carried out is tried again.
const RETRY_MS: i64 = 60_000;

/// A stored type.
#[derive(Serialize, Deserialize)]
struct Body {
    account: String,
    region: String,
    name: String,
}

/// The expiration of a parameter.
pub(crate) fn expiration(parameter: &Parameter, due: Timestamp) -> Entry {
    let Parameter { account, region, name, .. } = parameter.clone();
    // A structure of texts always has a JSON text.
    let body = serde_json::to_vec(&Body { account, region, name }).map(Bytes::from).unwrap_or_default();
    Entry { id: expiration_id(parameter).into(), lane: None, due, body }
}

/// The id of its entry. Not the ARN: `a` and `/a` share one.
pub(crate) fn expiration_id(parameter: &Parameter) -> String {
    let Parameter { account, region, name, .. } = parameter;
    format!("expire {account} {region} {name}")
}

/// Carries out what is due.
pub(crate) struct Due {
    pub(crate) ssm: Weak<Ssm>,
}

impl Deliver for Due {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(ssm) = self.ssm.upgrade() else {
                return Verdict::Retry { at: delivery.added };
            };
            match ssm.expire(&delivery) {
                Ok(batch) => Verdict::Done(batch),
                Err(fault) => {
                    tracing::error!(id = &*delivery.id, %fault, "a parameter cannot be deleted; it is tried again");
                    Verdict::Retry { at: (ssm.now)().plus_ms(RETRY_MS) }
                }
            }
        })
    }
}

impl Ssm {
    fn expire(&self, delivery: &Delivery) -> Result<Batch, Fault> {
        let body: Body = serde_json::from_slice(&delivery.body).map_err(|error| faults::row("what is due", error))?;
        let mut batch = Batch::default();
        let now = (self.now)();
        if let Some(stored) = self.find(&body.account, &body.region, &body.name)?
            && policy::expiration(stored.parameter.current.policies.as_deref()).is_some_and(|instant| instant <= now)
        {
            self.erase(&stored, &mut batch)?;
            tracing::info!(parameter = stored.parameter.arn(), "a parameter was deleted: its policy says so");
        }
        Ok(batch)
    }
}
