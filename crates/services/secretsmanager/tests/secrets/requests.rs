use std::collections::HashSet;

use windlass_protocol::Service;
use windlass_value::{Value, object};

use crate::fixture::{token, world};

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_refused_in_aws_words() {
    let world = world();
    let arn = world.secret("s", "value").await;
    let elsewhere = arn.replace("us-east-1", "eu-west-1");
    let not_found = "Secrets Manager can't find the specified secret.";
    let encryption = "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.";
    let cases = [
        ("GetSecretValue", object! { "SecretId" => "none" }, "ResourceNotFoundException", not_found.to_owned()),
        ("GetSecretValue", object! { "SecretId" => elsewhere }, "ResourceNotFoundException", not_found.to_owned()),
        (
            "GetSecretValue",
            object! { "SecretId" => format!("{}xxxxxx", &arn[..arn.len() - 6]) },
            "ResourceNotFoundException",
            not_found.to_owned(),
        ),
        (
            "GetSecretValue",
            object! { "SecretId" => "s", "VersionStage" => "AWSPREVIOUS" },
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS".to_owned(),
        ),
        (
            "GetSecretValue",
            object! { "SecretId" => "s", "VersionId" => token('9') },
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for VersionId: {}", token('9')),
        ),
        (
            "CreateSecret",
            object! { "Name" => "s", "SecretString" => "x" },
            "ResourceExistsException",
            "The operation failed because the secret s already exists.".to_owned(),
        ),
        (
            "CreateSecret",
            object! { "Name" => "a b" },
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
                .to_owned(),
        ),
        (
            "CreateSecret",
            object! { "Name" => "n", "SecretString" => "x", "SecretBinary" => "AA==" },
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value in the same secret.".to_owned(),
        ),
        (
            "CreateSecret",
            object! { "Name" => "n", "KmsKeyId" => "alias/none" },
            "EncryptionFailure",
            encryption.to_owned(),
        ),
        (
            "CreateSecret",
            object! { "Name" => "n", "KmsKeyId" => "alias/disabled" },
            "EncryptionFailure",
            encryption.to_owned(),
        ),
        (
            "CreateSecret",
            object! { "Name" => "n", "AddReplicaRegions" => vec![object! { "Region" => "eu-west-1" }] },
            "NotImplementedException",
            "Windlass does not implement replicas of secrets yet.".to_owned(),
        ),
        (
            "PutSecretValue",
            object! { "SecretId" => "s" },
            "InvalidRequestException",
            "You must provide either SecretString or SecretBinary.".to_owned(),
        ),
        (
            "DeleteSecret",
            object! { "SecretId" => "s", "RecoveryWindowInDays" => 3 },
            "InvalidParameterException",
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).".to_owned(),
        ),
        (
            "DeleteSecret",
            object! { "SecretId" => "s", "RecoveryWindowInDays" => 8, "ForceDeleteWithoutRecovery" => true },
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.".to_owned(),
        ),
        (
            "RotateSecret",
            object! { "SecretId" => "s" },
            "InvalidRequestException",
            "No Lambda rotation function ARN is associated with this secret.".to_owned(),
        ),
        (
            "GetRandomPassword",
            object! { "PasswordLength" => 3 },
            "InvalidParameterException",
            "Password length 3 is too short based on the required types.".to_owned(),
        ),
        (
            "BatchGetSecretValue",
            object! {},
            "InvalidParameterException",
            "Either 'SecretIdList' or 'Filters' must be provided, but not both.".to_owned(),
        ),
        (
            "PutResourcePolicy",
            object! { "SecretId" => "s", "ResourcePolicy" => "{" },
            "MalformedPolicyDocumentException",
            "This resource policy contains invalid Json.".to_owned(),
        ),
        (
            "ReplicateSecretToRegions",
            object! {},
            "NotImplementedException",
            "Windlass does not implement the Secrets Manager operation ReplicateSecretToRegions yet.".to_owned(),
        ),
    ];
    for (operation, input, code, message) in cases {
        world.refused(operation, input, code, &message).await;
    }
    world.ok("CreateSecret", object! { "Name" => "keyed", "KmsKeyId" => "alias/good", "SecretString" => "x" }).await;
    let described = world.ok("DescribeSecret", object! { "SecretId" => "keyed" }).await;
    assert_eq!(described["KmsKeyId"].as_str(), Some("alias/good"));
}

