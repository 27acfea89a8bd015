use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use crate::call::{CALL_DEPTH_MAX, Call, Reply};
use crate::fault::Fault;

/// What a call ends in.
pub type Outcome = Result<Reply, Fault>;

/// A service hosted here. It answers the operations of its model; those it does
/// not build answer [`Fault::not_built`].
pub trait Service: Send + Sync + 'static {
    /// The signing name: `states`, `lambda`, …
    fn name(&self) -> &'static str;
    /// Answers one call. Dropping the future cancels the call.
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;
}

/// Hands every call to the service that is hosted here. The only way services
/// meet.
#[derive(Clone, Default)]
pub struct Dispatcher {
    services: Arc<OnceLock<HashMap<&'static str, Arc<dyn Service>>>>,
}

impl Dispatcher {
    /// A dispatcher whose services are set once they are built (they hold
    /// the dispatcher themselves).
    pub fn new() -> Dispatcher {
        Dispatcher::default()
    }

    /// Sets the services; a second time changes nothing and answers false.
    pub fn set_services(&self, services: Vec<Arc<dyn Service>>) -> bool {
        let services = services.into_iter().map(|service| (service.name(), service)).collect();
        self.services.set(services).is_ok()
    }

    /// Whether a service of that signing name is hosted here.
    pub fn hosts(&self, service: &str) -> bool {
        self.services.get().is_some_and(|services| services.contains_key(service))
    }

    /// Answers one call.
    ///
    /// # Errors
    /// What the service answers; an unknown service; a call deeper than [`CALL_DEPTH_MAX`].
    pub async fn call(&self, call: Call) -> Outcome {
        if call.depth > CALL_DEPTH_MAX {
            return Err(Fault::new(
                "RecursiveInvocationException",
                "Calls lead to calls too deeply; the loop was stopped.",
            ));
        }
        let service = self.services.get().and_then(|services| services.get(&*call.service)).cloned();
        match service {
            Some(service) => service.call(call).await,
            None => Err(Fault::not_built(&format!("the service '{}'", call.service))),
        }
    }
}
