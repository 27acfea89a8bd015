//! What a definition compiles to. States are named by name, never by index, so
//! that stored executions outlive recompilation.

use indexmap::IndexMap;
use windlass_jsonata::Expression;
use windlass_value::{Text, Timestamp, Value};

use crate::intrinsic::Intrinsic;
use crate::jsonpath::{Path, ReferencePath};
use crate::template::Template;

/// The two query languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryLanguage {
    /// Paths in the Jayway dialect, templates, intrinsic functions.
    #[default]
    JsonPath,
    /// `{% … %}` expressions.
    Jsonata,
}

/// A machine: the whole definition, a Parallel branch or a Map processor.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The first state.
    pub start_at: Text,
    /// The states by name, in the order written.
    pub states: IndexMap<Text, State>,
    /// Free text.
    pub comment: Option<Text>,
    /// Budget of the whole execution (top level only), in seconds.
    pub timeout_seconds: Option<u64>,
    /// The machine's language.
    pub query_language: QueryLanguage,
    /// How many executions run at once (top level only): `x-concurrency`, Windlass's own.
    pub concurrency: Option<Box<Concurrency>>,
}

impl Machine {
    /// A machine that has nothing but this state, to run it by itself.
    pub fn of_state(state: State) -> Machine {
        Machine {
            start_at: state.name.clone(),
            query_language: state.query_language,
            states: IndexMap::from([(state.name.clone(), state)]),
            comment: None,
            timeout_seconds: None,
            concurrency: None,
        }
    }

    /// The state of that name, in this machine or any inside it.
    pub fn find(&self, name: &str) -> Option<&State> {
        self.states.get(name).or_else(|| {
            self.states.values().find_map(|state| match &state.kind {
                StateKind::Parallel { branches } => branches.iter().find_map(|branch| branch.find(name)),
                StateKind::Map(map) => map.processor.find(name),
                _ => None,
            })
        })
    }
}

/// One state.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name, unique in the whole definition.
    pub name: Text,
    /// Its own language, else the machine's.
    pub query_language: QueryLanguage,
    /// Free text.
    pub comment: Option<Text>,
    /// Where it leads. `None` for Choice, Succeed and Fail.
    pub transition: Option<Transition>,
    /// JSONPath: `InputPath`.
    pub input_path: PathField,
    /// JSONPath: `OutputPath`.
    pub output_path: PathField,
    /// JSONPath: `Parameters`; JSONata: `Arguments` (Map: see [`Map::item_selector`]).
    pub parameters: Option<Template>,
    /// JSONPath: `ResultSelector`.
    pub result_selector: Option<Template>,
    /// JSONPath: `ResultPath`.
    pub result_path: ResultPath,
    /// JSONata: `Output`.
    pub output: Option<Template>,
    /// `Assign`, always an object template.
    pub assign: Option<Template>,
    /// Retriers in order.
    pub retry: Vec<Retrier>,
    /// Catchers in order.
    pub catch: Vec<Catcher>,
    /// What it does.
    pub kind: StateKind,
}

/// The eight types.
#[derive(Clone, Debug)]
pub enum StateKind {
    /// Pass, with JSONPath's literal `Result`.
    Pass {
        /// The literal, never a template.
        result: Option<Value>,
    },
    /// Task.
    Task(Box<Task>),
    /// Choice.
    Choice(Choice),
    /// Wait.
    Wait(Wait),
    /// Succeed.
    Succeed,
    /// Fail.
    Fail(Fail),
    /// Parallel.
    Parallel {
        /// At least one.
        branches: Vec<Machine>,
    },
    /// Map.
    Map(Box<Map>),
}

impl StateKind {
    /// The value of `Type`.
    pub fn name(&self) -> &'static str {
        match self {
            StateKind::Pass { .. } => "Pass",
            StateKind::Task(_) => "Task",
            StateKind::Choice(_) => "Choice",
            StateKind::Wait(_) => "Wait",
            StateKind::Succeed => "Succeed",
            StateKind::Fail(_) => "Fail",
            StateKind::Parallel { .. } => "Parallel",
            StateKind::Map(_) => "Map",
        }
    }
}

/// Where a state leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `Next`
    Next(Text),
    /// `"End": true`
    End,
}

/// `InputPath` and `OutputPath`.
#[derive(Clone, Debug, Default)]
pub enum PathField {
    /// Absent: `$`.
    #[default]
    Whole,
    /// `null`: `{}`.
    Discard,
    /// A path.
    Path(Path),
}

/// `ResultPath`.
#[derive(Clone, Debug, Default)]
pub enum ResultPath {
    /// Absent or `$`: the result replaces the input.
    #[default]
    Replace,
    /// `null`: the input goes on unchanged.
    Discard,
    /// Where in the raw input the result is put.
    At(ReferencePath),
}

