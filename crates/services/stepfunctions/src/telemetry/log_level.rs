use windlass_workflow::EventType;

/// Which events a log gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogLevel {
    All,
    Error,
    Fatal,
}

impl LogLevel {
    /// From `loggingConfiguration.level`; `None` for `OFF` and what is no level.
    pub(super) fn parse(level: &str) -> Option<LogLevel> {
        match level {
            "ALL" => Some(LogLevel::All),
            "ERROR" => Some(LogLevel::Error),
            "FATAL" => Some(LogLevel::Fatal),
            _ => None,
        }
    }

    /// Whether an event is logged at this level, as AWS's table says.
    pub(super) fn takes(self, event: EventType) -> bool {
        match self {
            LogLevel::All => true,
            LogLevel::Fatal => is_fatal(event),
            LogLevel::Error => is_fatal(event) || is_error(event),
        }
    }
}

fn is_fatal(event: EventType) -> bool {
    matches!(event, EventType::ExecutionAborted | EventType::ExecutionFailed | EventType::ExecutionTimedOut)
}

/// AWS's table names the events of functions, tasks and containers one by one; those of
/// activities, Map Runs and expressions go by analogy. All end alike.
fn is_error(event: EventType) -> bool {
    let name = event.name();
    event == EventType::FailStateEntered
        || ["Failed", "TimedOut", "Aborted"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's table: what ERROR has beside FATAL.
    const ERRORS: &str = "FailStateEntered LambdaFunctionFailed LambdaFunctionScheduleFailed LambdaFunctionStartFailed \
        LambdaFunctionTimedOut MapIterationAborted MapIterationFailed MapStateAborted MapStateFailed \
        ParallelStateAborted ParallelStateFailed TaskFailed TaskStartFailed TaskStateAborted TaskSubmitFailed \
        TaskTimedOut WaitStateAborted ActivityFailed ActivityScheduleFailed ActivityTimedOut EvaluationFailed";
    const FATALS: &str = "ExecutionAborted ExecutionFailed ExecutionTimedOut";
    const OTHERS: &str = "ExecutionStarted ExecutionSucceeded PassStateEntered PassStateExited ChoiceStateEntered \
        TaskStateEntered TaskStateExited TaskScheduled TaskStarted TaskSubmitted TaskSucceeded LambdaFunctionScheduled \
        LambdaFunctionStarted LambdaFunctionSucceeded MapStateEntered MapStateStarted MapStateSucceeded \
        MapIterationStarted MapIterationSucceeded ParallelStateStarted ParallelStateSucceeded WaitStateEntered \
        ActivityScheduled ActivityStarted ActivitySucceeded SucceedStateEntered";

    #[test]
    fn levels_take_what_awss_table_says() {
        for (names, error, fatal) in [(FATALS, true, true), (ERRORS, true, false), (OTHERS, false, false)] {
            for name in names.split_whitespace() {
                let event = EventType::parse(name).expect(name);
                assert!(LogLevel::All.takes(event), "{name}");
                assert_eq!((LogLevel::Error.takes(event), LogLevel::Fatal.takes(event)), (error, fatal), "{name}");
            }
        }
    }

    #[test]
    fn off_is_no_level() {
        let levels = ["ALL", "ERROR", "FATAL", "OFF", ""].map(LogLevel::parse);
        assert_eq!(levels, [Some(LogLevel::All), Some(LogLevel::Error), Some(LogLevel::Fatal), None, None]);
    }
}
