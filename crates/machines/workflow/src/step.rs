use std::collections::BTreeMap;

use windlass_asl::Machine;
use windlass_value::Text;

use crate::budget::Budget;
use crate::capture::Capture;
use crate::effect::{Effect, TaskCall, TimerKind};
use crate::event::{Event, EventKind};
use crate::execution::{Execution, Frame, FrameId, Phase, Status, TaskId, TimerId};
use crate::history::{Details, EventType, History};
use crate::limits::Limits;
use crate::probe::Probe;
use crate::random::Random;
use crate::trace::Trace;
use crate::turn::{StateError, Turn, state_of};

/// What every turn of a server reads and none changes.
pub struct World<'a> {
    /// Quotas and budgets.
    pub limits: &'a Limits,
    /// Why a task cannot even be scheduled: an activity that does not exist,
    /// parameters that its service does not take. Ends the execution with
    /// `States.Runtime`, as recorded.
    pub refusal: &'a (dyn Fn(&TaskCall) -> Option<String> + Sync),
    /// Makes the token that answers a task; the same for the same task.
    pub token: &'a (dyn Fn(TaskId) -> Text + Sync),
}

/// The machine: takes one event, writes history, answers effects. Equal
/// arguments give equal results; an event that comes too late changes nothing.
///
/// A turn ends when nothing is left to do without the world, or when its budget
/// is spent; then the last effect is [`Effect::Continue`].
pub fn step(
    program: &Machine,
    execution: &mut Execution,
    event: &Event,
    world: &World<'_>,
    history: &mut History,
) -> Vec<Effect> {
    step_within(program, execution, event, world, history, &mut Budget::default())
}

/// As [`step`], for an event that shares its turn with others: `budget` is what
/// they have spent, and then what this one has spent too.
pub fn step_within(
    program: &Machine,
    execution: &mut Execution,
    event: &Event,
    world: &World<'_>,
    history: &mut History,
    budget: &mut Budget,
) -> Vec<Effect> {
    take_step(program, execution, event, world, history, budget, Watch::default()).0
}

/// As [`step_within`], and tells `trace` what it evaluates. The same arguments lead to the
/// same execution, history and effects with a trace as without.
pub fn step_traced(
    program: &Machine,
    execution: &mut Execution,
    event: &Event,
    world: &World<'_>,
    history: &mut History,
    budget: &mut Budget,
    trace: &Trace,
) -> Vec<Effect> {
    let watch = Watch { trace: Some(trace), ..Watch::default() };
    take_step(program, execution, event, world, history, budget, watch).0
}

/// As [`step_traced`], for one state by itself: see [`Probe`].
pub fn step_probed(
    program: &Machine,
    execution: &mut Execution,
    event: &Event,
    world: &World<'_>,
    history: &mut History,
    budget: &mut Budget,
    probe: &Probe,
) -> Vec<Effect> {
    let watch = Watch { trace: Some(&probe.trace), probe: Some(probe), ..Watch::default() };
    take_step(program, execution, event, world, history, budget, watch).0
}

/// Who looks on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Watch<'a> {
    pub(crate) trace: Option<&'a Trace>,
    pub(crate) probe: Option<&'a Probe>,
    /// The event whose moment is wanted.
    pub(crate) capture_at: Option<u64>,
}

/// The step of which the functions above are made; also answers the execution as
/// it stood before the event `capture_at`, if that enters a state.
pub(crate) fn take_step(
    program: &Machine,
    execution: &mut Execution,
    event: &Event,
    world: &World<'_>,
    history: &mut History,
    budget: &mut Budget,
    watch: Watch<'_>,
) -> (Vec<Effect>, Option<Capture>) {
    let takes = match event.kind {
        EventKind::Redrive { .. } => execution.is_redrivable(),
        _ => execution.is_running(),
    };
    if !takes {
        return (Vec::new(), None);
    }
    let mut turn = Turn {
        program,
        execution,
        at: event.at,
        random: Random::new(event.seed),
        world,
        history,
        effects: Vec::new(),
        budget,
        variables_bytes: BTreeMap::new(),
        history_full: false,
        set_aside: Vec::new(),
        capture_at: watch.capture_at,
        captured: None,
        trace: watch.trace,
        probe: watch.probe,
    };
    turn.take(event.kind.clone());
    match event.kind {
        // It may share its turn with the event that scheduled the task: if it
        // ran what that one left for the next turn, no budget would hold.
        EventKind::TaskStarted { .. } => turn.pause(),
        _ => turn.run(),
    }
    let (effects, captured) = (turn.effects, turn.captured);
    execution.forget_calls();
    (effects, captured)
}

