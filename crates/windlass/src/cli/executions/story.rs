//! What a history says, state by state: its events put together to runs of
//! states, branches and iterations, by the chains of their `previousEventId`.

use std::collections::HashMap;

use windlass_value::{Value, parse};

/// The thread of the execution itself.
pub(in super::super) const ROOT: usize = 0;

/// How a run of a state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum RunStatus {
    Running,
    Succeeded,
    Failed,
    /// It failed and a Catch took the error.
    Caught,
    Aborted,
}

impl RunStatus {
    /// In AWS's words, and one of ours.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            RunStatus::Running => "RUNNING",
            RunStatus::Succeeded => "SUCCEEDED",
            RunStatus::Failed => "FAILED",
            RunStatus::Caught => "CAUGHT_ERROR",
            RunStatus::Aborted => "ABORTED",
        }
    }
}

/// One attempt of a task.
#[derive(Clone, Debug)]
pub(in super::super) struct Attempt {
    pub(in super::super) scheduled_ms: i64,
    pub(in super::super) ended_ms: Option<i64>,
    pub(in super::super) status: RunStatus,
    pub(in super::super) error: Option<String>,
    pub(in super::super) cause: Option<String>,
}

/// A state that was entered once.
#[derive(Clone, Debug)]
pub(in super::super) struct Run {
    /// Id of the event that entered it.
    pub(in super::super) id: i64,
    pub(in super::super) state: String,
    /// `Task`, `Map`, …
    pub(in super::super) state_type: String,
    pub(in super::super) thread: usize,
    pub(in super::super) entered_ms: i64,
    pub(in super::super) ended_ms: Option<i64>,
    pub(in super::super) status: RunStatus,
    pub(in super::super) error: Option<String>,
    pub(in super::super) cause: Option<String>,
    pub(in super::super) attempts: Vec<Attempt>,
    /// Branches and iterations in it.
    pub(in super::super) threads: Vec<usize>,
    /// Iterations of a Map, as its Started event says.
    pub(in super::super) length: Option<i64>,
    pub(in super::super) map_run_arn: Option<String>,
    /// Executions that it started.
    pub(in super::super) nested: Vec<String>,
}

/// A thread of control: the execution, a branch, an iteration.
#[derive(Clone, Debug)]
pub(in super::super) struct Thread {
    pub(in super::super) parent: Option<usize>,
    /// Number of an iteration; branches have none.
    pub(in super::super) index: Option<i64>,
    pub(in super::super) runs: Vec<usize>,
    pub(in super::super) status: RunStatus,
}

/// A history, told. It can be fed piece by piece while an execution goes on.
#[derive(Debug)]
pub(in super::super) struct Story {
    pub(in super::super) runs: Vec<Run>,
    /// The first is [`ROOT`].
    pub(in super::super) threads: Vec<Thread>,
    /// Where it went wrong, the first cause first: the state whose attempt
    /// failed, and the Fail state it led to.
    pub(in super::super) failures: Vec<usize>,
    /// Id of the last event that was told.
    pub(in super::super) last_id: i64,
    /// The type of the last event that was told.
    pub(in super::super) last_type: String,
    /// The thread each event belongs to.
    thread_of: HashMap<i64, usize>,
}

/// What is needed of an event.
struct Event<'a> {
    id: i64,
    previous: i64,
    at_ms: i64,
    name: &'a str,
    details: &'a Value,
}

impl Event<'_> {
    fn text(&self, member: &str) -> Option<String> {
        self.details.get(member).and_then(Value::as_str).map(str::to_owned)
    }
}

impl Story {
    pub(in super::super) fn new() -> Story {
        let root = Thread { parent: None, index: None, runs: Vec::new(), status: RunStatus::Running };
        Story {
            runs: Vec::new(),
            threads: vec![root],
            failures: Vec::new(),
            last_id: 0,
            last_type: String::new(),
            thread_of: HashMap::new(),
        }
    }

    /// Whether the last event ended the execution.
    pub(in super::super) fn is_over(&self) -> bool {
        matches!(&*self.last_type, "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted")
    }