/// A number that is written down, referred to or computed.
#[derive(Clone, Debug)]
pub enum Quantity {
    /// A literal.
    Literal(f64),
    /// JSONPath: the `…Path` field.
    Path(Path),
    /// JSONata.
    Expression(Expression),
}

/// How many executions of one key run at once.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// What of the input is counted by.
    pub key: StringField,
    /// How many; at least 1.
    pub limit: u32,
    /// What becomes of one too many.
    pub policy: ConcurrencyPolicy,
}

/// What becomes of an execution that is one too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcurrencyPolicy {
    /// It waits for its turn.
    #[default]
    Queue,
    /// Its start is refused.
    Reject,
    /// The oldest that runs is stopped for it.
    CancelRunning,
    /// It is not started; the one that runs stands for it.
    Skip,
}

impl ConcurrencyPolicy {
    /// The word in a definition.
    pub fn as_str(self) -> &'static str {
        match self {
            ConcurrencyPolicy::Queue => "queue",
            ConcurrencyPolicy::Reject => "reject",
            ConcurrencyPolicy::CancelRunning => "cancel-running",
            ConcurrencyPolicy::Skip => "skip",
        }
    }

    /// From the word in a definition.
    pub fn parse(word: &str) -> Option<ConcurrencyPolicy> {
        use ConcurrencyPolicy::{CancelRunning, Queue, Reject, Skip};
        [Queue, Reject, CancelRunning, Skip].into_iter().find(|policy| policy.as_str() == word)
    }
}

/// A string that is written down, referred to or computed.
#[derive(Clone, Debug)]
pub enum StringField {
    /// A literal.
    Literal(Text),
    /// JSONPath: the `…Path` field with a path.
    Path(Path),
    /// JSONPath: the `…Path` field with an intrinsic function.
    Intrinsic(Intrinsic),
    /// JSONata.
    Expression(Expression),
}

/// How a service is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The answer is the result.
    RequestResponse,
    /// `.sync`: the job's end is the result.
    Sync,
    /// `.sync:2`: likewise, with parsed JSON.
    Sync2,
    /// `.waitForTaskToken`: the token's answer is the result.
    WaitForTaskToken,
}

impl Pattern {
    /// The suffix as written in the ARN.
    pub fn suffix(self) -> &'static str {
        match self {
            Pattern::RequestResponse => "",
            Pattern::Sync => ".sync",
            Pattern::Sync2 => ".sync:2",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

/// What a Task calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A function's ARN directly.
    Function,
    /// An activity's ARN.
    Activity,
    /// `arn:aws:states:::service:action[pattern]`.
    Integration {
        /// `lambda`, `sqs`, `aws-sdk:s3`, … as in the history's `resourceType`.
        service: Text,
        /// `invoke`, `startExecution`, … without the pattern.
        action: Text,
        /// How.
        pattern: Pattern,
    },
}

/// A Task.
#[derive(Clone, Debug)]
pub struct Task {
    /// The ARN as written.
    pub arn: Text,
    /// What it names.
    pub resource: Resource,
    /// `TimeoutSeconds` and its kin.
    pub timeout_seconds: Option<Quantity>,
    /// `HeartbeatSeconds` and its kin.
    pub heartbeat_seconds: Option<Quantity>,
    /// `Credentials`: a template with `RoleArn`.
    pub credentials: Option<Template>,
}

/// A Choice.
#[derive(Clone, Debug)]
pub struct Choice {
    /// In order; the first that matches wins.
    pub rules: Vec<Rule>,
    /// Taken when none matches.
    pub default: Option<Text>,
}

/// A top-level Choice rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// When it matches.
    pub condition: Condition,
    /// Where it leads.
    pub next: Text,
    /// `Assign` used instead of the state's.
    pub assign: Option<Template>,
    /// JSONata `Output` used instead of the state's.
    pub output: Option<Template>,
}

/// A condition.
#[derive(Clone, Debug)]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A comparison.
    Compare {
        /// `Variable`.
        variable: Path,
        /// `StringEquals`, …
        operator: Operator,
        /// What it is compared with.
        operand: Operand,
    },
    /// JSONata `Condition`.
    Expression(Expression),
    /// JSONata `Condition` written as `true` or `false`.
    Literal(bool),
}

