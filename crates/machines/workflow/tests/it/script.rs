//! What a case says that tasks answer.

use std::collections::HashMap;

use windlass_value::{Payload, Text, Value};
use windlass_workflow::TaskFailure;

/// How one attempt of a task goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// When it starts; `None`: never.
    pub(crate) start_ms: Option<i64>,
    /// The activity worker's name.
    pub(crate) worker: Option<Text>,
    /// When it is submitted, and with what.
    pub(crate) submit: Option<(i64, Payload)>,
    /// When it ends, and how; `None`: it stays silent.
    pub(crate) end: Option<(i64, End)>,
    /// When it sends heartbeats.
    pub(crate) beats_ms: Vec<i64>,
}

/// How an attempt ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// With its own input as the result.
    Echo,
    /// As `lambda:invoke` answers of a function that hands its payload back.
    Invoke,
    /// With a result.
    Succeed(Payload),
    /// With an error.
    Fail { error: Option<Text>, cause: Option<Text>, failure: TaskFailure },
}

/// Answers by state; a state's last answer repeats, a state without one echoes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    answers: HashMap<String, Vec<Answer>>,
    taken: HashMap<String, usize>,
}

impl Script {
    /// Reads `{"State": [answer, …]}`.
    pub(crate) fn read(tasks: &Value) -> Script {
        let mut answers = HashMap::new();
        if let Some(tasks) = tasks.as_object() {
            for (state, list) in tasks.iter() {
                let list = list.as_array().unwrap_or_else(|| panic!("the answers of {state} are no array"));
                answers.insert(state.to_string(), list.iter().map(read_answer).collect());
            }
        }
        Script { answers, taken: HashMap::new() }
    }

    /// The answer to a state's next attempt.
    pub(crate) fn next(&mut self, state: &str) -> Answer {
        let echo = Answer { start_ms: Some(0), end: Some((0, End::Echo)), ..Answer::default() };
        // `*` answers whatever has no answers of its own.
        let name = if self.answers.contains_key(state) { state } else { "*" };
        let Some(list) = self.answers.get(name) else { return echo };
        let taken = self.taken.entry(name.to_owned()).or_default();
        let answer = list.get((*taken).min(list.len() - 1)).cloned();
        *taken += 1;
        answer.unwrap_or(echo)
    }
}

fn ms(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| (seconds * 1000.0).round() as i64)
}

/// A payload of a case: `{"bytes": n}` stands for a string whose text has n bytes.
pub(crate) fn payload(value: &Value) -> Payload {
    match value.get("bytes").and_then(Value::as_i64) {
        Some(bytes) => Payload::from_value(Value::string("a".repeat(bytes as usize - 2))),
        None => Payload::from_value(value.clone()),
    }
}

fn read_answer(answer: &Value) -> Answer {
    let known =
        ["start", "worker", "submit", "submit_at", "at", "succeed", "echo", "fail", "how", "silent", "beats", "invoke"];
    for (member, _) in answer.as_object().expect("an answer is an object").iter() {
        assert!(known.contains(&&**member), "unknown member {member} of an answer");
    }
    let text = |value: &Value| value.as_str().map(Text::from);
    let failure = match answer["how"].as_str() {
        Some("schedule") => TaskFailure::Schedule,
        Some("start") => TaskFailure::Start,
        Some("submit") => TaskFailure::Submit,
        Some(other) => panic!("unknown kind of failure {other}"),
        None => TaskFailure::Run,
    };
    let end = if let Some(output) = answer.get("succeed") {
        Some(End::Succeed(payload(output)))
    } else if let Some(fail) = answer.get("fail") {
        Some(End::Fail { error: text(&fail["error"]), cause: text(&fail["cause"]), failure })
    } else if answer.get("invoke").is_some() {
        Some(End::Invoke)
    } else if answer.get("echo").is_some() {
        Some(End::Echo)
    } else {
        None
    };
    let never_starts = answer.get("start").is_some_and(Value::is_null) || failure == TaskFailure::Schedule;
    Answer {
        start_ms: (!never_starts).then(|| ms(&answer["start"]).unwrap_or(0)),
        worker: text(&answer["worker"]),
        submit: answer.get("submit").map(|output| (ms(&answer["submit_at"]).unwrap_or(0), payload(output))),
        end: end.map(|end| (ms(&answer["at"]).unwrap_or(0), end)),
        beats_ms: answer["beats"].as_array().map_or_else(Vec::new, |beats| beats.iter().filter_map(ms).collect()),
    }
}
