//! How executions do; beyond AWS.

use std::collections::{BTreeMap, HashMap};

use windlass_journal::{ExecutionSearch, HistoryQuery, Journal, Record};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Text, Value, object};
use windlass_workflow::{Details, EventType, HistoryEvent, Status};

use super::find::{MACHINES_SEARCHED_MAX, seconds, with_error};
use crate::environment::Environment;
use crate::fault::of_journal;
use crate::machine::{Machines, arns_of_standard};
use crate::request::Request;
use crate::telemetry::Telemetry;

/// Executions whose histories are looked into for their states.
const HISTORIES_MAX: usize = 120;
/// Events of one of them that are looked at.
const EVENTS_MAX: usize = 400;
const STATES_TOLD_MAX: usize = 8;
const FAILURES_TOLD_MAX: usize = 10;
const HOUR_MS: i64 = 3_600_000;

/// Counts of the last hour, minute by minute; the states that fail most and take
/// longest among the newest executions; the last failures.
pub(crate) async fn overview(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    telemetry: &Telemetry,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let now = environment.now();
    let hour = telemetry.last_hour(now);
    let arns = arns_of_standard(machines, &request.call.account, &request.call.region, MACHINES_SEARCHED_MAX)?;
    let looked = {
        let journal = journal.clone();
        tokio::task::spawn_blocking(move || {
            let search = |status: Option<Status>, limit: usize| {
                let found = journal.search(&ExecutionSearch {
                    machines: &arns,
                    status,
                    started_from: Some(now.plus_ms(-HOUR_MS)),
                    started_before: None,
                    name_part: "",
                    error_part: "",
                    limit,
                    rows_max: limit,
                });
                found.map(|found| found.records).map_err(|error| of_journal(&error))
            };
            let newest = search(None, HISTORIES_MAX)?;
            let failed = search(Some(Status::Failed), HISTORIES_MAX)?;
            let mut states = States::default();
            let mut seen = std::collections::HashSet::new();
            for record in failed.iter().chain(&newest) {
                if seen.insert(record.arn.clone()) {
                    states.add(&journal, record)?;
                }
            }
            Ok::<_, Fault>((states, failed))
        })
    };
    let (states, failed) = looked.await.map_err(|error| Fault::internal(error.to_string()))??;

    let mut counts = Object::new();
    counts.insert("RUNNING", journal.open_executions());
    let sum = |of: fn(&crate::telemetry::Minute) -> u64| hour.iter().map(of).sum::<u64>();
    counts.insert("SUCCEEDED", sum(|minute| minute.succeeded));
    counts.insert("FAILED", sum(|minute| minute.failed));
    counts.insert("ABORTED", sum(|minute| minute.aborted));
    let minutes = hour.iter().map(|minute| {
        let mut told = Object::new();
        told.insert("at", seconds(minute.begins()));
        told.insert("started", minute.started);
        told.insert("succeeded", minute.succeeded);
        told.insert("failed", minute.failed);
        for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
            if let Some(ms) = minute.duration_ms(share) {
                told.insert(name, ms.round() as i64);
            }
        }
        Value::from(told)
    });
    Ok(object! {
        "counts" => counts,
        "minutes" => Value::array(minutes.collect()),
        "failingStates" => states.failing(),
        "slowStates" => states.slow(),
        "recentFailures" => Value::array(failed.iter().take(FAILURES_TOLD_MAX).map(with_error).collect()),
    }
    .into())
}

/// States of machines, with how they did.
#[derive(Default)]
struct States(BTreeMap<(Text, Text), Runs>);

#[derive(Default)]
struct Runs {
    failures: u64,
    last_error: Option<Text>,
    durations_ms: Vec<i64>,
}

impl States {
    fn add(&mut self, journal: &Journal, record: &Record) -> Result<(), Fault> {
        let query = HistoryQuery { reverse: false, after: None, limit: EVENTS_MAX };
        let (events, _) = journal.history(&record.arn, query).map_err(|error| of_journal(&error))?;
        // By event: the state it belongs to, and when that was entered.
        let mut inside: HashMap<u64, (Text, i64)> = HashMap::new();
        for event in &events {
            if let Details::StateEntered { name, .. } = &event.details {
                inside.insert(event.id, (name.clone(), event.at.as_ms()));
                continue;
            }
            let Some(state) = inside.get(&event.previous_event_id).cloned() else { continue };
            self.note(record, event, &state);
            inside.insert(event.id, state);
        }
        Ok(())
    }

    fn note(&mut self, record: &Record, event: &HistoryEvent, (entered, at): &(Text, i64)) {
        match (&event.details, event.event_type) {
            (Details::StateExited { name, .. }, _) if name == entered => {
                let runs = self.0.entry((record.machine_arn.clone(), name.clone())).or_default();
                runs.durations_ms.push(event.at.as_ms() - at);
            }
            (_, kind) if is_failure(kind) => {
                let runs = self.0.entry((record.machine_arn.clone(), entered.clone())).or_default();
                runs.failures += 1;
                if let Some(error) = error_of(&event.details) {
                    runs.last_error = Some(error.clone());
                }
            }
            _ => {}
        }
    }

    fn failing(&self) -> Value {
        let mut found: Vec<_> = self.0.iter().filter(|(_, runs)| runs.failures > 0).collect();
        found.sort_by_key(|(_, runs)| std::cmp::Reverse(runs.failures));
        let told = found.into_iter().take(STATES_TOLD_MAX).map(|((machine, state), runs)| {
            let mut told = Object::new();
            told.insert("stateMachineArn", machine);
            told.insert("state", state);
            told.insert("failures", runs.failures);
            if let Some(error) = &runs.last_error {
                told.insert("lastError", error);
            }
            Value::from(told)
        });
        Value::array(told.collect())
    }

    fn slow(&self) -> Value {
        let mut found: Vec<(&(Text, Text), i64, usize)> = self
            .0
            .iter()
            .filter(|(_, runs)| !runs.durations_ms.is_empty())
            .map(|(state, runs)| {
                let mut durations = runs.durations_ms.clone();
                durations.sort_unstable();
                let at = ((durations.len() as f64 * 0.95).ceil() as usize).clamp(1, durations.len());
                (state, durations[at - 1], durations.len())
            })
            .collect();
        found.sort_by_key(|(_, p95, _)| std::cmp::Reverse(*p95));
        let told = found.into_iter().take(STATES_TOLD_MAX).map(|((machine, state), p95, count)| {
            object! { "stateMachineArn" => machine, "state" => state, "p95" => p95, "count" => count }
        });
        Value::array(told.collect())
    }
}

fn error_of(details: &Details) -> Option<&Text> {
    match details {
        Details::Failure { error, .. } | Details::TaskFailure { error, .. } => error.as_ref(),
        Details::EvaluationFailed { error, .. } => Some(error),
        _ => None,
    }
}

fn is_failure(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::TaskFailed
            | EventType::TaskTimedOut
            | EventType::TaskStartFailed
            | EventType::TaskSubmitFailed
            | EventType::LambdaFunctionFailed
            | EventType::LambdaFunctionTimedOut
            | EventType::LambdaFunctionScheduleFailed
            | EventType::LambdaFunctionStartFailed
            | EventType::ActivityFailed
            | EventType::ActivityTimedOut
            | EventType::ActivityScheduleFailed
            | EventType::EvaluationFailed
    )
}
