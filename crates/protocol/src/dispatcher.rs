use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use windlass_value::{Text, Value};

use crate::body::Body;
use crate::call::{CALL_DEPTH_MAX, Call, Principal, Reply};
use crate::fault::Fault;

/// What a call ends in.
pub type Outcome = Result<Reply, Fault>;

/// A future that a trait's method answers with.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service hosted here, or what stands in for one. It answers the operations
/// of its model; those it does not build answer [`Fault::not_built`].
pub trait Service: Send + Sync + 'static {
    /// The signing name: `states`, `lambda`, …
    fn name(&self) -> &'static str;

    /// Answers one call. Dropping the future cancels the call.
    fn call(&self, call: Call) -> BoxFuture<'_, Outcome>;

    /// The policy attached to a resource of this service (a queue's, a topic's, a
    /// bucket's, a function's, a key's), as JSON text; `None` where it has none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn resource_policy<'a>(&'a self, _resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether an event of that source and detail type would reach anybody, were it
    /// put on the default bus of an account's region: a question before work is
    /// done for nobody. A wrong `true` costs only that work. Must not block.
    fn awaits_event(&self, _account: &str, _region: &str, _source: &str, _detail_type: &str) -> bool {
        false
    }

    /// The account that owns a resource of this service whose ARN names none (a
    /// bucket's, an object's); `None` where there is no such resource.
    ///
    /// # Errors
    /// The store cannot be read.
    fn resource_account<'a>(&'a self, _resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// Decides whether a call's principal may make it.
pub trait Authorizer: Send + Sync + 'static {
    /// Answers nothing for an allowed call.
    ///
    /// # Errors
    /// The refusal, as AWS words it.
    fn authorize<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<(), Fault>>;
}

/// Sends some calls elsewhere than to the service that is hosted here.
pub trait Router: Send + Sync + 'static {
    /// Who answers this call; `None`: the service hosted here.
    fn route(&self, call: &Call) -> Option<Arc<dyn Service>>;

    /// What to tell the caller of a service that nobody answers for: the
    /// configuration that would help.
    fn unrouted(&self, call: &Call) -> Fault;
}

/// What a dispatcher works with once everything is built.
#[derive(Default)]
pub struct Wiring {
    /// The services hosted here.
    pub services: Vec<Arc<dyn Service>>,
    /// `None`: every call is allowed (open mode).
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// `None`: every call goes to the services hosted here.
    pub router: Option<Arc<dyn Router>>,
}

struct Wired {
    services: HashMap<&'static str, Arc<dyn Service>>,
    authorizer: Option<Arc<dyn Authorizer>>,
    router: Option<Arc<dyn Router>>,
}

/// Hands every call, once it is allowed, to whoever answers it: the service
/// hosted here, or what the configuration says. The only way services meet.
#[derive(Clone, Default)]
pub struct Dispatcher {
    wired: Arc<OnceLock<Wired>>,
}

impl Dispatcher {
    /// A dispatcher that is wired once the services are built (they hold the
    /// dispatcher themselves).
    pub fn new() -> Dispatcher {
        Dispatcher::default()
    }

    /// Sets services, authorizer and router; a second time changes nothing and answers false.
    pub fn wire(&self, wiring: Wiring) -> bool {
        let Wiring { services, authorizer, router } = wiring;
        let services = services.into_iter().map(|service| (service.name(), service)).collect();
        self.wired.set(Wired { services, authorizer, router }).is_ok()
    }

    /// Whether calls are checked at all.
    pub fn authorizes(&self) -> bool {
        self.wired.get().is_some_and(|wired| wired.authorizer.is_some())
    }

    /// Whether a service of that signing name is hosted here.
    pub fn hosts(&self, service: &str) -> bool {
        self.wired.get().is_some_and(|wired| wired.services.contains_key(service))
    }