    /// Takes an event of `GetExecutionHistory`, in their order. The run it
    /// belongs to is answered, if there is one.
    pub(in super::super) fn take(&mut self, event: &Value) -> Option<usize> {
        let details = event.as_object().and_then(|members| {
            members.iter().find(|(name, value)| name.ends_with("EventDetails") && value.as_object().is_some())
        });
        let name = event["type"].as_str().unwrap_or_default();
        let event = Event {
            id: event["id"].as_i64().unwrap_or_default(),
            previous: event["previousEventId"].as_i64().unwrap_or_default(),
            at_ms: millis(&event["timestamp"]),
            name,
            details: details.map_or(&Value::Null, |(_, details)| details),
        };
        self.last_id = event.id;
        name.clone_into(&mut self.last_type);
        let thread = self.thread_of.get(&event.previous).copied().unwrap_or(ROOT);
        self.thread_of.insert(event.id, thread);
        match name {
            _ if name.ends_with("StateEntered") => Some(self.entered(&event, thread)),
            _ if name.ends_with("StateExited") => self.exited(&event, thread),
            _ if name.starts_with("MapIteration") => self.iteration(&event, thread),
            _ if name.starts_with("Execution") => {
                self.execution(&event);
                None
            }
            "MapStateSucceeded" | "MapStateFailed" | "MapStateAborted" => self.container_ended(&event, thread, "Map"),
            "ParallelStateSucceeded" | "ParallelStateFailed" | "ParallelStateAborted" => {
                self.container_ended(&event, thread, "Parallel")
            }
            _ => {
                let run = self.current(thread)?;
                self.belongs(&event, run);
                Some(run)
            }
        }
    }

    /// An event within a run.
    fn belongs(&mut self, event: &Event<'_>, at: usize) {
        let run = &mut self.runs[at];
        match event.name {
            "MapStateStarted" => run.length = event.details["length"].as_i64(),
            "MapRunStarted" => run.map_run_arn = event.text("mapRunArn"),
            // It stands in the thread of whoever failed, and does not say which state
            // it is about; what it cut off ends with its container.
            "TaskStateAborted" | "WaitStateAborted" => {}
            _ => attempt(run, event),
        }
    }

    fn entered(&mut self, event: &Event<'_>, before: usize) -> usize {
        let around = self.current(before);
        // The first state of a branch follows the container's own Started event.
        let parallel =
            around.filter(|at| self.runs[*at].state_type == "Parallel" && self.runs[*at].status == RunStatus::Running);
        let thread = match parallel {
            Some(parallel) => self.spawn(parallel, None),
            None => before,
        };
        let at = self.runs.len();
        self.runs.push(Run {
            id: event.id,
            state: event.text("name").unwrap_or_default(),
            state_type: event.name.trim_end_matches("StateEntered").to_owned(),
            thread,
            entered_ms: event.at_ms,
            ended_ms: None,
            status: RunStatus::Running,
            error: None,
            cause: None,
            attempts: Vec::new(),
            threads: Vec::new(),
            length: None,
            map_run_arn: None,
            nested: Vec::new(),
        });
        self.thread_of.insert(event.id, thread);
        self.threads[thread].runs.push(at);
        if event.name == "FailStateEntered" {
            end(&mut self.runs[at], event, RunStatus::Failed);
        }
        at
    }

    fn exited(&mut self, event: &Event<'_>, before: usize) -> Option<usize> {
        let name = event.text("name").unwrap_or_default();
        let at = self.climb(before, |run| run.state == name && run.status != RunStatus::Succeeded)?;
        self.thread_of.insert(event.id, self.runs[at].thread);
        let run = &mut self.runs[at];
        // It left by a catcher if its last attempt, or an expression, failed.
        let failed = run.attempts.last().is_some_and(|attempt| attempt.status == RunStatus::Failed);
        let caught = failed || run.status == RunStatus::Failed || run.error.is_some();
        end(run, event, if caught { RunStatus::Caught } else { RunStatus::Succeeded });
        Some(at)
    }

