use windlass_value::{Object, Value, object};

use crate::random::Random;

/// States of one machine at most.
const STATES_MAX: u64 = 4;
/// Machines nested in machines at most.
const DEPTH_MAX: u32 = 2;
/// Times a state is tried again at most.
const ATTEMPTS_MAX: u64 = 3;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";
const CALLBACK: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const JOB: &str = "arn:aws:states:::batch:submitJob.sync";
const INVOKE: &str = "arn:aws:states:::lambda:invoke";

/// A definition that comes to an end whatever its tasks answer: everything that
/// waits for somebody has a time-out.
pub fn generate(random: &mut Random) -> Value {
    let mut next_name = 0;
    let mut machine = machine(random, 0, &mut next_name);
    if random.chance(10) {
        machine.insert("TimeoutSeconds", Value::from(5 + random.below(30)));
    }
    machine.into()
}

fn machine(random: &mut Random, depth: u32, next_name: &mut u32) -> Object {
    let count = 1 + random.below(STATES_MAX) as usize;
    let names: Vec<String> = (0..count)
        .map(|_| {
            *next_name += 1;
            format!("S{next_name}")
        })
        .collect();
    let mut states = Object::new();
    for (at, name) in names.iter().enumerate() {
        let later = &names[at + 1..];
        states.insert(name.as_str(), state(random, later, depth, next_name));
    }
    let mut machine = Object::new();
    machine.insert("StartAt", names[0].as_str());
    machine.insert("States", states);
    machine
}

fn state(random: &mut Random, later: &[String], depth: u32, next_name: &mut u32) -> Object {
    let mut state = Object::new();
    let containers = if depth < DEPTH_MAX { 4 } else { 0 };
    let kind = match random.below(14 + containers) {
        0 | 1 => pass(random, &mut state),
        2 | 3 => {
            state.insert("Seconds", Value::from(random.below(4)));
            "Wait"
        }
        4 if !later.is_empty() => return choice(random, later),
        5 if random.chance(40) => {
            state.insert("Type", "Fail");
            state.insert("Error", "Generated");
            return state;
        }
        6 => {
            state.insert("Type", "Succeed");
            return state;
        }
        14 | 15 => {
            let branches =
                (0..1 + random.below(3)).map(|_| machine(random, depth + 1, next_name).into()).collect::<Vec<Value>>();
            state.insert("Branches", branches);
            state.insert("ResultPath", "$.branches");
            errors(random, &mut state, later);
            "Parallel"
        }
        16 | 17 => {
            state.insert("ItemsPath", "$$.Execution.Input.items");
            state.insert("MaxConcurrency", Value::from(random.below(4)));
            state.insert("ItemSelector", object! { "item.$" => "$$.Map.Item.Value", "index.$" => "$$.Map.Item.Index" });
            state.insert("ItemProcessor", machine(random, depth + 1, next_name));
            state.insert("ResultPath", "$.items");
            errors(random, &mut state, later);
            "Map"
        }
        _ => task(random, &mut state, later),
    };
    state.insert("Type", kind);
    match later.first() {
        Some(_) => state.insert("Next", pick(random, later)),
        None => state.insert("End", true),
    };
    state
}

fn pick(random: &mut Random, names: &[String]) -> String {
    // Mostly the next one: states nobody reaches are allowed but teach little.
    let at = if random.chance(80) { 0 } else { random.below(names.len() as u64) as usize };
    names[at].clone()
}

fn pass(random: &mut Random, state: &mut Object) -> &'static str {
    match random.below(3) {
        0 => {
            state.insert("Assign", object! { "seen.$" => "$$.State.Name" });
        }
        1 => {
            state.insert("Result", object! { "n" => random.below(100) });
            state.insert("ResultPath", "$.passed");
        }
        _ => {}
    }
    "Pass"
}

fn choice(random: &mut Random, later: &[String]) -> Object {
    let mut state = Object::new();
    let rule = object! { "Variable" => "$.passed", "IsPresent" => random.chance(50), "Next" => pick(random, later) };
    state.insert("Type", "Choice");
    state.insert("Choices", vec![rule]);
    state.insert("Default", pick(random, later));
    state
}

fn task(random: &mut Random, state: &mut Object, later: &[String]) -> &'static str {
    let resource = [FUNCTION, FUNCTION, INVOKE, ACTIVITY, CALLBACK, JOB][random.below(6) as usize];
    state.insert("Resource", resource);
    match resource {
        INVOKE => {
            state.insert("Parameters", object! { "FunctionName" => "f", "Payload.$" => "$$.Execution.Input.items" });
        }
        JOB => {
            let parameters = object! { "JobName" => "j", "JobQueue" => "q", "JobDefinition" => "d" };
            state.insert("Parameters", parameters);
        }
        CALLBACK => {
            let body = object! { "token.$" => "$$.Task.Token" };
            state.insert("Parameters", object! { "QueueUrl" => "q", "MessageBody" => body });
        }
        _ => {}
    }
    state.insert("ResultPath", if random.chance(50) { Value::Null } else { Value::from("$.result") });
    if resource == ACTIVITY || resource == CALLBACK || random.chance(30) {
        state.insert("TimeoutSeconds", Value::from(6 + random.below(20)));
        if resource != FUNCTION && resource != INVOKE && random.chance(50) {
            state.insert("HeartbeatSeconds", Value::from(2 + random.below(3)));
        }
    }
    errors(random, state, later);
    "Task"
}

fn errors(random: &mut Random, state: &mut Object, later: &[String]) {
    if random.chance(60) {
        let mut retrier = Object::new();
        retrier.insert("ErrorEquals", vec![Value::from("States.ALL")]);
        retrier.insert("MaxAttempts", Value::from(random.below(ATTEMPTS_MAX + 1)));
        retrier.insert("BackoffRate", Value::from(1));
        if random.chance(30) {
            retrier.insert("JitterStrategy", "FULL");
        }
        state.insert("Retry", vec![Value::from(retrier)]);
    }
    if random.chance(40) && !later.is_empty() {
        let next = pick(random, later);
        let catcher =
            object! { "ErrorEquals" => vec![Value::from("States.ALL")], "Next" => next, "ResultPath" => "$.error" };
        state.insert("Catch", vec![catcher]);
    }
}
