//! What holds of every turn of every execution, whatever it runs.

use std::collections::{BTreeSet, HashMap};

use windlass_asl::Machine;
use windlass_workflow::{
    Budget, Effect, Event, EventKind, EventType, Execution, FrameId, History, HistoryEvent, Phase, Status, TaskId,
    TimerId, Trace, World, step, step_traced,
};

/// Watches one execution from turn to turn.
#[derive(Default)]
pub(crate) struct Watch {
    timers: BTreeSet<TimerId>,
    tasks: BTreeSet<TaskId>,
    stale_timers: Vec<TimerId>,
    stale_tasks: Vec<TaskId>,
    last_event: u64,
    expected: Option<String>,
}

/// Everything of a turn as text.
fn picture(execution: &Execution, effects: &[Effect], events: &[HistoryEvent]) -> String {
    format!("{execution:?}\n{effects:?}\n{events:?}")
}

impl Watch {
    /// Runs the turn on a copy, watched: the turn itself must come to the same.
    pub(crate) fn before(&mut self, program: &Machine, execution: &Execution, event: &Event, world: &World<'_>) {
        let mut copy = execution.clone();
        let mut history = History::On(Vec::new());
        let (mut budget, trace) = (Budget::default(), Trace::default());
        let effects = step_traced(program, &mut copy, event, world, &mut history, &mut budget, &trace);
        self.expected = Some(picture(&copy, &effects, &history.take()));
        let mut silent = execution.clone();
        step(program, &mut silent, event, world, &mut History::Off);
        // Without history no bytes are counted, so only a turn that came to rest is comparable.
        if !effects.iter().any(|effect| matches!(effect, Effect::Continue)) {
            assert_eq!(silent.next_event_id, copy.next_event_id, "without history the execution goes another way");
            assert_eq!(silent.status, copy.status, "without history the execution ends another way");
        }
    }

    /// Holds a turn to the invariants.
    pub(crate) fn after(
        &mut self,
        program: &Machine,
        execution: &Execution,
        event: &Event,
        effects: &[Effect],
        events: &[HistoryEvent],
        world: &World<'_>,
    ) {
        assert_eq!(Some(picture(execution, effects, events)), self.expected.take(), "two runs of one turn differ");
        for written in events {
            assert_eq!(written.id, self.last_event + 1, "event ids have a gap");
            assert!(written.previous_event_id < written.id, "event {} follows a later one", written.id);
            assert_eq!(written.at, event.at);
            self.last_event = written.id;
        }
        assert_eq!(execution.next_event_id, self.last_event + 1);
        if let EventKind::TimerFired { timer } = &event.kind
            && self.timers.remove(timer)
        {
            self.stale_timers.push(*timer);
        }
        for effect in effects {
            match effect {
                Effect::SetTimer { timer, .. } => assert!(self.timers.insert(*timer), "a timer's number came twice"),
                Effect::CancelTimer(timer) => {
                    self.timers.remove(timer);
                    self.stale_timers.push(*timer);
                }
                Effect::Call(call) => assert!(self.tasks.insert(call.task), "a task's id came twice"),
                Effect::CancelTask(task) => {
                    self.tasks.remove(task);
                    self.stale_tasks.push(*task);
                }
                Effect::Continue => assert!(execution.is_running()),
                Effect::Finished(status) => assert_eq!(*status, execution.status),
            }
        }
        let standing: BTreeSet<TimerId> = execution.timers().into_iter().collect();
        assert_eq!(self.timers, standing, "timers that are set are not those that are waited for");
        let awaited: BTreeSet<TaskId> = execution
            .frames
            .values()
            .filter_map(|frame| match &frame.phase {
                Phase::Task(run) => Some(run.task),
                _ => None,
            })
            .collect();
        assert_eq!(self.tasks, awaited, "tasks that were called are not those that are waited for");
        check_tree(execution, effects.iter().any(|effect| matches!(effect, Effect::Continue)));
        self.try_stale(program, execution, event, world);
    }

    /// A late answer and a late timer change nothing.
    fn try_stale(&self, program: &Machine, execution: &Execution, event: &Event, world: &World<'_>) {
        let before = format!("{execution:?}");
        let tasks = self.stale_tasks.iter().rev().take(1).flat_map(|task| {
            let output = execution.identity.input.clone();
            [
                EventKind::TaskStarted { task: *task, worker: None },
                EventKind::TaskSubmitted { task: *task, output: output.clone() },
                EventKind::TaskSucceeded { task: *task, output },
            ]
        });
        let timers = self.stale_timers.iter().rev().take(1).map(|timer| EventKind::TimerFired { timer: *timer });
        let mut late: Vec<EventKind> = tasks.chain(timers).chain([EventKind::Start]).collect();
        if !execution.is_running() {
            late.extend([EventKind::Stop { error: None, cause: None }, EventKind::Continue]);
        }
        // A turn that ended on its budget would go on with whatever comes next.
        let resting = !execution.is_running()
            || !execution.frames.values().any(|frame| match &frame.phase {
                Phase::Enter | Phase::Work => true,
                Phase::Map(run) => run.running < run.concurrency_max && run.next_index < run.length,
                _ => false,
            });
        for kind in late.into_iter().filter(|_| resting) {
            let mut copy = execution.clone();
            let mut history = History::On(Vec::new());
            let stale = Event { at: event.at.plus_ms(1), seed: 7, kind };
            let effects = step(program, &mut copy, &stale, world, &mut history);
            assert!(effects.is_empty(), "a stale event has effects: {stale:?} {effects:?}");
            assert!(history.take().is_empty(), "a stale event writes history: {stale:?}");
            assert!(
                before == format!("{copy:?}"),
                "a stale event changes the execution: {stale:?}\n{before}\n{copy:?}"
            );
        }
    }

