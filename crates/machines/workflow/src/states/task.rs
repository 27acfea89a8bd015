use windlass_asl::{Failure, Pattern, QuantityField, Resource, Scope, State, StateKind, Task};
use windlass_value::{Payload, Text, Timestamp};

use super::flow::gone;
use super::too_large;
use crate::effect::{Effect, TaskCall, TimerKind};
use crate::event::TaskFailure;
use crate::execution::{FrameId, Phase, TaskId, TaskPhase, TaskRun, TimerId};
use crate::history::{Details, EventType};
use crate::turn::{StateError, Turn};

impl Turn<'_> {
    /// Schedules an attempt of a task.
    pub(crate) fn schedule(&mut self, id: FrameId, state: &State, task: &Task) -> Result<(), Failure> {
        let attempt = TaskId { frame: id, event_id: self.execution.next_event_id };
        let token = token_wanted(&task.resource).then(|| (self.world.token)(attempt));
        let (parameters, timeout_seconds, heartbeat_seconds, role_arn, retry_count) = {
            // Activities hand their token to the worker, not to the context.
            let in_context = token.clone().filter(|_| task.resource != Resource::Activity);
            let Some(view) = self.view_with_token(id, in_context) else { return Err(gone()) };
            let parameters = self.work_input(state, &view)?;
            let input = view.frame.input.clone();
            let scope = Scope::new(input.value(), &view);
            let timeout = task
                .timeout_seconds
                .as_ref()
                .map(|field| field.evaluate(&scope, QuantityField::TimeoutSeconds))
                .transpose()?;
            let heartbeat = task
                .heartbeat_seconds
                .as_ref()
                .map(|field| field.evaluate(&scope, QuantityField::HeartbeatSeconds))
                .transpose()?;
            let role =
                task.credentials.as_ref().map(|template| template.evaluate(&scope, "Credentials")).transpose()?;
            let role: Option<Text> = role.and_then(|value| value["RoleArn"].as_str().map(Text::from));
            let whole = |seconds: f64| seconds as i64;
            (parameters, timeout.map(whole), heartbeat.map(whole), role, view.frame.retries.count)
        };
        self.check_parameters(id, &parameters)?;
        let seconds_from_now = |at: Timestamp, seconds: i64| at.plus_ms(seconds.saturating_mul(1000));
        let deadline = timeout_seconds.map(|seconds| seconds_from_now(self.at, seconds));
        let mocked = self.execution.mocked_call(id, &state.name);
        let call = TaskCall {
            task: attempt,
            state: state.name.clone(),
            resource: task.resource.clone(),
            arn: task.arn.clone(),
            parameters,
            role_arn: role_arn.clone(),
            deadline,
            token,
            retry_count,
            mocked,
        };
        if let Some(cause) = (self.world.refusal)(&call) {
            return Err(Failure::runtime(cause));
        }
        self.execution.count_call(id, &state.name);
        let region = self.execution.identity.region.clone();
        let input = call.parameters.clone();
        match &task.resource {
            Resource::Function => self.emit(id, EventType::LambdaFunctionScheduled, || Details::LambdaScheduled {
                resource: task.arn.clone(),
                input,
                timeout_seconds,
                role_arn: role_arn.clone(),
            }),
            Resource::Activity => self.emit(id, EventType::ActivityScheduled, || Details::ActivityScheduled {
                resource: task.arn.clone(),
                input,
                timeout_seconds,
                heartbeat_seconds,
            }),
            Resource::Integration { .. } => {
                let (resource_type, resource) = names(&task.resource);
                self.emit(id, EventType::TaskScheduled, || Details::TaskScheduled {
                    resource_type,
                    resource,
                    region,
                    parameters: input,
                    timeout_seconds,
                    heartbeat_seconds,
                    role_arn: role_arn.clone(),
                })
            }
        };
        let timeout = deadline.map(|at| self.set_timer(id, at, TimerKind::Deadline));
        let heartbeat_ms = heartbeat_seconds.map(|seconds| seconds.saturating_mul(1000));
        let run = TaskRun { task: attempt, phase: TaskPhase::Scheduled, timeout, heartbeat: None, heartbeat_ms };
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Task(run);
        }
        // A worker's heartbeat is due only once it has taken the activity.
        if task.resource != Resource::Activity {
            self.arm_heartbeat(id);
        }
        self.effects.push(Effect::Call(call));
        Ok(())
    }

    fn arm_heartbeat(&mut self, id: FrameId) {
        let Some(Phase::Task(run)) = self.frame(id).map(|frame| &frame.phase) else { return };
        let (Some(interval_ms), None) = (run.heartbeat_ms, run.heartbeat) else { return };
        let kind = TimerKind::Heartbeat { task: run.task, interval_ms };
        let timer: TimerId = self.set_timer(id, self.at.plus_ms(interval_ms), kind);
        if let Some(frame) = self.frame_mut(id)
            && let Phase::Task(run) = &mut frame.phase
        {
            run.heartbeat = Some(timer);
        }
    }

    /// The task definition of a current attempt; `None` for a stale id.
    fn attempt(&self, task: TaskId) -> Option<(&State, &Task, TaskPhase)> {
        let run = self.execution.task(task)?;
        match self.state(task.frame)? {
            state @ State { kind: StateKind::Task(definition), .. } => Some((state, definition, run.phase)),
            _ => None,
        }
    }

    fn set_phase(&mut self, id: FrameId, phase: TaskPhase) {
        if let Some(frame) = self.frame_mut(id)
            && let Phase::Task(run) = &mut frame.phase
        {
            run.phase = phase;
        }
    }

    pub(crate) fn task_started(&mut self, task: TaskId, worker: Option<Text>) {
        let Some((_, definition, TaskPhase::Scheduled)) = self.attempt(task) else { return };
        let activity = definition.resource == Resource::Activity;
        let (event_type, details) = match &definition.resource {
            Resource::Function => (EventType::LambdaFunctionStarted, Details::None),
            Resource::Activity => (EventType::ActivityStarted, Details::ActivityStarted { worker }),
            resource @ Resource::Integration { .. } => {
                let (resource_type, resource) = names(resource);
                (EventType::TaskStarted, Details::TaskStarted { resource_type, resource })
            }
        };
        self.emit(task.frame, event_type, || details);
        self.set_phase(task.frame, TaskPhase::Started);
        if activity {
            self.arm_heartbeat(task.frame);
        }
    }

    pub(crate) fn task_submitted(&mut self, task: TaskId, output: Payload) {
        let Some((_, definition, phase)) = self.attempt(task) else { return };
        if phase == TaskPhase::Submitted {
            return;
        }
        let (resource_type, resource) = names(&definition.resource);
        self.emit(task.frame, EventType::TaskSubmitted, || Details::TaskOutput { resource_type, resource, output });
        self.set_phase(task.frame, TaskPhase::Submitted);
    }

    pub(crate) fn task_succeeded(&mut self, task: TaskId, output: Payload) {
        let Some((_, definition, _)) = self.attempt(task) else { return };
        if output.bytes_len_within(self.world.limits.payload_bytes_max).is_none() {
            // Recorded: an integration is named by its service, all else by its ARN.
            let name = match &definition.resource {
                Resource::Integration { service, .. } => service,
                Resource::Function | Resource::Activity => &definition.arn,
            };
            let cause: Text = too_large(name, "returned a result").into();
            return self.task_failed(task, Some("States.DataLimitExceeded".into()), Some(cause), TaskFailure::Run);
        }
        let (event_type, details) = match &definition.resource {
            Resource::Function => (EventType::LambdaFunctionSucceeded, Details::Output { output: output.clone() }),
            Resource::Activity => (EventType::ActivitySucceeded, Details::Output { output: output.clone() }),
            resource @ Resource::Integration { .. } => {
                let (resource_type, resource) = names(resource);
                (EventType::TaskSucceeded, Details::TaskOutput { resource_type, resource, output: output.clone() })
            }
        };
        self.emit(task.frame, event_type, || details);
        self.note(task.frame, &"Result", || output.value().clone());
        self.end_attempt(task.frame);
        let Some(state) = self.state(task.frame) else { return };
        let left =
            self.leave_with_result(task.frame, state, output).and_then(|leaving| self.exit(task.frame, state, leaving));
        if let Err(failure) = left {
            self.evaluation_failed(task.frame, failure);
        }
    }

    pub(crate) fn task_failed(&mut self, task: TaskId, error: Option<Text>, cause: Option<Text>, failure: TaskFailure) {
        let (error, cause) = (self.error_cut(error), self.cause_cut(cause));
        let Some((_, definition, _)) = self.attempt(task) else { return };
        let (event_type, details) = match (&definition.resource, failure) {
            (Resource::Function, failure) => {
                let event_type = match failure {
                    TaskFailure::Schedule => EventType::LambdaFunctionScheduleFailed,
                    TaskFailure::Start => EventType::LambdaFunctionStartFailed,
                    TaskFailure::Submit | TaskFailure::Run => EventType::LambdaFunctionFailed,
                };
                (event_type, Details::Failure { error: error.clone(), cause: cause.clone() })
            }
            (Resource::Activity, failure) => {
                let event_type = match failure {
                    TaskFailure::Schedule => EventType::ActivityScheduleFailed,
                    _ => EventType::ActivityFailed,
                };
                (event_type, Details::Failure { error: error.clone(), cause: cause.clone() })
            }
            (resource @ Resource::Integration { .. }, failure) => {
                let event_type = match failure {
                    TaskFailure::Schedule | TaskFailure::Start => EventType::TaskStartFailed,
                    TaskFailure::Submit => EventType::TaskSubmitFailed,
                    TaskFailure::Run => EventType::TaskFailed,
                };
                let (resource_type, resource) = names(resource);
                (
                    event_type,
                    Details::TaskFailure { resource_type, resource, error: error.clone(), cause: cause.clone() },
                )
            }
        };
        self.emit(task.frame, event_type, || details);
        self.end_attempt(task.frame);
        self.state_failed(task.frame, StateError { error, cause, heartbeat: false });
    }

    pub(crate) fn task_timed_out(&mut self, id: FrameId, heartbeat: bool) {
        let Some(Phase::Task(run)) = self.frame(id).map(|frame| &frame.phase) else { return };
        let Some((_, definition, _)) = self.attempt(run.task) else { return };
        let error: Text = "States.Timeout".into();
        let (event_type, details) = match &definition.resource {
            Resource::Function => {
                (EventType::LambdaFunctionTimedOut, Details::Failure { error: Some(error.clone()), cause: None })
            }
            Resource::Activity => {
                (EventType::ActivityTimedOut, Details::Failure { error: Some(error.clone()), cause: None })
            }
            resource @ Resource::Integration { .. } => {
                let (resource_type, resource) = names(resource);
                let details = Details::TaskFailure { resource_type, resource, error: Some(error.clone()), cause: None };
                (EventType::TaskTimedOut, details)
            }
        };
        self.emit(id, event_type, || details);
        self.end_attempt(id);
        self.state_failed(id, StateError { error: Some(error), cause: None, heartbeat });
    }

    /// The attempt is over: its timers and whoever works on it are let go.
    fn end_attempt(&mut self, id: FrameId) {
        self.release(id);
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Work;
        }
    }
}

/// Whether the task is answered by whoever holds its token.
pub fn token_wanted(resource: &Resource) -> bool {
    match resource {
        Resource::Activity => true,
        Resource::Integration { pattern, .. } => *pattern != Pattern::RequestResponse,
        Resource::Function => false,
    }
}

/// `resourceType` and `resource` of the history.
fn names(resource: &Resource) -> (Text, Text) {
    match resource {
        Resource::Integration { service, action, pattern } => {
            (service.clone(), format!("{action}{}", pattern.suffix()).into())
        }
        Resource::Function => ("lambda".into(), "function".into()),
        Resource::Activity => ("states".into(), "activity".into()),
    }
}
