use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use windlass_protocol::{Call, Fault, Outcome, Service};
use windlass_store::Store;

use crate::catalogue::Catalogue;
use crate::code_store::CodeStore;
use crate::concurrency::Concurrency;
use crate::config::{LambdaConfig, OpenError};
use crate::events::EventQueue;
use crate::function_name::FunctionName;
use crate::input;
use crate::logs::Logs;
use crate::pool::Pool;
use crate::runtime::Runtimes;

/// How often drained work and idle processes are looked at.
const DRAIN_INTERVAL: Duration = Duration::from_millis(20);

/// The Lambda service.
pub struct Lambda {
    pub(crate) shared: Arc<Shared>,
}

/// What the service's own tasks share with it.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) config: LambdaConfig,
    pub(crate) catalogue: Catalogue,
    pub(crate) code: CodeStore,
    pub(crate) runtimes: Runtimes,
    pub(crate) logs: Logs,
    pub(crate) pool: Pool,
    pub(crate) concurrency: Arc<Concurrency>,
    pub(crate) events: EventQueue,
    draining: AtomicBool,
    cut_off: watch::Sender<bool>,
}

impl Lambda {
    /// Opens the service over a store that declares [`crate::TABLES`], and takes
    /// up the asynchronous invocations that were accepted but not done.
    ///
    /// Must be called within a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(store: Store, config: LambdaConfig) -> Result<Arc<Lambda>, OpenError> {
        let path = config.data.clone();
        let folder = |source| OpenError::Folder { path: path.clone(), source };
        fs::create_dir_all(&config.data).map_err(folder)?;
        // Interpreters resolve links; paths are compared with what they print.
        let data = config.data.canonicalize().map_err(folder)?;
        let shared = Arc::new(Shared {
            catalogue: Catalogue::open(store.clone())?,
            code: CodeStore::open(&data).map_err(folder)?,
            runtimes: Runtimes::open(&data, config.path.clone()).map_err(folder)?,
            logs: Logs::new(&data),
            pool: Pool::default(),
            concurrency: Concurrency::new(config.concurrency_max),
            events: EventQueue::new(config.concurrency_max),
            draining: AtomicBool::new(false),
            cut_off: watch::Sender::new(false),
            store,
            config,
        });
        shared.code.forget_unpacked(&shared.catalogue.code_hashes()).map_err(folder)?;
        shared.resume_events()?;
        let weak = Arc::downgrade(&shared);
        let idle_timeout = shared.config.idle_timeout;
        tokio::spawn(async move {
            let mut interval = tokio::time::interval((idle_timeout / 4).max(Duration::from_millis(50)));
            loop {
                interval.tick().await;
                let Some(shared) = weak.upgrade() else { return };
                shared.pool.retain(|_, idle| idle < idle_timeout);
            }
        });
        Ok(Arc::new(Lambda { shared }))
    }

    /// Takes no more invocations and waits until those under way are done, at
    /// most that long; then ends every process. Stored asynchronous invocations
    /// stay stored.
    pub async fn drain(&self, deadline: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        let all_done = async {
            while self.shared.concurrency.running() > 0 {
                tokio::time::sleep(DRAIN_INTERVAL).await;
            }
        };
        if tokio::time::timeout(deadline, all_done).await.is_err() {
            tracing::warn!(
                running = self.shared.concurrency.running(),
                "invocations were cut off by the end of the service"
            );
        }
        self.shared.cut_off.send_replace(true);
        self.shared.pool.shrink_to(0);
    }

    /// The last lines of a function's log, oldest first, at most `limit`: instant,
    /// log stream, text. Blocks on the disk.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn recent_logs(
        &self,
        account: &str,
        region: &str,
        function: &str,
        limit: usize,
    ) -> std::io::Result<Vec<String>> {
        let name = FunctionName { account: account.to_owned(), region: region.to_owned(), name: function.to_owned() };
        // Only names that are in the catalogue become paths.
        match self.shared.catalogue.get(&name) {
            Some(function) => self.shared.logs.recent(&function.name, limit),
            None => Ok(Vec::new()),
        }
    }

    /// The file that holds the zip of that SHA-256 (in hex), if it is one of a
    /// function's code. For serving `Code.Location`.
    pub fn code_path(&self, sha256: &str) -> Option<std::path::PathBuf> {
        let is_hash =
            sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let path = is_hash.then(|| self.shared.code.blob_path(sha256))?;
        path.is_file().then_some(path)
    }

    /// The function and qualifier that a request names.
    pub(crate) fn function_name(&self, call: &Call) -> Result<(FunctionName, Option<String>), Fault> {
        let text = input::required_text(&call.input, "FunctionName")?;
        let qualifier = input::text(&call.input, "Qualifier")?.filter(|qualifier| !qualifier.is_empty());
        FunctionName::read(text, qualifier, &call.account, &call.region)
    }

    async fn answer(&self, call: Call) -> Outcome {
        match &*call.operation {
            "Invoke" => self.invoke(&call).await,
            "CreateFunction" => self.create_function(&call).await,
            "GetFunction" => self.get_function(&call),
            "GetFunctionConfiguration" => self.get_function_configuration(&call),
            "ListFunctions" => self.list_functions(&call),
            "UpdateFunctionCode" => self.update_function_code(&call).await,
            "UpdateFunctionConfiguration" => self.update_function_configuration(&call).await,
            "DeleteFunction" => self.delete_function(&call).await,
            "PublishVersion" => self.publish_version(&call).await,
            "ListVersionsByFunction" => self.list_versions(&call),
            "CreateAlias" => self.create_alias(&call).await,
            "GetAlias" => self.get_alias(&call),
            "UpdateAlias" => self.update_alias(&call).await,
            "DeleteAlias" => self.delete_alias(&call).await,
            "ListAliases" => self.list_aliases(&call),
            "PutFunctionConcurrency" => self.put_concurrency(&call).await,
            "GetFunctionConcurrency" => self.get_concurrency(&call),
            "DeleteFunctionConcurrency" => self.delete_concurrency(&call).await,
            "GetFunctionCodeSigningConfig" => self.get_code_signing(&call),
            "GetAccountSettings" => self.get_account_settings(&call),
            "TagResource" => self.tag_resource(&call).await,
            "UntagResource" => self.untag_resource(&call).await,
            "ListTags" => self.list_tags(&call),
            other => Err(Fault::not_built(&format!("the Lambda operation {other}"))),
        }
    }
}

impl Shared {
    /// Whether the service takes no more invocations.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Comes when the time for what still runs is over.
    pub(crate) async fn cut_off(&self) {
        let mut cut_off = self.cut_off.subscribe();
        // The sender lives as long as this.
        let _is_over = cut_off.wait_for(|cut_off| *cut_off).await;
    }
}

impl Service for Lambda {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(self.answer(call))
    }
}
