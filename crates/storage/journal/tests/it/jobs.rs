//! Jobs that outlive the server, and turns that panic.

use windlass_journal::JournalConfig;
use windlass_workflow::Status;

use crate::world::{World, arn, in_virtual_time};

const JOB: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync","Parameters":{"JobName":"j","JobQueue":"q","JobDefinition":"d"},"End":true}}}"#;

#[test]
fn a_submitted_job_is_watched_again_after_a_restart() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", JOB, "{}").await.expect("it starts");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(world.journal.stats().live, 0, "an execution that waits for a job stays in memory");
        assert_eq!(world.restart().await, 1);
        assert_eq!(world.closed("e").await.status, Status::Succeeded);
        let names: Vec<&str> = world.history("e").iter().map(|event| event.event_type.name()).collect();
        assert_eq!(
            names,
            [
                "ExecutionStarted",
                "TaskStateEntered",
                "TaskScheduled",
                "TaskStarted",
                "TaskSubmitted",
                "TaskSucceeded",
                "TaskStateExited",
                "ExecutionSucceeded"
            ]
        );
        {
            let outside = world.outside.lock();
            assert_eq!((outside.resumed, outside.jobs.values().sum::<u32>()), (1, 1));
            assert_eq!(outside.closed, [arn("e")]);
        }
        world.check_quiet().await;
    });
}

#[test]
fn a_submission_that_was_cut_off_is_made_again() {
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", JOB, "{}").await.expect("it starts");
        // Before the service has answered.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        world.restart().await;
        assert_eq!(world.closed("e").await.status, Status::Succeeded);
        {
            let outside = world.outside.lock();
            assert_eq!((outside.resumed, outside.jobs.len(), outside.jobs.values().sum::<u32>()), (0, 1, 2));
        }
        world.check_quiet().await;
    });
}

#[test]
fn a_stopped_execution_cancels_its_job() {
    in_virtual_time(async {
        let world = World::new(JournalConfig::default(), true).await;
        world.start("e", JOB, "{}").await.expect("it starts");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        world.journal.stop(&arn("e"), None, None).await.expect("it stops");
        let outside = world.outside.lock();
        assert!(outside.cancelled.iter().any(|(owner, _)| *owner == arn("e")));
    });
}

#[test]
fn a_turn_that_panics_ends_its_execution_only() {
    const PANICS: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"Panics"},"Panics":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;
    in_virtual_time(async {
        let mut world = World::new(JournalConfig::default(), true).await;
        world.start("e", PANICS, "1").await.expect("it starts");
        world.start("other", JOB, "{}").await.expect("it starts");
        let record = world.closed("e").await;
        assert_eq!((record.status, record.error.as_deref()), (Status::Failed, Some("States.Runtime")));
        assert_eq!(world.closed("other").await.status, Status::Succeeded);
        // Nothing of a start that panics is left, not even its place.
        let at_once = PANICS.replace(r#""StartAt":"W""#, r#""StartAt":"Panics""#);
        assert!(world.start("never", &at_once, "1").await.is_err());
        assert!(world.record("never").is_none());
        assert!(world.start("never", JOB, "{}").await.is_ok());
        assert_eq!(world.closed("never").await.status, Status::Succeeded);
        world.check_quiet().await;
    });
}
