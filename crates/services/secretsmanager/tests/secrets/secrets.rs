use windlass_protocol::Service;
use windlass_value::{Value, object};

use crate::fixture::{START, call, contains, token, world};

#[tokio::test(start_paused = true)]
async fn a_secret_is_found_by_name_and_arn_and_never_lies_open() {
    let mut world = world();
    let arn = world.secret("app/db", "hunter2-hunter2").await;
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-"), "{arn}");
    let partial = &arn[..arn.len() - 7];
    assert!(!partial.ends_with('-') && arn.as_bytes()[arn.len() - 7] == b'-');
    world.restart();
    for id in ["app/db", &arn, partial] {
        let value = world.ok("GetSecretValue", object! { "SecretId" => id }).await;
        let expected = format!(
            r#"{{"ARN":"{arn}","Name":"app/db","VersionId":"{}","SecretString":"hunter2-hunter2","VersionStages":["AWSCURRENT"],"CreatedDate":{}}}"#,
            token('1'),
            START.as_ms() / 1000
        );
        assert_eq!(value.to_text(), expected);
    }
    assert!(!contains(&world.everything_stored(), "hunter2"));
    assert!(!format!("{:?}", world.store).contains("hunter2"));
    let described = world.ok("DescribeSecret", object! { "SecretId" => "app/db" }).await;
    let day = START.as_ms() / 86_400_000 * 86_400;
    let expected = format!(
        r#"{{"ARN":"{arn}","Name":"app/db","LastChangedDate":{0},"LastAccessedDate":{day},"VersionIdsToStages":{{"{1}":["AWSCURRENT"]}},"CreatedDate":{0}}}"#,
        START.as_ms() / 1000,
        token('1')
    );
    assert_eq!(described.to_text(), expected);
    // A name that ends as an ARN does, of a secret whose own ARN ends otherwise.
    let other = world.secret("app/db-abcdef", "other").await;
    assert_eq!(world.read(&other, "AWSCURRENT").await, "other");
    let whole_name = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-abcdef";
    assert_eq!(world.read(whole_name, "AWSCURRENT").await, "other");
    // Bytes come back as bytes.
    world.ok("CreateSecret", object! { "Name" => "bytes", "SecretBinary" => "AAH/" }).await;
    let value = world.ok("GetSecretValue", object! { "SecretId" => "bytes" }).await;
    assert_eq!((value["SecretBinary"].as_str(), value.get("SecretString")), (Some("AAH/"), None));
}