impl Turn<'_> {
    fn take(&mut self, event: EventKind) {
        match event {
            EventKind::Accept => self.accept(),
            EventKind::Start => self.begin(),
            EventKind::Continue => {}
            EventKind::TaskStarted { task, worker } => self.task_started(task, worker),
            EventKind::TaskSubmitted { task, output } => self.task_submitted(task, output),
            EventKind::TaskSucceeded { task, output } => self.task_succeeded(task, output),
            EventKind::TaskFailed { task, error, cause, failure } => self.task_failed(task, error, cause, failure),
            EventKind::MapRunSucceeded { task, output } => self.map_run_succeeded(task, output),
            EventKind::MapRunFailed { task, error, cause } => self.map_run_failed(task, error, cause),
            EventKind::TimerFired { timer } => self.timer_fired(timer),
            EventKind::Stop { error, cause } => self.stop(error, cause),
            EventKind::Redrive { from } => self.redrive(from),
            EventKind::Fork { from } => self.fork_off(from),
            EventKind::Fail { error, cause } => self.fail_execution(FrameId::ROOT, Some(error), Some(cause)),
        }
    }

    fn accept(&mut self) {
        if self.execution.next_event_id != 1 {
            return;
        }
        let identity = self.execution.identity.clone();
        self.write(0, EventType::ExecutionStarted, || Details::ExecutionStarted {
            input: identity.input.clone(),
            role_arn: identity.role_arn.clone(),
        });
    }

    fn begin(&mut self) {
        if self.execution.has_begun() {
            return;
        }
        self.accept();
        let identity = self.execution.identity.clone();
        self.set_time_out();
        // Recorded: the first Entered event chains to nothing, not to ExecutionStarted.
        self.spawn(None, 0, self.program.start_at.clone(), identity.input.clone(), 0);
    }

    /// Sets the execution's own time-out, from now.
    pub(crate) fn set_time_out(&mut self) {
        let limits = self.world.limits;
        let longest = if self.execution.identity.express {
            Some(limits.express_seconds_max)
        } else {
            limits.standard_seconds_max
        };
        let timeout = self.program.timeout_seconds.into_iter().chain(longest).min();
        if let Some(seconds) = timeout {
            let at = self.at.plus_ms(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000));
            self.execution.timeout = Some(self.set_timer(FrameId::ROOT, at, TimerKind::Deadline));
        }
    }

    fn run(&mut self) {
        while self.execution.is_running() {
            if self.history_full {
                return self.fail_execution(FrameId::ROOT, None, None);
            }
            if self.budget.is_spent(self.world.limits) {
                return self.pause();
            }
            let Some(id) = self.execution.ready.pop_front() else { return };
            match self.frame(id).map(|frame| &frame.phase) {
                Some(Phase::Enter) => self.enter(id),
                Some(Phase::Work) => self.work(id),
                Some(Phase::Map(_)) => self.go_on_with_iterations(id),
                Some(Phase::Parallel(run)) if run.running == 0 => self.parallel_succeeded(id),
                _ => {}
            }
        }
    }

    /// Leaves what is ready to the next turn.
    fn pause(&mut self) {
        if !self.execution.is_running() {
            return;
        }
        if self.history_full {
            return self.fail_execution(FrameId::ROOT, None, None);
        }
        // Frames that went while they were queued are no work to continue with.
        while let Some(id) = self.execution.ready.front()
            && !self.frame(*id).is_some_and(Frame::has_work)
        {
            self.execution.ready.pop_front();
        }
        if !self.execution.ready.is_empty() {
            self.effects.push(Effect::Continue);
        }
    }

    fn timer_fired(&mut self, timer: TimerId) {
        if self.execution.timeout == Some(timer) {
            self.write_map_runs_aborted();
            self.write(0, EventType::ExecutionTimedOut, || Details::Failure { error: None, cause: None });
            self.close(Status::TimedOut);
            return;
        }
        let Some(frame) = self.frame(timer.frame) else { return };
        match &frame.phase {
            Phase::Wait { timer: set, .. } if *set == timer => self.wait_over(timer.frame),
            Phase::Retry { timer: set, .. } if *set == timer => {
                if let Some(frame) = self.frame_mut(timer.frame) {
                    frame.phase = Phase::Work;
                }
                self.execution.ready.push_back(timer.frame);
            }
            Phase::Task(run) if run.timeout == Some(timer) => self.task_timed_out(timer.frame, false),
            Phase::Task(run) if run.heartbeat == Some(timer) => self.task_timed_out(timer.frame, true),
            _ => {}
        }
    }

    fn stop(&mut self, error: Option<Text>, cause: Option<Text>) {
        let (error, cause) = (self.error_cut(error), self.cause_cut(cause));
        let containers = self.execution.frames.get(&FrameId::ROOT).map(|root| root.previous_event_id);
        if containers.is_some() {
            self.write_aborted(FrameId::ROOT, None);
        }
        self.write(0, EventType::ExecutionAborted, || Details::Failure { error: error.clone(), cause: cause.clone() });
        self.execution.error = error;
        self.execution.cause = cause;
        self.close(Status::Aborted);
    }

    /// Ends a frame with an error no one in it caught.
    pub(crate) fn fail_frame(&mut self, id: FrameId, error: StateError) {
        let Some(frame) = self.frame(id) else { return };
        match frame.parent {
            None => self.fail_execution(id, error.error, error.cause),
            Some(parent) => self.child_failed(parent, id, error),
        }
    }

    /// Whether a state may be entered here at all: the definition may be older
    /// than this server and name a state that is not there.
    pub(crate) fn state_is_missing(&self, id: FrameId) -> bool {
        self.frame(id).is_some_and(|frame| state_of(self.program, self.execution, frame).is_none())
    }
}