    fn iteration(&mut self, event: &Event<'_>, before: usize) -> Option<usize> {
        let name = event.text("name").unwrap_or_default();
        let index = event.details["index"].as_i64();
        let fits = |run: &Run| run.state_type == "Map" && run.state == name && run.status == RunStatus::Running;
        let map = self.climb(before, fits)?;
        if event.name == "MapIterationStarted" {
            let thread = self.spawn(map, index);
            self.thread_of.insert(event.id, thread);
            return Some(map);
        }
        self.thread_of.insert(event.id, self.runs[map].thread);
        let thread = self.runs[map].threads.iter().rev().copied().find(|at| self.threads[*at].index == index)?;
        let status = match event.name {
            "MapIterationSucceeded" => RunStatus::Succeeded,
            "MapIterationFailed" => RunStatus::Failed,
            _ => RunStatus::Aborted,
        };
        self.threads[thread].status = status;
        if status != RunStatus::Succeeded
            && let Some(inner) = self.current(thread)
        {
            self.abort_within(event, inner);
            if self.runs[inner].status == RunStatus::Running {
                end(&mut self.runs[inner], event, status);
            }
        }
        Some(map)
    }

    fn container_ended(&mut self, event: &Event<'_>, before: usize, state_type: &str) -> Option<usize> {
        let at = self.climb(before, |run| run.state_type == state_type && run.status == RunStatus::Running)?;
        self.thread_of.insert(event.id, self.runs[at].thread);
        if event.name.ends_with("Succeeded") {
            return Some(at);
        }
        let status = if event.name.ends_with("Failed") { RunStatus::Failed } else { RunStatus::Aborted };
        if status == RunStatus::Failed {
            self.fail_open(event, before, at);
        }
        self.abort_within(event, at);
        end(&mut self.runs[at], event, status);
        let inner = self.runs[at].threads.iter().flat_map(|thread| &self.threads[*thread].runs);
        let failed = inner.copied().rfind(|inner| self.runs[*inner].status == RunStatus::Failed);
        if let Some(inner) = failed {
            let (error, cause) = (self.runs[inner].error.clone(), self.runs[inner].cause.clone());
            let run = &mut self.runs[at];
            if run.error.is_none() {
                (run.error, run.cause) = (error, cause);
            }
        }
        Some(at)
    }

    fn execution(&mut self, event: &Event<'_>) {
        let status = match event.name {
            "ExecutionRedriven" => {
                self.threads[ROOT].status = RunStatus::Running;
                self.failures.clear();
                return;
            }
            "ExecutionSucceeded" => RunStatus::Succeeded,
            "ExecutionFailed" | "ExecutionTimedOut" => RunStatus::Failed,
            "ExecutionAborted" => RunStatus::Aborted,
            _ => return,
        };
        self.threads[ROOT].status = status;
        let (error, cause) = (event.text("error"), event.text("cause"));
        let failed = event.name == "ExecutionFailed";
        if failed {
            // What stood open when the execution failed is what it failed in.
            let thread = self.thread_of.get(&event.previous).copied().unwrap_or(ROOT);
            let open = self.current(thread).filter(|at| self.runs[*at].status == RunStatus::Running);
            let mut at = open.filter(|at| self.runs[*at].threads.is_empty()).or_else(|| self.deepest());
            while let Some(open) = at.filter(|at| self.runs[*at].status == RunStatus::Running) {
                end(&mut self.runs[open], event, RunStatus::Failed);
                at = self.threads[self.runs[open].thread].parent;
            }
        }
        for run in self.runs.iter_mut().filter(|run| run.status == RunStatus::Running) {
            end(run, event, RunStatus::Aborted);
        }
        for iteration in self.threads.iter_mut().filter(|thread| thread.index.is_some()) {
            if iteration.status == RunStatus::Running {
                iteration.status = RunStatus::Aborted;
            }
        }
        if !failed {
            return;
        }
        let has_failed =
            |thread: &usize| self.threads[*thread].runs.iter().any(|run| self.runs[*run].status == RunStatus::Failed);
        let innermost = |run: &Run| run.status == RunStatus::Failed && !run.threads.iter().any(has_failed);
        let Some(last) = self.runs.iter().rposition(innermost) else { return };
        // A Fail state that a catcher led to only says what went wrong before it.
        let failed_itself = |run: &Run| {
            run.attempts.last().is_some_and(|attempt| attempt.status == RunStatus::Failed)
                || (run.status == RunStatus::Failed && run.state_type == "Fail")
        };
        let first = match self.runs[last].state_type == "Fail" {
            true => (0..self.runs.len()).rev().find(|at| *at != last && failed_itself(&self.runs[*at])),
            false => None,
        };
        fill(&mut self.runs[last], &error, &cause);
        self.failures = first.into_iter().chain([last]).collect();
    }

