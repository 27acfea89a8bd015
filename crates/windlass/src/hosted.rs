use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;
use windlass_iam::{Authorization, Identities};
use windlass_protocol::{Service, Wiring};

use crate::cors::Cors;
use crate::meters::Measurement;

/// Work that is done once.
pub type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Closes what is hosted; background work may go on until the instant given.
pub type Close = Box<dyn FnOnce(Instant) -> Task<Result<(), String>> + Send>;

/// Answers a certificate in PEM by its path; `None` for any other path.
pub type Certificate = Box<dyn Fn(String) -> Task<Option<String>> + Send + Sync>;

/// What a server hosts: services, what must happen before they may be called,
/// and what must happen after.
pub struct Hosted {
    /// The services, one for each signing name, who authorizes calls to them, and
    /// which go elsewhere.
    pub wiring: Wiring,
    /// Whose the access keys of IAM's users and of sessions are, and what calls
    /// were refused; `None`: only the configuration's keys are known.
    pub access: Option<AccessControl>,
    /// Where large bodies are written while they come in, on the blobs' disk.
    pub uploads: Option<PathBuf>,
    /// What buckets tell browsers.
    pub(crate) cors: Option<Cors>,
    /// The certificate that notifications are signed with.
    pub certificate: Option<Certificate>,
    /// Takes up what an earlier run left; the server is ready when it is done.
    /// Its error stops the server.
    pub recover: Task<Result<(), String>>,
    /// Ends background work and closes the store, after the last call.
    pub close: Close,
    /// What has made the server unfit to serve since it was ready, if anything.
    pub unfit: Box<dyn Fn() -> Option<String> + Send + Sync>,
    /// Values read whenever metrics are asked for (store size, open executions).
    pub measure: Box<dyn Fn() -> Vec<Measurement> + Send + Sync>,
}

/// What the listener needs to know of IAM.
pub struct AccessControl {
    /// Keys that are not the configuration's.
    pub identities: Identities,
    /// What decides about calls; `None` in open mode.
    pub authorization: Option<Arc<Authorization>>,
}

impl Hosted {
    /// Services that recover nothing, close nothing and measure nothing.
    pub fn stateless(services: Vec<Arc<dyn Service>>) -> Hosted {
        Hosted {
            wiring: Wiring { services, ..Wiring::default() },
            access: None,
            uploads: None,
            cors: None,
            certificate: None,
            recover: Box::pin(async { Ok(()) }),
            close: Box::new(|_| Box::pin(async { Ok(()) })),
            unfit: Box::new(|| None),
            measure: Box::new(Vec::new),
        }
    }
}
