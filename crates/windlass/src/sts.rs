use std::future::Future;
use std::pin::Pin;

use windlass_protocol::{Call, Fault, Outcome, Reply, Service};
use windlass_value::{Object, Value};

/// The one operation of STS that every tool calls before anything else.
pub(crate) struct Sts;

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(std::future::ready(answer(&call)))
    }
}

fn answer(call: &Call) -> Outcome {
    match &*call.operation {
        "GetCallerIdentity" => Ok(caller_identity(call)),
        other => Err(Fault::not_built(&format!("sts:{other}"))),
    }
}

/// AWS gives root its account number as user id and a user an opaque id; ours
/// is the user's name, which is as stable.
fn caller_identity(call: &Call) -> Reply {
    let principal = &call.principal;
    let user = principal.arn.rsplit_once(":user/").map_or(&*principal.account, |(_, user)| user);
    let mut identity = Object::new();
    identity.insert("UserId", Value::string(user));
    identity.insert("Account", Value::String(principal.account.clone()));
    identity.insert("Arn", Value::String(principal.arn.clone()));
    Reply::from(Value::Object(identity.into()))
}