    /// What stands open in the thread that made a container fail is what failed.
    fn fail_open(&mut self, event: &Event<'_>, thread: usize, container: usize) {
        if let Some(open) = self.current(thread)
            && open != container
            && self.runs[open].status == RunStatus::Running
        {
            end(&mut self.runs[open], event, RunStatus::Failed);
        }
    }

    /// What runs in a container ends with it.
    fn abort_within(&mut self, event: &Event<'_>, container: usize) {
        let mut threads = self.runs[container].threads.clone();
        while let Some(thread) = threads.pop() {
            if self.threads[thread].index.is_some() && self.threads[thread].status == RunStatus::Running {
                self.threads[thread].status = RunStatus::Aborted;
            }
            // Only the last run of a thread can be open.
            if let Some(last) = self.current(thread) {
                threads.extend(&self.runs[last].threads);
                if self.runs[last].status == RunStatus::Running {
                    end(&mut self.runs[last], event, RunStatus::Aborted);
                }
            }
        }
    }

    fn spawn(&mut self, parent: usize, index: Option<i64>) -> usize {
        let at = self.threads.len();
        self.threads.push(Thread { parent: Some(parent), index, runs: Vec::new(), status: RunStatus::Running });
        self.runs[parent].threads.push(at);
        at
    }

    fn current(&self, thread: usize) -> Option<usize> {
        self.threads[thread].runs.last().copied()
    }

    /// The nearest run around an event that `fits`: of its thread, or of one around.
    fn climb(&self, from: usize, fits: impl Fn(&Run) -> bool) -> Option<usize> {
        let mut thread = from;
        loop {
            if let Some(at) = self.current(thread)
                && fits(&self.runs[at])
            {
                return Some(at);
            }
            thread = self.runs[self.threads[thread].parent?].thread;
        }
    }

    /// The innermost run that is open, along the last threads.
    fn deepest(&self) -> Option<usize> {
        let mut at = self.current(ROOT)?;
        loop {
            let inner = self.runs[at].threads.iter().rev().filter_map(|thread| self.current(*thread));
            match inner.into_iter().find(|inner| self.runs[*inner].status == RunStatus::Running) {
                Some(inner) => at = inner,
                None => return Some(at),
            }
        }
    }

    /// The threads around a run, the outermost first: the containers' names and
    /// the numbers of iterations.
    pub(in super::super) fn within(&self, at: usize) -> Vec<(&str, Option<i64>)> {
        let mut within = Vec::new();
        let mut thread = &self.threads[self.runs[at].thread];
        while let Some(parent) = thread.parent {
            within.push((&*self.runs[parent].state, thread.index));
            thread = &self.threads[self.runs[parent].thread];
        }
        within.reverse();
        within
    }
}

fn attempt(run: &mut Run, event: &Event<'_>) {
    let name = event.name;
    if name == "EvaluationFailed" {
        (run.error, run.cause) = (event.text("error"), event.text("cause"));
        return;
    }
    if name.ends_with("Scheduled") {
        // After a redrive a state that had ended goes on.
        if run.status != RunStatus::Running {
            run.status = RunStatus::Running;
            run.ended_ms = None;
        }
        run.attempts.push(Attempt {
            scheduled_ms: event.at_ms,
            ended_ms: None,
            status: RunStatus::Running,
            error: None,
            cause: None,
        });
        return;
    }
    if let Some(arn) = nested_arn(event)
        && !run.nested.contains(&arn)
    {
        run.nested.push(arn);
    }
    let Some(attempt) = run.attempts.last_mut() else { return };
    let of_work = ["Task", "LambdaFunction", "Activity"].iter().any(|prefix| name.starts_with(prefix));
    if of_work && (name.ends_with("Failed") || name.ends_with("TimedOut")) {
        attempt.status = RunStatus::Failed;
        attempt.ended_ms = Some(event.at_ms);
        (attempt.error, attempt.cause) = (event.text("error"), event.text("cause"));
        (run.error, run.cause) = (attempt.error.clone(), attempt.cause.clone());
    } else if name.ends_with("Succeeded") {
        attempt.status = RunStatus::Succeeded;
        attempt.ended_ms = Some(event.at_ms);
        (run.error, run.cause) = (None, None);
    }
}