    /// Whether this call would be answered by the service hosted here, not sent elsewhere.
    pub fn answers_here(&self, call: &Call) -> bool {
        self.wired.get().is_some_and(|wired| {
            wired.services.contains_key(&*call.service)
                && wired.router.as_ref().is_none_or(|router| router.route(call).is_none())
        })
    }

    /// Whether anybody would take such an event from the default bus of that place:
    /// rules and archives of the bus hosted here say so; a bus elsewhere is told
    /// everything. Must be cheap: it is asked for every execution.
    pub fn awaits_event(&self, account: &Text, region: &Text, source: &str, detail_type: &str) -> bool {
        const SERVICE: &str = "events";
        let Some(wired) = self.wired.get() else {
            // What is taken up before the services are wired is told once they are.
            return true;
        };
        if let Some(router) = &wired.router
            && router.route(&event_call(account, region)).is_some()
        {
            return true;
        }
        wired.services.get(SERVICE).is_some_and(|bus| bus.awaits_event(account, region, source, detail_type))
    }

    /// The policy attached to a resource of a service hosted here.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn resource_policy(&self, service: &str, resource_arn: &str) -> Result<Option<Text>, Fault> {
        match self.wired.get().and_then(|wired| wired.services.get(service)) {
            Some(service) => service.resource_policy(resource_arn).await,
            None => Ok(None),
        }
    }

    /// The account that owns a resource whose ARN names none, of a service hosted here.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn resource_account(&self, service: &str, resource_arn: &str) -> Result<Option<Text>, Fault> {
        match self.wired.get().and_then(|wired| wired.services.get(service)) {
            Some(service) => service.resource_account(resource_arn).await,
            None => Ok(None),
        }
    }

    /// Whether a call's principal may make it, for what is then done without the
    /// dispatcher; [`Dispatcher::call`] asks by itself.
    ///
    /// # Errors
    /// The refusal of the authorizer; the services are not wired yet.
    pub async fn authorize(&self, call: &Call) -> Result<(), Fault> {
        let Some(wired) = self.wired.get() else {
            return Err(Fault::internal("a call came before the services were wired"));
        };
        match &wired.authorizer {
            Some(authorizer) => authorizer.authorize(call).await,
            None => Ok(()),
        }
    }

    /// Answers one call.
    ///
    /// # Errors
    /// What the service answers; a refusal of the authorizer; an unknown service;
    /// a call deeper than [`CALL_DEPTH_MAX`].
    pub async fn call(&self, call: Call) -> Outcome {
        if call.depth > CALL_DEPTH_MAX {
            return Err(Fault::new(
                "RecursiveInvocationException",
                "Calls lead to calls too deeply; the loop was stopped.",
            ));
        }
        let Some(wired) = self.wired.get() else {
            return Err(Fault::internal("a call came before the services were wired"));
        };
        if let Some(authorizer) = &wired.authorizer {
            authorizer.authorize(&call).await?;
        }
        let routed = wired.router.as_ref().and_then(|router| router.route(&call));
        match routed.or_else(|| wired.services.get(&*call.service).cloned()) {
            Some(service) => service.call(call).await,
            None => Err(match &wired.router {
                Some(router) => router.unrouted(&call),
                None => Fault::not_built(&format!("the service '{}'", call.service)),
            }),
        }
    }
}

/// A call that puts an event, to ask where it would go.
fn event_call(account: &Text, region: &Text) -> Call {
    static NAMES: std::sync::LazyLock<(Text, Text, Text, Text)> =
        std::sync::LazyLock::new(|| ("events".into(), "PutEvents".into(), "states.amazonaws.com".into(), "".into()));
    let (service, operation, principal, request_id) = NAMES.clone();
    Call {
        account: account.clone(),
        region: region.clone(),
        service,
        operation,
        input: Value::Null,
        body: Body::empty(),
        principal: Principal { arn: principal, account: account.clone(), access_key_id: None },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 1,
        request_id,
    }
}
