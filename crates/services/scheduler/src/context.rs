//! What an input may say of its own invocation.

use windlass_value::Timestamp;

use crate::target::instant_text;

/// Fills in `<aws.scheduler.…>` wherever an input has it.
pub(crate) fn fill(input: &str, schedule_arn: &str, scheduled: Timestamp, execution_id: &str, attempt: u32) -> String {
    if !input.contains("<aws.scheduler.") {
        return input.to_owned();
    }
    input
        .replace("<aws.scheduler.schedule-arn>", schedule_arn)
        .replace("<aws.scheduler.scheduled-time>", &instant_text(scheduled))
        .replace("<aws.scheduler.execution-id>", execution_id)
        .replace("<aws.scheduler.attempt-number>", &attempt.to_string())
}