    /// Holds the whole run to the invariants.
    pub(crate) fn end(&self, execution: &Execution, events: &[HistoryEvent]) {
        if !execution.is_running() {
            assert!(execution.timers().is_empty(), "a closed execution waits for a timer");
            let succeeded = execution.status == Status::Succeeded;
            assert!(!succeeded || execution.frames.is_empty(), "an execution that succeeded holds something");
            assert!(succeeded || execution.frames.contains_key(&FrameId::ROOT), "there is nothing left to redrive");
            assert!(self.timers.is_empty() && self.tasks.is_empty());
            assert!(execution.stopped_at.is_some());
        }
        let by_id: HashMap<u64, &HistoryEvent> = events.iter().map(|event| (event.id, event)).collect();
        let mut ended: HashMap<u64, u64> = HashMap::new();
        for event in events.iter().filter(|event| ends_attempt(event.event_type)) {
            let mut scheduled = event;
            while !is_scheduled(scheduled.event_type) {
                scheduled = by_id
                    .get(&scheduled.previous_event_id)
                    .unwrap_or_else(|| panic!("event {} has no Scheduled", event.id));
            }
            if let Some(other) = ended.insert(scheduled.id, event.id) {
                panic!("attempt {} ends twice: events {other} and {}", scheduled.id, event.id);
            }
        }
    }
}

/// Frames form a tree, and containers know how many of their frames run.
fn check_tree(execution: &Execution, continues: bool) {
    let mut children: HashMap<FrameId, u32> = HashMap::new();
    for frame in execution.frames.values() {
        match frame.parent {
            None => assert_eq!(frame.id, FrameId::ROOT),
            Some(parent) => {
                let parent =
                    execution.frames.get(&parent).unwrap_or_else(|| panic!("frame {:?} is an orphan", frame.id));
                assert!(
                    matches!(parent.phase, Phase::Parallel(_) | Phase::Map(_)),
                    "frame {:?} has a parent that waits for none",
                    frame.id
                );
                *children.entry(parent.id).or_default() += 1;
            }
        }
    }
    let closed = !execution.is_running();
    for frame in execution.frames.values() {
        let count = children.get(&frame.id).copied().unwrap_or(0);
        match &frame.phase {
            Phase::Parallel(run) => assert_eq!(run.running, count),
            Phase::Map(run) => {
                assert_eq!(run.running, count);
                assert!(run.running <= run.concurrency_max);
                if closed {
                    continue;
                }
                assert!(run.running > 0, "a Map waits for nobody");
                let room = run.running < run.concurrency_max && run.next_index < run.length;
                assert!(!room || continues, "a Map has room for an iteration and nobody starts it");
            }
            Phase::Enter | Phase::Work => {
                assert!(continues || closed, "frame {:?} has work and nobody does it", frame.id);
            }
            _ => assert!(!closed, "frame {:?} of a closed execution waits for something", frame.id),
        }
    }
}

fn is_scheduled(event_type: EventType) -> bool {
    use EventType::{ActivityScheduled, LambdaFunctionScheduled, TaskScheduled};
    matches!(event_type, ActivityScheduled | LambdaFunctionScheduled | TaskScheduled)
}

fn ends_attempt(event_type: EventType) -> bool {
    use EventType::{
        ActivityFailed, ActivityScheduleFailed, ActivitySucceeded, ActivityTimedOut, LambdaFunctionFailed,
        LambdaFunctionScheduleFailed, LambdaFunctionStartFailed, LambdaFunctionSucceeded, LambdaFunctionTimedOut,
        TaskFailed, TaskStartFailed, TaskSubmitFailed, TaskSucceeded, TaskTimedOut,
    };
    matches!(
        event_type,
        ActivityFailed
            | ActivityScheduleFailed
            | ActivitySucceeded
            | ActivityTimedOut
            | LambdaFunctionFailed
            | LambdaFunctionScheduleFailed
            | LambdaFunctionStartFailed
            | LambdaFunctionSucceeded
            | LambdaFunctionTimedOut
            | TaskFailed
            | TaskStartFailed
            | TaskSubmitFailed
            | TaskSucceeded
            | TaskTimedOut
    )
}
