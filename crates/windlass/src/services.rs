//! The one place where services are made from the configuration.

use std::sync::Arc;

use windlass_protocol::{Dispatcher, Service};

use crate::config::Config;
use crate::hosted::Hosted;
use crate::sts::Sts;

/// Makes every service this binary hosts, over one store in the data folder.
/// Services call each other through `dispatcher`, whose services are set after.
///
/// # Errors
/// What stands in the way (the store is locked, a folder cannot be made), with
/// what to do.
pub fn build_services(_config: &Config, _dispatcher: &Dispatcher) -> Result<Hosted, String> {
    let services: Vec<Arc<dyn Service>> = vec![Arc::new(Sts)];
    Ok(Hosted::stateless(services))
}