#[tokio::test(start_paused = true)]
async fn stages_move_with_new_versions() {
    let world = world();
    world.secret("s", "one").await;
    let put = |letter: char, value: &str, stages: &[&str]| {
        let mut input = windlass_value::Object::new();
        input.insert("SecretId", "s");
        input.insert("SecretString", value);
        input.insert("ClientRequestToken", token(letter));
        if !stages.is_empty() {
            input.insert("VersionStages", stages.iter().map(|stage| Value::from(*stage)).collect::<Vec<_>>());
        }
        Value::from(input)
    };
    let second = world.ok("PutSecretValue", put('2', "two", &[])).await;
    assert_eq!(second["VersionStages"].to_text(), r#"["AWSCURRENT"]"#);
    assert_eq!(world.read("s", "AWSPREVIOUS").await, "one");
    // The same once more changes nothing; another value is refused.
    assert_eq!(world.ok("PutSecretValue", put('2', "two", &[])).await, second);
    assert_eq!(world.fault("PutSecretValue", put('2', "three", &[])).await.code, "ResourceExistsException");
    world.ok("PutSecretValue", put('3', "three", &["AWSPENDING", "mine"])).await;
    assert_eq!((world.read("s", "AWSCURRENT").await, world.read("s", "mine").await), ("two".into(), "three".into()));
    let stage = |stage: &str, from: Option<char>, to: Option<char>| {
        let mut input = windlass_value::Object::new();
        input.insert("SecretId", "s");
        input.insert("VersionStage", stage);
        if let Some(from) = from {
            input.insert("RemoveFromVersionId", token(from));
        }
        if let Some(to) = to {
            input.insert("MoveToVersionId", token(to));
        }
        Value::from(input)
    };
    for wrong in
        [stage("AWSCURRENT", None, Some('3')), stage("AWSCURRENT", Some('2'), None), stage("mine", Some('1'), None)]
    {
        assert_eq!(world.fault("UpdateSecretVersionStage", wrong).await.code, "InvalidParameterException");
    }
    world.ok("UpdateSecretVersionStage", stage("AWSCURRENT", Some('2'), Some('3'))).await;
    world.ok("UpdateSecretVersionStage", stage("AWSPENDING", Some('3'), None)).await;
    assert_eq!(
        (world.read("s", "AWSCURRENT").await, world.read("s", "AWSPREVIOUS").await),
        ("three".to_owned(), "two".to_owned())
    );
    let listed = world.ok("ListSecretVersionIds", object! { "SecretId" => "s" }).await;
    assert_eq!(listed["Versions"].as_array().map(|list| list.len()), Some(2));
    let listed = world.ok("ListSecretVersionIds", object! { "SecretId" => "s", "IncludeDeprecated" => true }).await;
    assert_eq!(listed["Versions"].as_array().map(|list| list.len()), Some(3));
    // Without a value, only the description changes; with one, there is a new version.
    let updated = world.ok("UpdateSecret", object! { "SecretId" => "s", "Description" => "new" }).await;
    assert_eq!(updated.get("VersionId"), None);
    world
        .ok("UpdateSecret", object! { "SecretId" => "s", "SecretString" => "four", "ClientRequestToken" => token('4') })
        .await;
    assert_eq!(world.read("s", "AWSCURRENT").await, "four");
    let described = world.ok("DescribeSecret", object! { "SecretId" => "s" }).await;
    assert_eq!(described["Description"].as_str(), Some("new"));
    let value = world.ok("GetSecretValue", object! { "SecretId" => "s", "VersionId" => token('1') }).await;
    assert_eq!((value["SecretString"].as_str(), value["VersionStages"].to_text()), (Some("one"), "[]".to_owned()));
    let wrong = object! { "SecretId" => "s", "VersionId" => token('1'), "VersionStage" => "AWSCURRENT" };
    let message = "You provided a VersionStage that is not associated to the provided VersionId.";
    world.refused("GetSecretValue", wrong, "InvalidRequestException", message).await;
}

#[tokio::test(start_paused = true)]
async fn old_versions_leave() {
    let world = world();
    world.secret("s", "first").await;
    for at in 0..150 {
        world.ok("PutSecretValue", object! { "SecretId" => "s", "SecretString" => format!("value {at}") }).await;
        world.ms_pass(1).await;
    }
    let listed = world.ok("ListSecretVersionIds", object! { "SecretId" => "s", "IncludeDeprecated" => true }).await;
    assert_eq!(listed["Versions"].as_array().map(|list| list.len()), Some(100));
    assert_eq!(world.read("s", "AWSPREVIOUS").await, "value 148");
    let values = world
        .store
        .scan(windlass_secretsmanager::TABLES[1], windlass_store::Scan { limit: 1000, ..Default::default() });
    assert_eq!(values.expect("rows").len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_can_be_taken_back_until_its_window_is_over() {
    let mut world = world();
    let arn = world.secret("s", "value").await;
    world.secret("kept", "value").await;
    for name in ["s", "kept"] {
        let deleted = world.ok("DeleteSecret", object! { "SecretId" => name, "RecoveryWindowInDays" => 7 }).await;
        assert_eq!(deleted["DeletionDate"].as_i64(), Some(START.as_ms() / 1000 + 7 * 86_400));
    }
    let marked = "You can't perform this operation on the secret because it was marked for deletion.";
    for (operation, input) in [
        ("GetSecretValue", object! { "SecretId" => "s" }),
        ("PutSecretValue", object! { "SecretId" => "s", "SecretString" => "x" }),
        ("UpdateSecret", object! { "SecretId" => "s", "Description" => "x" }),
        ("TagResource", object! { "SecretId" => "s", "Tags" => Vec::new() }),
        ("RotateSecret", object! { "SecretId" => "s" }),
    ] {
        world.refused(operation, input, "InvalidRequestException", marked).await;
    }
    let again = "You can't create this secret because a secret with this name is already scheduled for deletion.";
    world
        .refused("CreateSecret", object! { "Name" => "s", "SecretString" => "x" }, "InvalidRequestException", again)
        .await;
    assert_eq!(world.ok("ListSecrets", object! {}).await["SecretList"].to_text(), "[]");
    let planned = world.ok("ListSecrets", object! { "IncludePlannedDeletion" => true }).await;
    assert_eq!(planned["SecretList"].as_array().map(|list| list.len()), Some(2));
    let described = world.ok("DescribeSecret", object! { "SecretId" => "s" }).await;
    assert_eq!(described["DeletedDate"].as_i64(), Some(START.as_ms() / 1000));
    world.days_pass(6).await;
    world.restart();
    world.ok("RestoreSecret", object! { "SecretId" => "kept" }).await;
    world.days_pass(2).await;
    assert_eq!(world.read("kept", "AWSCURRENT").await, "value");
    assert_eq!(world.fault("DescribeSecret", object! { "SecretId" => "s" }).await.code, "ResourceNotFoundException");
    assert!(!contains(&world.everything_stored(), &arn), "nothing is left of it");
    // Without recovery it is gone at once; once more is no error.
    for _ in 0..2 {
        let force = object! { "SecretId" => "kept", "ForceDeleteWithoutRecovery" => true };
        assert_eq!(world.ok("DeleteSecret", force).await["Name"].as_str(), Some("kept"));
        assert_eq!(
            world.fault("DescribeSecret", object! { "SecretId" => "kept" }).await.code,
            "ResourceNotFoundException"
        );
    }
    // A new one of the name is another secret, and outlives the old one's deletion.
    let renewed = world.secret("s", "renewed").await;
    assert_ne!(renewed, arn);
    world.days_pass(40).await;
    assert_eq!(world.read("s", "AWSCURRENT").await, "renewed");
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_and_go_on_page_by_page() {
    let world = world();
    for at in 0..9 {
        let tags = vec![object! { "Key" => "group", "Value" => if at % 2 == 0 { "even" } else { "odd" } }];
        let description = if at == 3 { "The Third secret" } else { "" };
        world
            .ok(
                "CreateSecret",
                object! { "Name" => format!("app{}/s{at}", at / 5), "Tags" => tags, "Description" => description, "SecretString" => format!("v{at}") },
            )
            .await;
        world.ms_pass(1).await;
    }
    let filter = |key: &str, values: &[&str]| {
        object! { "Key" => key, "Values" => values.iter().map(|value| Value::from(*value)).collect::<Vec<_>>() }
    };
    let cases = [
        (vec![], vec![0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (vec![filter("name", &["app1/"])], vec![5, 6, 7, 8]),
        (vec![filter("name", &["APP1/"])], vec![]),
        (vec![filter("name", &["!app1/"])], vec![0, 1, 2, 3, 4]),
        (vec![filter("name", &["app0/s1", "app1/s7"])], vec![1, 7]),
        (vec![filter("tag-value", &["odd"]), filter("name", &["app1/"])], vec![5, 7]),
        (vec![filter("tag-key", &["gro"])], vec![0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (vec![filter("description", &["third"])], vec![3]),
        (vec![filter("all", &["s8 third"])], vec![3, 8]),
        (vec![filter("owning-service", &["rds"])], vec![]),
    ];
    for (filters, expected) in cases {
        for order in ["asc", "desc"] {
            let mut seen = Vec::new();
            let mut token = Value::Null;
            loop {
                let input = object! {
                    "Filters" => filters.clone(), "MaxResults" => 2, "SortOrder" => order, "NextToken" => token
                };
                let page = world.ok("ListSecrets", input).await;
                let list = page["SecretList"].as_array().expect("a list");
                seen.extend(
                    list.iter()
                        .map(|secret| secret["Name"].as_str().expect("a name")[6..].parse::<i32>().expect("a number")),
                );
                token = page["NextToken"].clone();
                if token.is_null() {
                    break;
                }
                let other = object! { "NextToken" => token.clone() };
                assert_eq!(world.fault("ListSecrets", other).await.code, "InvalidNextTokenException");
            }
            if order == "desc" {
                seen.reverse();
            }
            assert_eq!(seen, expected, "{filters:?} {order}");
        }
    }
    let values = world
        .ok(
            "BatchGetSecretValue",
            object! { "SecretIdList" => ["app0/s1", "none", "app1/s5"].map(Value::from).to_vec() },
        )
        .await;
    let texts: Vec<_> = values["SecretValues"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|value| value["SecretString"].to_text())
        .collect();
    assert_eq!(texts, ["\"v1\"", "\"v5\""]);
    assert_eq!(
        values["Errors"].to_text(),
        r#"[{"SecretId":"none","ErrorCode":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}]"#
    );
    let values = world.ok("BatchGetSecretValue", object! { "Filters" => vec![filter("name", &["app1/"])] }).await;
    assert_eq!(values["SecretValues"].as_array().map(|list| list.len()), Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_call_makes_one_secret() {
    let mut world = world();
    let mut create = call("CreateSecret", object! { "Name" => "s", "SecretString" => "topsecret" });
    create.idempotency_key = Some("delivery-1".into());
    let first = world.service.call(create.clone()).await.expect("created").output;
    world.restart();
    assert_eq!(world.service.call(create).await.expect("created").output, first);
    assert!(!contains(&world.everything_stored(), "topsecret"));
}
