use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use windlass_journal::Journal;
use windlass_protocol::{Call, Dispatcher, Fault, Outcome, Service};
use windlass_store::Store;

use crate::activity::{self, Activities, Queues};
use crate::environment::Environment;
use crate::execution;
use crate::integration::{Depths, Integrations};
use crate::keys::Keys;
use crate::machine::{self, Machines};
use crate::map_run;
use crate::mock_config::MockConfig;
use crate::page::Pages;
use crate::request::Request;
use crate::telemetry::{self, Telemetry};
use crate::test_state::{self, Hands};
use crate::{tag, task_answer};

/// The service `states`.
pub struct StepFunctions {
    machines: Arc<Machines>,
    activities: Activities,
    queues: Queues,
    depths: Depths,
    journal: Journal,
    environment: Environment,
    pages: Pages,
    dispatcher: Dispatcher,
    keys: Keys,
    mocks: MockConfig,
    telemetry: Option<Telemetry>,
    hands: Hands,
}

impl StepFunctions {
    /// The service over a store opened with [`crate::TABLES`], a journal that
    /// performs its tasks through `integrations`, and the dispatcher of both.
    ///
    /// # Errors
    /// What the store answers.
    pub fn open(
        store: &Store,
        journal: Journal,
        integrations: &Arc<Integrations>,
        dispatcher: Dispatcher,
        environment: Environment,
    ) -> Result<StepFunctions, Fault> {
        Ok(StepFunctions {
            machines: Arc::new(Machines::new(store.clone())),
            activities: Activities::new(store.clone()),
            queues: integrations.queues().clone(),
            depths: integrations.depths().clone(),
            journal,
            pages: Pages::open_with(store, &environment)?,
            environment,
            dispatcher,
            keys: integrations.keys().clone(),
            mocks: MockConfig::default(),
            hands: Hands {
                tasks: integrations.clone(),
                depths: integrations.depths().clone(),
                exchanges: integrations.exchanges().clone(),
            },
            telemetry: None,
        })
    }

    /// The same, with a mock file for starts that name a test case.
    #[must_use]
    pub fn with_mocks(self, mocks: MockConfig) -> StepFunctions {
        StepFunctions { mocks, ..self }
    }

    /// The same, with the list of Express executions that our own API shows.
    #[must_use]
    pub fn with_telemetry(self, telemetry: Telemetry) -> StepFunctions {
        StepFunctions { telemetry: Some(telemetry), ..self }
    }

    fn telemetry(&self) -> Result<&Telemetry, Fault> {
        self.telemetry.as_ref().ok_or_else(|| Fault::not_built("the list of Express executions"))
    }

    /// Takes up what a restart cut off: deletions of state machines whose
    /// executions were still being ended. Call within a runtime, once.
    ///
    /// # Errors
    /// What the store answers.
    pub fn resume(&self) -> Result<(), Fault> {
        machine::resume(&self.machines, &self.journal)
    }

    async fn answer(&self, call: &Call) -> Outcome {
        let StepFunctions {
            machines,
            activities,
            queues,
            depths,
            journal,
            environment,
            pages,
            dispatcher,
            keys,
            mocks,
            hands,
            ..
        } = self;
        let request = Request::new(call);
        // Starts are counted once it is known what they start.
        if &*call.operation != "StartExecution" {
            environment.admit(call, &call.operation)?;
        }
        match &*call.operation {
            "CreateStateMachine" => machine::create(machines, environment, dispatcher, keys, request).await,
            "UpdateStateMachine" => machine::update(machines, environment, dispatcher, keys, request).await,
            "DeleteStateMachine" => machine::delete(machines, journal, request).await,
            "DescribeStateMachine" => machine::describe(machines, keys, request).await,
            "ListStateMachines" => machine::list(machines, pages, request),
            "ValidateStateMachineDefinition" => machine::validate(request),
            "PublishStateMachineVersion" => machine::publish(machines, environment, request).await,
            "ListStateMachineVersions" => machine::list_versions(machines, pages, request).await,
            "DeleteStateMachineVersion" => machine::delete_version(machines, request).await,
            "CreateStateMachineAlias" => machine::create_alias(machines, environment, request).await,
            "UpdateStateMachineAlias" => machine::update_alias(machines, environment, request).await,
            "DeleteStateMachineAlias" => machine::delete_alias(machines, request).await,
            "DescribeStateMachineAlias" => machine::describe_alias(machines, request).await,
            "ListStateMachineAliases" => machine::list_aliases(machines, pages, request).await,
            "StartExecution" => execution::start(machines, journal, environment, keys, mocks, request).await,
            "StartSyncExecution" => execution::start_sync(machines, journal, environment, depths, keys, request).await,
            "StopExecution" => execution::stop(journal, environment, request).await,
            "DescribeExecution" => execution::describe(machines, journal, environment, keys, request).await,
            "RedriveExecution" => execution::redrive(machines, journal, environment, request).await,
            "windlass:DescribeExecution" => {
                execution::describe_more(machines, journal, environment, keys, request).await
            }
            "windlass:RedriveExecution" => execution::redrive_from(machines, journal, environment, request).await,
            "windlass:ForkExecution" => execution::fork(machines, journal, environment, request).await,
            "windlass:DescribeMoment" => execution::moment(journal, request).await,
            "windlass:ListExpressExecutions" => telemetry::list_express(self.telemetry()?, pages, request),
            "windlass:DescribeExpressExecution" => telemetry::describe_express(self.telemetry()?, request),
            "windlass:FindExecutions" => execution::find(machines, journal, request).await,
            "windlass:ListWaitingTasks" => execution::waiting(journal, request).await,
            "windlass:Overview" => {
                execution::overview(machines, journal, environment, self.telemetry()?, request).await
            }
            "DescribeStateMachineForExecution" => execution::describe_machine(journal, keys, request).await,
            "ListExecutions" => execution::list(machines, journal, pages, request).await,
            "GetExecutionHistory" => execution::history(journal, pages, keys, request).await,
            "DescribeMapRun" => map_run::describe(journal, request),
            "ListMapRuns" => map_run::list(journal, pages, request),
            "UpdateMapRun" => map_run::update(journal, request).await,
            "TestState" => test_state::test_state(environment, Some(hands), request).await,
            "CreateActivity" => activity::create(activities, environment, keys, request).await,
            "DeleteActivity" => activity::delete(activities, request).await,
            "DescribeActivity" => activity::describe(activities, request),
            "ListActivities" => activity::list(activities, pages, request),
            "GetActivityTask" => activity::poll(activities, queues, environment, keys, request).await,
            "SendTaskSuccess" => task_answer::success(journal, environment, request).await,
            "SendTaskFailure" => task_answer::failure(journal, request).await,
            "SendTaskHeartbeat" => task_answer::heartbeat(journal, request).await,
            "TagResource" => tag::tag(machines, activities, request).await,
            "UntagResource" => tag::untag(machines, activities, request).await,
            "ListTagsForResource" => tag::list(machines, activities, request).await,
            operation => Err(Fault::not_built(&format!("the Step Functions operation {operation}"))),
        }
    }
}

impl Service for StepFunctions {
    fn name(&self) -> &'static str {
        "states"
    }

    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move { self.answer(&call).await })
    }
}