/// The execution that a task started, which its answer names.
fn nested_arn(event: &Event<'_>) -> Option<String> {
    let starts = matches!(event.name, "TaskSubmitted" | "TaskSucceeded")
        && event.details["resource"].as_str().is_some_and(|resource| resource.starts_with("startExecution"));
    let output = event.details["output"].as_str().filter(|_| starts)?;
    let output = parse(output).ok()?;
    let arn = ["ExecutionArn", "executionArn"].iter().find_map(|member| output.get(member).and_then(Value::as_str));
    arn.map(str::to_owned)
}

fn end(run: &mut Run, event: &Event<'_>, status: RunStatus) {
    run.status = status;
    run.ended_ms = Some(event.at_ms);
    if let Some(attempt) = run.attempts.last_mut()
        && attempt.status == RunStatus::Running
    {
        attempt.status = status;
        attempt.ended_ms = Some(event.at_ms);
    }
}

fn fill(run: &mut Run, error: &Option<String>, cause: &Option<String>) {
    if run.error.is_none() {
        run.error.clone_from(error);
    }
    if run.cause.is_none() {
        run.cause.clone_from(cause);
    }
}

/// An instant of an answer (seconds since 1970) in milliseconds.
pub(in super::super) fn millis(instant: &Value) -> i64 {
    instant.as_f64().map_or(0, |seconds| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use windlass_value::{Object, Value, parse};

    use super::*;

    /// `ID<PREVIOUS +MS Type {details}`, one event a line.
    fn event(line: &str) -> Value {
        let mut words = line.splitn(4, ' ');
        let (ids, at, name) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let (id, previous) = ids.split_once('<').unwrap();
        let mut event = Object::new();
        event.insert("id", id.parse::<i64>().unwrap());
        event.insert("previousEventId", previous.parse::<i64>().unwrap());
        event.insert("timestamp", parse(&format!("{}", at.parse::<f64>().unwrap() / 1000.0)).unwrap());
        event.insert("type", name);
        if let Some(details) = words.next() {
            event.insert("someEventDetails", parse(details).unwrap());
        }
        event.into()
    }

    fn outline(story: &Story, thread: usize, depth: usize, out: &mut String) {
        for at in &story.threads[thread].runs {
            let run = &story.runs[*at];
            let took = run.ended_ms.map_or("…".to_owned(), |ended| (ended - run.entered_ms).to_string());
            let _ = write!(out, "{}{} {} {} {took}", "  ".repeat(depth), run.status.name(), run.state_type, run.state);
            if let Some(error) = &run.error {
                let _ = write!(out, " {error}");
            }
            for attempt in &run.attempts {
                let _ = write!(out, " [{} {}]", attempt.status.name(), attempt.error.as_deref().unwrap_or_default());
            }
            run.nested.iter().for_each(|arn| out.push_str(&format!(" -> {arn}")));
            out.push('\n');
            for thread in &run.threads {
                let inner = &story.threads[*thread];
                let name = match inner.index {
                    Some(index) => format!("#{index} {}", inner.status.name()),
                    None => "branch".to_owned(),
                };
                let _ = writeln!(out, "{}{name}", "  ".repeat(depth + 1));
                outline(story, *thread, depth + 2, out);
            }
        }
    }

    #[test]
    fn histories_are_told_as_written() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/stories");
        let mut cases = 0;
        let mut wrong = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for case in text.split("\n=== ").skip(1) {
                let (title, rest) = case.split_once('\n').unwrap();
                let (events, expected) = rest.split_once("\n-- told\n").unwrap();
                let mut story = Story::new();
                for line in events.lines().filter(|line| !line.is_empty()) {
                    story.take(&event(line));
                }
                let mut told = String::new();
                outline(&story, ROOT, 0, &mut told);
                let _ = write!(told, "is {}", story.threads[ROOT].status.name());
                for at in &story.failures {
                    let _ = write!(told, ", failed in {}", story.runs[*at].state);
                    for (container, index) in story.within(*at) {
                        let _ = write!(told, " of {container} {index:?}");
                    }
                }
                if told.trim_end() != expected.trim_end() {
                    let _ = writeln!(wrong, "=== {title}\n{told}\n--- expected\n{expected}");
                }
                cases += 1;
            }
        }
        assert!(cases >= 8, "only {cases} cases");
        assert!(wrong.is_empty(), "{wrong}");
    }
}
