//! Calls that the configuration sends elsewhere than to the service hosted here.

mod document;
mod endpoint;
mod http;
mod mock;
mod rule;

use std::sync::Arc;

use windlass_outgoing::{Guard, Outgoing};
use windlass_protocol::{Call, Fault, Models, Router, Service};

pub(crate) use rule::BackendSection;
pub use rule::{Backend, BackendRule, EndpointTarget, MockTarget};

/// The rules of the configuration, the first that fits wins.
pub(crate) struct Backends {
    rules: Vec<(BackendRule, Option<Arc<dyn Service>>)>,
    hosted: Vec<&'static str>,
}

impl Backends {
    /// Makes what the rules name. `hosted` are the services that this binary has.
    ///
    /// # Errors
    /// The client for endpoints cannot be made.
    pub(crate) fn new(
        rules: &[BackendRule],
        authorities: Option<&[u8]>,
        hosted: Vec<&'static str>,
    ) -> Result<Backends, String> {
        // The operator wrote these addresses; they may be on this machine.
        let outgoing = Outgoing::new(Guard::trusting(), authorities)?;
        let made = rules.iter().map(|rule| {
            let backend: Option<Arc<dyn Service>> = match &rule.backend {
                Backend::Embedded => None,
                Backend::Endpoint(target) => Some(Arc::new(endpoint::Endpoint::new(target.clone(), outgoing.clone()))),
                Backend::Http(target) => Some(Arc::new(http::Http::new(target.clone(), outgoing.clone()))),
                Backend::Mock(target) => Some(Arc::new(mock::Mock::new(target.clone()))),
            };
            (rule.clone(), backend)
        });
        Ok(Backends { rules: made.collect(), hosted })
    }
}

impl Router for Backends {
    fn route(&self, call: &Call) -> Option<Arc<dyn Service>> {
        let (_, backend) =
            self.rules.iter().find(|(rule, _)| rule.fits(call, self.hosted.contains(&&*call.service)))?;
        backend.clone()
    }

    fn unrouted(&self, call: &Call) -> Fault {
        let (service, operation) = (&call.service, &call.operation);
        let known = Models::embedded().service(service).is_some();
        let example =
            if known { "kind = \"endpoint\"\nurl = \"https://…\"" } else { "kind = \"http\"\nurl = \"https://…\"" };
        Fault::new(
            NO_BACKEND,
            format!(
                "Nothing is configured to answer {service}:{operation}. Name who does in windlass.toml, for example:\n\n\
                 [[backend]]\nservice = \"{service}\"\n{example}\n"
            ),
        )
        .with_status(501)
    }
}

/// The code of the fault for a service that is neither hosted nor configured.
const NO_BACKEND: &str = "NoBackendConfigured";
