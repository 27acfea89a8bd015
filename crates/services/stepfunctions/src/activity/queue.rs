use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_journal::Answers;
use windlass_value::{Payload, Text};
use windlass_workflow::TaskId;

/// Tasks that wait for workers, of all activities together.
pub const PENDING_TASKS_MAX: usize = 1_000_000;

/// A task that waits for a worker.
pub(crate) struct PendingTask {
    pub(crate) execution_arn: Text,
    pub(crate) task: TaskId,
    pub(crate) token: Text,
    pub(crate) input: Payload,
    pub(crate) answers: Answers,
    /// Whether it is stored that a worker took it; that worker went away before it had it.
    pub(crate) is_started: bool,
}

/// The queues of all activities, by ARN, in memory: the journal offers what
/// waits anew after a restart.
#[derive(Clone, Default)]
pub(crate) struct Queues {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    by_activity: HashMap<Text, Queue>,
    /// The activity of each waiting task, to cancel it.
    activity_of: HashMap<(Text, TaskId), Text>,
}

#[derive(Default)]
struct Queue {
    /// First come, first served. A cancelled task leaves its name behind until
    /// it is passed or the queue is swept.
    order: VecDeque<(Text, TaskId)>,
    tasks: HashMap<(Text, TaskId), PendingTask>,
    pollers: usize,
    wake: Arc<Notify>,
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.pollers == 0
    }

    /// Keeps the names of cancelled tasks fewer than those of waiting ones.
    fn sweep(&mut self) {
        const SPARE: usize = 16;
        if self.order.len() > 2 * self.tasks.len() + SPARE {
            let tasks = &self.tasks;
            self.order.retain(|key| tasks.contains_key(key));
        }
    }
}

/// A worker that polls; leaves the queue when dropped.
pub(crate) struct Poller {
    queues: Queues,
    activity: Text,
    wake: Arc<Notify>,
}

impl Queues {
    /// Adds a task; gives it back when [`PENDING_TASKS_MAX`] wait already.
    pub(crate) fn push(&self, activity: Text, task: PendingTask) -> Result<(), Box<PendingTask>> {
        let key = (task.execution_arn.clone(), task.task);
        let mut state = self.state.lock();
        if state.activity_of.len() >= PENDING_TASKS_MAX {
            return Err(Box::new(task));
        }
        state.activity_of.insert(key.clone(), activity.clone());
        let queue = state.by_activity.entry(activity).or_default();
        if queue.tasks.insert(key.clone(), task).is_none() {
            queue.order.push_back(key);
        }
        queue.wake.notify_one();
        Ok(())
    }

    /// Gives a task back that a worker took and never got: it is the next one's.
    fn give_back(&self, activity: &Text, task: PendingTask) {
        let key = (task.execution_arn.clone(), task.task);
        let mut state = self.state.lock();
        state.activity_of.insert(key.clone(), activity.clone());
        let queue = state.by_activity.entry(activity.clone()).or_default();
        if queue.tasks.insert(key.clone(), task).is_none() {
            queue.order.push_front(key);
        }
        queue.wake.notify_one();
    }

    /// Forgets a task, if it still waits.
    pub(crate) fn cancel(&self, execution_arn: &Text, task: TaskId) {
        let key = (execution_arn.clone(), task);
        let mut state = self.state.lock();
        let Some(activity) = state.activity_of.remove(&key) else { return };
        if let Some(queue) = state.by_activity.get_mut(&activity) {
            queue.tasks.remove(&key);
            queue.sweep();
            if queue.is_idle() {
                state.by_activity.remove(&activity);
            }
        }
    }

    /// Joins an activity's pollers; `None` when there are so many already.
    pub(crate) fn join(&self, activity: &Text, pollers_max: usize) -> Option<Poller> {
        let mut state = self.state.lock();
        let queue = state.by_activity.entry(activity.clone()).or_default();
        if queue.pollers >= pollers_max {
            return None;
        }
        queue.pollers += 1;
        let wake = queue.wake.clone();
        Some(Poller { queues: self.clone(), activity: activity.clone(), wake })
    }

    fn pop(&self, activity: &Text) -> Option<PendingTask> {
        let mut state = self.state.lock();
        let queue = state.by_activity.get_mut(activity)?;
        let task = loop {
            let key = queue.order.pop_front()?;
            if let Some(task) = queue.tasks.remove(&key) {
                state.activity_of.remove(&key);
                break task;
            }
        };
        // A wake-up that met no sleeper is kept only once: hand the rest on.
        if let Some(queue) = state.by_activity.get(activity)
            && !queue.tasks.is_empty()
        {
            queue.wake.notify_one();
        }
        Some(task)
    }
}

/// A task on its way to a worker. Dropped before it is taken, it goes back to the queue.
pub(crate) struct Handed {
    queues: Queues,
    activity: Text,
    task: Option<PendingTask>,
}

impl Handed {
    /// The task, for a worker that is there; or for nobody.
    pub(crate) fn take(mut self) -> Option<PendingTask> {
        self.task.take()
    }

    /// Makes durable that a worker has it. False: nobody waits for it any more.
    pub(crate) async fn start(&mut self, worker: Option<Text>) -> bool {
        let Some(task) = &mut self.task else { return false };
        if !task.is_started {
            task.is_started = task.answers.started(worker).await;
        }
        task.is_started
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.queues.give_back(&self.activity, task);
        }
    }
}

impl Poller {
    /// The next task. Dropping the future takes nothing from the queue.
    pub(crate) async fn next(&self) -> Handed {
        loop {
            if let Some(task) = self.queues.pop(&self.activity) {
                return Handed { queues: self.queues.clone(), activity: self.activity.clone(), task: Some(task) };
            }
            self.wake.notified().await;
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        let mut state = self.queues.state.lock();
        if let Some(queue) = state.by_activity.get_mut(&self.activity) {
            queue.pollers -= 1;
            if queue.is_idle() {
                state.by_activity.remove(&self.activity);
            }
        }
    }
}