/// The comparison operators without their `…Path` variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the language's own words")]
pub enum Operator {
    StringEquals,
    StringLessThan,
    StringGreaterThan,
    StringLessThanEquals,
    StringGreaterThanEquals,
    StringMatches,
    NumericEquals,
    NumericLessThan,
    NumericGreaterThan,
    NumericLessThanEquals,
    NumericGreaterThanEquals,
    TimestampEquals,
    TimestampLessThan,
    TimestampGreaterThan,
    TimestampLessThanEquals,
    TimestampGreaterThanEquals,
    BooleanEquals,
    IsNull,
    IsPresent,
    IsNumeric,
    IsString,
    IsBoolean,
    IsTimestamp,
}

/// The right-hand side of a comparison.
#[derive(Clone, Debug)]
pub enum Operand {
    /// A literal of the operator's type.
    Literal(Value),
    /// The `…Path` variant.
    Path(Path),
}

/// A Wait.
#[derive(Clone, Debug)]
pub enum Wait {
    /// `Seconds`, `SecondsPath`.
    Seconds(Quantity),
    /// A literal `Timestamp`.
    Until(Timestamp),
    /// `TimestampPath`.
    UntilPath(Path),
    /// JSONata `Timestamp`.
    UntilExpression(Expression),
}

/// A Fail.
#[derive(Clone, Debug)]
pub struct Fail {
    /// `Error`, `ErrorPath`.
    pub error: Option<StringField>,
    /// `Cause`, `CausePath`.
    pub cause: Option<StringField>,
}

/// How a Map runs its iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapMode {
    /// Inside the execution.
    Inline,
    /// As executions of their own.
    Distributed {
        /// Children are Express executions.
        express: bool,
    },
}

/// A Map.
#[derive(Clone, Debug)]
pub struct Map {
    /// `ItemProcessor` or `Iterator`.
    pub processor: Machine,
    /// Inline or distributed.
    pub mode: MapMode,
    /// Where the items come from.
    pub items: MapItems,
    /// `ItemSelector`, or `Parameters` in its old spelling.
    pub item_selector: Option<Template>,
    /// 0 or absent: no limit of the author's.
    pub max_concurrency: Option<Quantity>,
    /// Distributed only.
    pub tolerated_failure_count: Option<Quantity>,
    /// Distributed only.
    pub tolerated_failure_percentage: Option<Quantity>,
    /// Distributed only.
    pub label: Option<Text>,
    /// Distributed only: the checked `ItemReader` object.
    pub item_reader: Option<ItemReader>,
    /// Distributed only.
    pub item_batcher: Option<ItemBatcher>,
    /// Distributed only.
    pub result_writer: Option<ResultWriter>,
}

/// Where a Map's items come from when there is no `ItemReader`.
#[derive(Clone, Debug)]
pub enum MapItems {
    /// JSONPath: `ItemsPath`, `$` when absent.
    Path(PathField),
    /// JSONata: `Items`; the state's input when absent.
    Template(Option<Template>),
}

/// `ItemReader`.
#[derive(Clone, Debug)]
pub struct ItemReader {
    /// The ARN as written.
    pub resource: Text,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `ReaderConfig` as written.
    pub config: Value,
    /// `MaxItems`, `MaxItemsPath`.
    pub max_items: Option<Quantity>,
}

/// `ItemBatcher`.
#[derive(Clone, Debug)]
pub struct ItemBatcher {
    /// `BatchInput`.
    pub batch_input: Option<Template>,
    /// `MaxItemsPerBatch` and its kin.
    pub items_per_batch_max: Option<Quantity>,
    /// `MaxInputBytesPerBatch` and its kin.
    pub input_bytes_per_batch_max: Option<Quantity>,
}

/// `ResultWriter`.
#[derive(Clone, Debug)]
pub struct ResultWriter {
    /// The ARN as written, if any.
    pub resource: Option<Text>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `WriterConfig` as written.
    pub config: Option<Value>,
}

/// A retrier. Numbers are literals in both languages.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrier {
    /// Names it matches.
    pub error_equals: Vec<Text>,
    /// ≥ 1, default 1.
    pub interval_seconds: u32,
    /// ≥ 0, default 3.
    pub max_attempts: u32,
    /// ≥ 1.0, default 2.0.
    pub backoff_rate: f64,
    /// Bound of the delay.
    pub max_delay_seconds: Option<u32>,
    /// `JitterStrategy` is `FULL`.
    pub full_jitter: bool,
}

/// A catcher.
#[derive(Clone, Debug)]
pub struct Catcher {
    /// Names it matches.
    pub error_equals: Vec<Text>,
    /// Where it leads.
    pub next: Text,
    /// JSONPath: where the Error Output goes.
    pub result_path: ResultPath,
    /// JSONata.
    pub output: Option<Template>,
    /// Used instead of the state's `Assign`.
    pub assign: Option<Template>,
}
