use windlass_protocol::Service;
use windlass_value::{Object, Value, object};

use crate::fixture::{START, call, contains, world};

#[tokio::test(start_paused = true)]
async fn a_secure_string_never_lies_open() {
    let mut world = world();
    let put = world.put("/app/password", "SecureString", "hunter2-hunter2").await;
    assert_eq!(put.to_text(), r#"{"Version":1,"Tier":"Standard"}"#);
    world.restart();
    assert!(!contains(&world.everything_stored(), "hunter2"));
    let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/app/password";
    for name in ["/app/password", arn] {
        let got = world.ok("GetParameter", object! { "Name" => name, "WithDecryption" => true }).await;
        let expected = format!(
            r#"{{"Parameter":{{"Name":"/app/password","Type":"SecureString","Value":"hunter2-hunter2","Version":1,"LastModifiedDate":{},"ARN":"{arn}","DataType":"text"}}}}"#,
            START.as_ms() / 1000
        );
        assert_eq!(got.to_text(), expected);
    }
    for operation in ["GetParameter", "GetParameterHistory"] {
        let closed = world.ok(operation, object! { "Name" => "/app/password" }).await;
        assert!(!closed.to_text().contains("hunter2"), "{closed}");
    }
    let described = world.ok("DescribeParameters", object! {}).await;
    assert_eq!(described["Parameters"].at(0).expect("one")["KeyId"].as_str(), Some("alias/aws/ssm"));
    world.put("/app/password", "SecureString", "hunter3-hunter3").await;
    let history =
        world.ok("GetParameterHistory", object! { "Name" => "/app/password", "WithDecryption" => true }).await;
    let values: Vec<_> =
        history["Parameters"].as_array().expect("a list").iter().map(|one| one["Value"].to_text()).collect();
    assert_eq!(values, ["\"hunter2-hunter2\"", "\"hunter3-hunter3\""]);
    assert!(!contains(&world.everything_stored(), "hunter"));
}

#[tokio::test(start_paused = true)]
async fn versions_and_labels_select() {
    let world = world();
    for value in ["one", "two", "three"] {
        world.put("p", "String", value).await;
    }
    let label = |version: Option<i64>, labels: &[&str]| {
        object! {
            "Name" => "p",
            "ParameterVersion" => version,
            "Labels" => labels.iter().map(|label| Value::from(*label)).collect::<Vec<_>>(),
        }
    };
    let labelled = world.ok("LabelParameterVersion", label(Some(1), &["prod", "aws-x", "1st"])).await;
    assert_eq!(labelled.to_text(), r#"{"InvalidLabels":["aws-x","1st"],"ParameterVersion":1}"#);
    world.ok("LabelParameterVersion", label(None, &["dev"])).await;
    let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/p";
    for (name, value) in [("p", "three"), ("p:1", "one"), ("p:prod", "one"), ("p:dev", "three"), ("p:2", "two")] {
        assert_eq!(world.value(name).await, value);
        let by_arn = name.replacen('p', arn, 1);
        assert_eq!(world.value(&by_arn).await, value);
    }
    let got = world.ok("GetParameter", object! { "Name" => "p:prod" }).await;
    assert_eq!(got["Parameter"]["Selector"].as_str(), Some(":prod"));
    assert_eq!(got["Parameter"]["Name"].as_str(), Some("p"));
    world.ok("LabelParameterVersion", label(Some(2), &["prod"])).await;
    assert_eq!(world.value("p:prod").await, "two");
    let version = "Systems Manager could not find version 9 of p. Verify the version and try again.";
    world.refused("GetParameter", object! { "Name" => "p:9" }, "ParameterVersionNotFound", version).await;
    let none = "Systems Manager could not find label none of parameter p. Verify the label and try again.";
    world.refused("GetParameter", object! { "Name" => "p:none" }, "ParameterVersionNotFound", none).await;
    world.refused("LabelParameterVersion", label(Some(9), &["x"]), "ParameterVersionNotFound", version).await;
    let many: Vec<String> = (0..11).map(|at| format!("l{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        world.fault("LabelParameterVersion", label(None, &many)).await.code,
        "ParameterVersionLabelLimitExceeded"
    );
    let unlabelled = world.ok("UnlabelParameterVersion", label(Some(2), &["prod", "dev"])).await;
    assert_eq!(unlabelled.to_text(), r#"{"RemovedLabels":["prod"],"InvalidLabels":["dev"]}"#);
    let history = world.ok("GetParameterHistory", object! { "Name" => "p" }).await;
    let labels: Vec<_> =
        history["Parameters"].as_array().expect("a list").iter().map(|one| one["Labels"].to_text()).collect();
    assert_eq!(labels, ["[]", "[]", "[\"dev\"]"]);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_versions_are_kept() {
    let world = world();
    for at in 1..=130 {
        world.put("p", "String", &format!("v{at}")).await;
    }
    assert_eq!(world.value("p:31").await, "v31");
    assert_eq!(world.fault("GetParameter", object! { "Name" => "p:30" }).await.code, "ParameterVersionNotFound");
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let page =
            world.ok("GetParameterHistory", object! { "Name" => "p", "MaxResults" => 30, "NextToken" => token }).await;
        seen.extend(
            page["Parameters"].as_array().expect("a list").iter().map(|one| one["Version"].as_i64().expect("a number")),
        );
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, (31..=130).collect::<Vec<_>>());
    let label = object! { "Name" => "p", "ParameterVersion" => 31, "Labels" => vec![Value::from("keep")] };
    world.ok("LabelParameterVersion", label).await;
    let put = object! { "Name" => "p", "Value" => "x", "Overwrite" => true };
    assert_eq!(world.fault("PutParameter", put).await.code, "ParameterMaxVersionLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_refused_in_aws_words() {
    let world = world();
    world.put("/p", "String", "value").await;
    let guide = "For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html";
    let put = |more: Value| {
        let mut input = Object::new();
        input.insert("Name", "/new");
        input.insert("Type", "String");
        input.insert("Value", "value");
        if let Some(more) = more.as_object() {
            input.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::from(input)
    };
    let long = "x".repeat(4097);
    let cases = [
        ("GetParameter", object! { "Name" => "/none" }, "ParameterNotFound", String::new()),
        ("DeleteParameter", object! { "Name" => "/none" }, "ParameterNotFound", String::new()),
        ("GetParameterHistory", object! { "Name" => "/none" }, "ParameterNotFound", String::new()),
        ("PutParameter", put(object! { "Name" => "/p" }), "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.".to_owned()),
        ("PutParameter", object! { "Name" => "/new", "Value" => "x" }, "ValidationException", "A parameter type is required when you create a parameter.".to_owned()),
        ("PutParameter", put(object! { "Name" => "/aws/x" }), "AccessDeniedException", "No access to reserved parameter name: /aws/x.".to_owned()),
        ("PutParameter", put(object! { "Name" => "a/b" }), "ValidationException", "Parameter name must be a fully qualified name.".to_owned()),
        ("PutParameter", put(object! { "Name" => "ssm-x" }), "ValidationException", "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_".to_owned()),
        ("PutParameter", put(object! { "Name" => "/a".repeat(16) }), "HierarchyLevelLimitExceededException", "A parameter hierarchy can have a maximum of 15 levels.".to_owned()),
        ("PutParameter", put(object! { "Value" => long.as_str() }), "ValidationException", format!("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. {guide}")),
        ("PutParameter", put(object! { "AllowedPattern" => "^\\d+$" }), "ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: ^\\d+$".to_owned()),
        ("PutParameter", put(object! { "AllowedPattern" => "(" }), "InvalidAllowedPatternException", "The allowed pattern ( is not a valid regular expression.".to_owned()),
        ("PutParameter", put(object! { "KeyId" => "alias/none", "Type" => "SecureString" }), "InvalidKeyId", "no key".to_owned()),
        ("PutParameter", put(object! { "Overwrite" => true, "Tags" => vec![object! { "Key" => "a", "Value" => "b" }] }), "ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.".to_owned()),
        ("ListTagsForResource", object! { "ResourceType" => "Parameter", "ResourceId" => "/none" }, "InvalidResourceId", String::new()),
        ("DescribeParameters", object! { "ParameterFilters" => vec![object! { "Key" => "Color", "Values" => vec![Value::from("x")] }] }, "InvalidFilterKey", "The following filter key is not valid: Color. Valid filter keys include: [Name, Type, KeyId, Path, Label, Tier, DataType, tag:.+].".to_owned()),
        ("GetParametersByPath", object! { "Path" => "/", "NextToken" => "bm9uZQ" }, "InvalidNextToken", "The specified token is not valid.".to_owned()),
        ("SendCommand", object! {}, "NotImplementedException", "Windlass does not implement the Systems Manager operation SendCommand yet.".to_owned()),
    ];
    for (operation, input, code, message) in cases {
        world.refused(operation, input, code, &message).await;
    }
}

#[tokio::test(start_paused = true)]
async fn tiers_grow_with_values() {
    let world = world();
    let put = |tier: &str, len: usize| {
        object! { "Name" => "/p", "Type" => "String", "Value" => "x".repeat(len), "Tier" => tier, "Overwrite" => true }
    };
    let tier = |answer: Value| answer["Tier"].as_str().expect("a tier").to_owned();
    assert_eq!(tier(world.ok("PutParameter", put("Intelligent-Tiering", 10)).await), "Standard");
    assert_eq!(tier(world.ok("PutParameter", put("Intelligent-Tiering", 5000)).await), "Advanced");
    assert_eq!(
        tier(world.ok("PutParameter", object! { "Name" => "/p", "Value" => "x", "Overwrite" => true }).await),
        "Advanced"
    );
    let downgrade = world.fault("PutParameter", put("Standard", 10)).await;
    assert!(downgrade.message.starts_with("This parameter uses the advanced-parameter tier."), "{downgrade}");
    assert_eq!(world.fault("PutParameter", put("Advanced", 8193)).await.code, "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_again_stays() {
    let world = world();
    let put = object! {
        "Name" => "p", "Type" => "SecureString", "Value" => "v", "Description" => "mine", "KeyId" => "alias/good",
        "DataType" => "text",
    };
    world.ok("PutParameter", put).await;
    let described = |described: Value| {
        let one = described["Parameters"].at(0).expect("one").clone();
        ["Type", "Description", "KeyId"].map(|member| one[member].as_str().unwrap_or_default().to_owned())
    };
    world.ok("PutParameter", object! { "Name" => "p", "Value" => "w", "Overwrite" => true }).await;
    let now = described(world.ok("DescribeParameters", object! {}).await);
    assert_eq!(now, ["SecureString", "mine", "alias/good"]);
    world.ok("PutParameter", object! { "Name" => "p", "Value" => "w", "Overwrite" => true, "Description" => "" }).await;
    let now = described(world.ok("DescribeParameters", object! {}).await);
    assert_eq!(now, ["SecureString", "", "alias/good"]);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_expires() {
    let mut world = world();
    let at = START.plus_ms(86_400_000).to_rfc3339();
    let policies = format!(r#"[{{"Type":"Expiration","Version":"1.0","Attributes":{{"Timestamp":"{at}"}}}}]"#);
    for name in ["/gone", "/kept"] {
        let put = object! { "Name" => name, "Type" => "String", "Value" => "v", "Tier" => "Advanced", "Policies" => policies.as_str() };
        world.ok("PutParameter", put).await;
    }
    let described = world.ok("DescribeParameters", object! {}).await;
    let policy = &described["Parameters"].at(0).expect("one")["Policies"];
    assert_eq!(policy.at(0).expect("a policy")["PolicyType"].as_str(), Some("Expiration"));
    // Policies stay until others, or an empty one, are sent.
    world.ok("PutParameter", object! { "Name" => "/gone", "Value" => "v", "Overwrite" => true }).await;
    let without = object! { "Name" => "/kept", "Value" => "w", "Overwrite" => true, "Policies" => "[{}]" };
    world.ok("PutParameter", without).await;
    world.restart();
    world.ms_pass(86_399_000).await;
    assert_eq!(world.value("/gone").await, "v");
    world.ms_pass(2_000).await;
    assert_eq!(world.fault("GetParameter", object! { "Name" => "/gone" }).await.code, "ParameterNotFound");
    assert_eq!(world.value("/kept").await, "w");
    assert!(!contains(&world.everything_stored(), "/gone"));
}

#[tokio::test(start_paused = true)]
async fn tags_change_and_everything_can_be_deleted() {
    let world = world();
    let tag = |key: &str, value: &str| object! { "Key" => key, "Value" => value };
    let tags = vec![tag("a", "1"), tag("b", "2")];
    world.ok("PutParameter", object! { "Name" => "/p", "Type" => "String", "Value" => "v", "Tags" => tags }).await;
    let of = |more: Value| {
        let mut input = Object::new();
        input.insert("ResourceType", "Parameter");
        input.insert("ResourceId", "/p");
        if let Some(more) = more.as_object() {
            input.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::from(input)
    };
    world.ok("AddTagsToResource", of(object! { "Tags" => vec![tag("b", "3"), tag("c", "4")] })).await;
    world.ok("RemoveTagsFromResource", of(object! { "TagKeys" => vec![Value::from("a")] })).await;
    world.put("/p", "String", "w").await;
    let listed = world.ok("ListTagsForResource", of(Value::Null)).await;
    assert_eq!(listed.to_text(), r#"{"TagList":[{"Key":"b","Value":"3"},{"Key":"c","Value":"4"}]}"#);
    world.put("/q", "StringList", "a,b").await;
    let names = ["/p", "/none", "/q"].map(Value::from).to_vec();
    let got = world.ok("GetParameters", object! { "Names" => names.clone() }).await;
    assert_eq!(got["InvalidParameters"].to_text(), r#"["/none"]"#);
    assert_eq!(got["Parameters"].as_array().map(|list| list.len()), Some(2));
    let deleted = world.ok("DeleteParameters", object! { "Names" => names }).await;
    assert_eq!(deleted.to_text(), r#"{"DeletedParameters":["/p","/q"],"InvalidParameters":["/none"]}"#);
    assert!(!contains(&world.everything_stored(), "/p"));
    world.put("/p", "String", "again").await;
    assert_eq!(world.value("/p:1").await, "again");
    world.ok("DeleteParameter", object! { "Name" => "/p" }).await;
}

#[tokio::test(start_paused = true)]
async fn secrets_of_the_secrets_manager_are_parameters_too() {
    let world = world();
    let name = "/aws/reference/secretsmanager/app/db";
    let closed = "WithDecryption flag must be True for retrieving a Secret Manager secret.";
    world.refused("GetParameter", object! { "Name" => name }, "ValidationException", closed).await;
    let got =
        world.ok("GetParameter", object! { "Name" => format!("{name}:AWSPREVIOUS"), "WithDecryption" => true }).await;
    assert_eq!(got["Parameter"]["Value"].as_str(), Some("stage AWSPREVIOUS"));
    assert_eq!(got["Parameter"]["Name"].as_str(), Some(name));
    assert!(got["Parameter"]["SourceResult"].as_str().is_some_and(|text| text.contains("app/db-AbCdEf")));
    let names = [name, "/aws/reference/secretsmanager/none"].map(Value::from).to_vec();
    let got = world.ok("GetParameters", object! { "Names" => names, "WithDecryption" => true }).await;
    assert_eq!(got["InvalidParameters"].to_text(), r#"["/aws/reference/secretsmanager/none"]"#);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_call_makes_one_version() {
    let mut world = world();
    let mut put = call(
        "PutParameter",
        object! { "Name" => "/p", "Type" => "SecureString", "Value" => "topsecret", "Overwrite" => true },
    );
    put.idempotency_key = Some("delivery-1".into());
    for _ in 0..2 {
        assert_eq!(world.service.call(put.clone()).await.expect("put").output["Version"].as_i64(), Some(1));
        world.restart();
    }
    assert!(!contains(&world.everything_stored(), "topsecret"));
}
