use windlass_value::Value;

use crate::world::World;

const ARN: &str = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/g";

#[tokio::test]
async fn groups_are_made_tagged_listed_and_removed_with_their_schedules() {
    let mut world = World::new();
    let made = world.ok("CreateScheduleGroup", r#"{"Name":"g","Tags":[{"Key":"a","Value":"1"}]}"#).await;
    assert_eq!(made["ScheduleGroupArn"], Value::from(ARN));
    let refused = world.refusal("CreateScheduleGroup", r#"{"Name":"g"}"#).await;
    assert_eq!(refused, "409 ConflictException: Schedule group g already exists.");
    let refused = world.refusal("DeleteScheduleGroup", r#"{"Name":"default"}"#).await;
    assert_eq!(refused, "400 ValidationException: The default schedule group cannot be deleted.");
    world.ok("TagResource", &format!(r#"{{"ResourceArn":"{ARN}","Tags":[{{"Key":"b","Value":"2"}}]}}"#)).await;
    world.ok("UntagResource", &format!(r#"{{"ResourceArn":"{ARN}","TagKeys":["a"]}}"#)).await;
    world.restart(0).await;
    let tags = world.ok("ListTagsForResource", &format!(r#"{{"ResourceArn":"{ARN}"}}"#)).await;
    assert_eq!(tags.to_text(), r#"{"Tags":[{"Key":"b","Value":"2"}]}"#);
    let groups = world.ok("ListScheduleGroups", "{}").await;
    let names: Vec<_> = groups["ScheduleGroups"].as_array().unwrap().iter().map(|one| one["Name"].to_text()).collect();
    assert_eq!(names, [r#""default""#, r#""g""#]);
    // More than one batch of schedules.
    for n in 0..230 {
        world.schedule(&format!("s{n}"), "rate(1 minute)", r#""GroupName":"g","StartDate":1795366900"#).await;
    }
    world.schedule("kept", "rate(1 minute)", r#""StartDate":1795366900"#).await;
    world.ok("DeleteScheduleGroup", r#"{"Name":"g"}"#).await;
    while let Ok(group) = world.call("GetScheduleGroup", r#"{"Name":"g"}"#).await {
        assert_eq!(group["State"], Value::from("DELETING"));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let left = world.ok("ListSchedules", "{}").await;
    assert_eq!(left["Schedules"].as_array().unwrap().len(), 1);
    world.advance(100_000);
    world.calls(1).await;
    world.settle().await;
    assert_eq!(world.sent().len(), 1, "what is deleted does not fire");
}