#[tokio::test(start_paused = true)]
async fn passwords_are_made_of_what_is_asked_for() {
    let world = world();
    let mut seen = HashSet::new();
    for _ in 0..50 {
        let made =
            world.ok("GetRandomPassword", object! { "PasswordLength" => 4, "ExcludeCharacters" => "abc\"'\\" }).await;
        let password = made["RandomPassword"].as_str().expect("a text").to_owned();
        let kinds: [fn(&char) -> bool; 4] =
            [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit, char::is_ascii_punctuation];
        assert!(kinds.iter().all(|kind| password.chars().any(|letter| kind(&letter))), "{password}");
        assert!(!password.contains(['a', 'b', 'c', '"', '\'', '\\']), "{password}");
        seen.insert(password);
    }
    assert!(seen.len() > 45);
    let cases = [
        (object! {}, 32, ""),
        (
            object! { "PasswordLength" => 100, "ExcludePunctuation" => true, "ExcludeUppercase" => true, "ExcludeLowercase" => true },
            100,
            "0123456789",
        ),
        (object! { "PasswordLength" => 1, "ExcludeNumbers" => true, "RequireEachIncludedType" => false }, 1, ""),
    ];
    for (input, length, letters) in cases {
        let made = world.ok("GetRandomPassword", input).await;
        let password = made["RandomPassword"].as_str().expect("a text");
        assert_eq!(password.chars().count(), length);
        assert!(letters.is_empty() || password.chars().all(|letter| letters.contains(letter)), "{password}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_and_policies_change() {
    let world = world();
    let arn = world.secret("s", "value").await;
    let tag = |key: &str, value: &str| object! { "Key" => key, "Value" => value };
    world.ok("TagResource", object! { "SecretId" => "s", "Tags" => vec![tag("a", "1"), tag("b", "2")] }).await;
    world.ok("UntagResource", object! { "SecretId" => arn.as_str(), "TagKeys" => vec![Value::from("a")] }).await;
    let described = world.ok("DescribeSecret", object! { "SecretId" => "s" }).await;
    assert_eq!(described["Tags"].to_text(), r#"[{"Key":"b","Value":"2"}]"#);
    let policy = |principal: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}]}}"#
        )
    };
    let none = world.ok("GetResourcePolicy", object! { "SecretId" => "s" }).await;
    assert_eq!(none.to_text(), format!(r#"{{"ARN":"{arn}","Name":"s"}}"#));
    let put = |policy: String| object! { "SecretId" => "s", "ResourcePolicy" => policy, "BlockPublicPolicy" => true };
    assert_eq!(world.fault("PutResourcePolicy", put(policy("\"*\""))).await.code, "PublicPolicyException");
    let good = policy(r#"{"AWS":"arn:aws:iam::000000000000:root"}"#);
    world.ok("PutResourcePolicy", put(good.clone())).await;
    let got = world.ok("GetResourcePolicy", object! { "SecretId" => "s" }).await;
    assert_eq!(got["ResourcePolicy"].as_str(), Some(good.as_str()));
    assert_eq!(world.service.resource_policy(&arn).await.expect("a policy").as_deref(), Some(good.as_str()));
    // As permissions are looked up by name.
    let any = format!("{}??????", &arn[..arn.len() - 6]);
    assert_eq!(world.service.resource_policy(&any).await.expect("a policy").as_deref(), Some(good.as_str()));
    let validated = world.ok("ValidateResourcePolicy", object! { "ResourcePolicy" => policy("\"*\"") }).await;
    assert_eq!(validated["PolicyValidationPassed"].as_bool(), Some(false));
    world.ok("DeleteResourcePolicy", object! { "SecretId" => "s" }).await;
    assert_eq!(world.service.resource_policy(&arn).await.expect("none"), None);
}
