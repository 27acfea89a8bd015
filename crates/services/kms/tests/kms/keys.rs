use windlass_protocol::Service;
use windlass_value::{Value, object};

use crate::fixture::{START, call, world};

fn empty() -> Value {
    Value::empty_object()
}

#[tokio::test(start_paused = true)]
async fn a_new_key_has_aws_shape() {
    let world = world();
    let tags = vec![object! { "TagKey" => "team", "TagValue" => "blue" }];
    let created = world.ok("CreateKey", object! { "Description" => "mine", "Tags" => tags }).await;
    let metadata = &created["KeyMetadata"];
    let id = metadata["KeyId"].as_str().expect("an id");
    assert_eq!(id.len(), 36);
    let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{id}");
    let expected = object! {
        "AWSAccountId" => "000000000000",
        "KeyId" => id,
        "Arn" => arn.as_str(),
        "CreationDate" => START.as_ms() / 1000,
        "Enabled" => true,
        "Description" => "mine",
        "KeyUsage" => "ENCRYPT_DECRYPT",
        "KeyState" => "Enabled",
        "Origin" => "AWS_KMS",
        "KeyManager" => "CUSTOMER",
        "CustomerMasterKeySpec" => "SYMMETRIC_DEFAULT",
        "KeySpec" => "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms" => vec![Value::from("SYMMETRIC_DEFAULT")],
        "MultiRegion" => false,
    };
    assert_eq!(metadata.to_text(), expected.to_text());
    for key_id in [id, &arn] {
        let described = world.ok("DescribeKey", object! { "KeyId" => key_id }).await;
        assert_eq!(described["KeyMetadata"], expected);
    }
    let tags = world.ok("ListResourceTags", object! { "KeyId" => id }).await;
    assert_eq!(tags.to_text(), r#"{"Tags":[{"TagKey":"team","TagValue":"blue"}],"Truncated":false}"#);
    let policy = world.ok("GetKeyPolicy", object! { "KeyId" => id, "PolicyName" => "default" }).await;
    let policy = windlass_value::parse(policy["Policy"].as_str().expect("a policy")).expect("JSON");
    assert_eq!(
        policy["Statement"].at(0).expect("a statement")["Principal"]["AWS"].as_str(),
        Some("arn:aws:iam::000000000000:root")
    );
    let status = world.ok("GetKeyRotationStatus", object! { "KeyId" => id }).await;
    assert_eq!(status.to_text(), format!(r#"{{"KeyRotationEnabled":false,"KeyId":"{id}"}}"#));
    let hmac = world.ok("CreateKey", object! { "KeySpec" => "HMAC_384", "KeyUsage" => "GENERATE_VERIFY_MAC" }).await;
    assert_eq!(hmac["KeyMetadata"]["MacAlgorithms"].to_text(), r#"["HMAC_SHA_384"]"#);
    let multi = world.ok("CreateKey", object! { "MultiRegion" => true }).await;
    assert!(multi["KeyMetadata"]["KeyId"].as_str().is_some_and(|id| id.starts_with("mrk-") && id.len() == 36));
    assert_eq!(multi["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"].as_str(), Some("PRIMARY"));
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_refused_in_aws_words() {
    let world = world();
    let (id, arn) = world.key(empty()).await;
    let (hmac, hmac_arn) = world.key(object! { "KeySpec" => "HMAC_256", "KeyUsage" => "GENERATE_VERIFY_MAC" }).await;
    let absent = "11111111-2222-3333-4444-555555555555";
    let absent_arn = format!("arn:aws:kms:us-east-1:000000000000:key/{absent}");
    let plain = crate::fixture::blob("x");
    let cases = [
        ("DescribeKey", object! { "KeyId" => absent }, "NotFoundException", format!("Key '{absent_arn}' does not exist")),
        ("DescribeKey", object! { "KeyId" => "nonsense" }, "NotFoundException", "Invalid keyId 'nonsense'".to_owned()),
        ("DescribeKey", object! { "KeyId" => arn.replace("us-east-1", "eu-west-1") }, "NotFoundException", "Invalid arn eu-west-1".to_owned()),
        ("DescribeKey", object! { "KeyId" => "alias/none" }, "NotFoundException", "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found.".to_owned()),
        ("DescribeKey", object! { "KeyId" => "alias/aws/none" }, "NotFoundException", "Alias arn:aws:kms:us-east-1:000000000000:alias/aws/none is not found.".to_owned()),
        ("EnableKey", object! { "KeyId" => "alias/x" }, "NotFoundException", "Invalid keyId 'alias/x'".to_owned()),
        ("CreateKey", object! { "KeySpec" => "HMAC_256" }, "ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.".to_owned()),
        ("CreateKey", object! { "KeySpec" => "HMAC_256", "KeyUsage" => "ENCRYPT_DECRYPT" }, "ValidationException", "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec HMAC_256".to_owned()),
        ("CreateKey", object! { "KeyUsage" => "GENERATE_VERIFY_MAC" }, "ValidationException", "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec SYMMETRIC_DEFAULT".to_owned()),
        ("CreateKey", object! { "KeySpec" => "RSA_2048", "KeyUsage" => "SIGN_VERIFY" }, "NotImplementedException", "Windlass does not implement KMS keys of the spec RSA_2048 yet.".to_owned()),
        ("CreateKey", object! { "Policy" => "{" }, "MalformedPolicyDocumentException", "Policy contains invalid json".to_owned()),
        ("GetPublicKey", object! { "KeyId" => id.as_str() }, "NotImplementedException", "Windlass does not implement the KMS operation GetPublicKey yet.".to_owned()),
        ("Encrypt", object! { "KeyId" => hmac.as_str(), "Plaintext" => plain.as_str() }, "InvalidKeyUsageException", format!("{hmac_arn} key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt.")),
        ("GenerateMac", object! { "KeyId" => id.as_str(), "Message" => plain.as_str(), "MacAlgorithm" => "HMAC_SHA_256" }, "InvalidKeyUsageException", format!("{arn} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.")),
        ("GenerateDataKey", object! { "KeyId" => id.as_str() }, "ValidationException", "Please specify either number of bytes or key spec.".to_owned()),
        ("GenerateDataKey", object! { "KeyId" => id.as_str(), "KeySpec" => "AES_256", "DryRun" => true }, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set.".to_owned()),
        ("GenerateRandom", empty(), "ValidationException", "NumberOfBytes is required.".to_owned()),
        ("CancelKeyDeletion", object! { "KeyId" => id.as_str() }, "KMSInvalidStateException", format!("{arn} is not pending deletion.")),
        ("CreateAlias", object! { "AliasName" => "x", "TargetKeyId" => id.as_str() }, "ValidationException", "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html".to_owned()),
        ("CreateAlias", object! { "AliasName" => "alias/aws/x", "TargetKeyId" => id.as_str() }, "NotAuthorizedException", String::new()),
        ("CreateAlias", object! { "AliasName" => "alias/x", "TargetKeyId" => "alias/y" }, "ValidationException", "Aliases must refer to keys. Not aliases".to_owned()),
        ("DeleteAlias", object! { "AliasName" => "alias/x" }, "NotFoundException", "Alias arn:aws:kms:us-east-1:000000000000:alias/x is not found.".to_owned()),
        ("GetKeyPolicy", object! { "KeyId" => id.as_str(), "PolicyName" => "other" }, "NotFoundException", "No such policy exists".to_owned()),
        ("EnableKeyRotation", object! { "KeyId" => hmac.as_str() }, "UnsupportedOperationException", String::new()),
        ("ListKeys", object! { "Marker" => "bm90IG91cnM" }, "InvalidMarkerException", "The marker is not valid.".to_owned()),
    ];
    for (operation, input, code, message) in cases {
        world.refused(operation, input, code, &message).await;
    }
    world.ok("DisableKey", object! { "KeyId" => id.as_str() }).await;
    let encrypt = object! { "KeyId" => id.as_str(), "Plaintext" => plain.as_str() };
    world.refused("Encrypt", encrypt.clone(), "DisabledException", &format!("{arn} is disabled.")).await;
    world.ok("ScheduleKeyDeletion", object! { "KeyId" => id.as_str() }).await;
    for (operation, input) in [
        ("Encrypt", encrypt),
        ("EnableKey", object! { "KeyId" => id.as_str() }),
        ("ScheduleKeyDeletion", object! { "KeyId" => id.as_str() }),
        ("CreateAlias", object! { "AliasName" => "alias/x", "TargetKeyId" => id.as_str() }),
        ("TagResource", object! { "KeyId" => id.as_str(), "Tags" => Vec::new() }),
    ] {
        world.refused(operation, input, "KMSInvalidStateException", &format!("{arn} is pending deletion.")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn aliases_lead_to_keys() {
    let world = world();
    let (first, first_arn) = world.key(empty()).await;
    let (second, second_arn) = world.key(empty()).await;
    let alias = |target: &str| object! { "AliasName" => "alias/app/main", "TargetKeyId" => target };
    world.ok("CreateAlias", alias(&first)).await;
    let exists = "An alias with the name arn:aws:kms:us-east-1:000000000000:alias/app/main already exists";
    world.refused("CreateAlias", alias(&second), "AlreadyExistsException", exists).await;
    for name in ["alias/app/main", "arn:aws:kms:us-east-1:000000000000:alias/app/main"] {
        let described = world.ok("DescribeKey", object! { "KeyId" => name }).await;
        assert_eq!(described["KeyMetadata"]["Arn"].as_str(), Some(first_arn.as_str()));
    }
    world.ok("UpdateAlias", alias(&second_arn)).await;
    let described = world.ok("DescribeKey", object! { "KeyId" => "alias/app/main" }).await;
    assert_eq!(described["KeyMetadata"]["KeyId"].as_str(), Some(second.as_str()));
    let of = |list: Value| -> Vec<String> {
        let aliases = list["Aliases"].as_array().expect("a list").clone();
        aliases.iter().map(|alias| alias["AliasName"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(of(world.ok("ListAliases", object! { "KeyId" => second.as_str() }).await), ["alias/app/main"]);
    assert!(of(world.ok("ListAliases", object! { "KeyId" => first.as_str() }).await).is_empty());
    // AWS's own keys come with their first use, and only once.
    let managed = world.ok("DescribeKey", object! { "KeyId" => "alias/aws/secretsmanager" }).await;
    assert_eq!(managed["KeyMetadata"]["KeyManager"].as_str(), Some("AWS"));
    assert_eq!(world.ok("DescribeKey", object! { "KeyId" => "alias/aws/secretsmanager" }).await, managed);
    assert_eq!(of(world.ok("ListAliases", empty()).await), ["alias/app/main", "alias/aws/secretsmanager"]);
    let managed_id = managed["KeyMetadata"]["KeyId"].clone();
    let fault = world.fault("ScheduleKeyDeletion", object! { "KeyId" => managed_id }).await;
    assert_eq!(fault.code, "AccessDeniedException");
    world.ok("DeleteAlias", object! { "AliasName" => "alias/app/main" }).await;
    assert_eq!(of(world.ok("ListAliases", empty()).await), ["alias/aws/secretsmanager"]);
}

#[tokio::test(start_paused = true)]
async fn lists_go_on_page_by_page() {
    let world = world();
    let mut made = Vec::new();
    for at in 0..7 {
        let (id, _) = world.key(empty()).await;
        world.ok("CreateAlias", object! { "AliasName" => format!("alias/{at}"), "TargetKeyId" => id.as_str() }).await;
        made.push(id);
    }
    made.sort();
    for (operation, member, name) in [("ListKeys", "Keys", "KeyId"), ("ListAliases", "Aliases", "AliasName")] {
        let mut seen = Vec::new();
        let mut marker = Value::Null;
        loop {
            let page = world.ok(operation, object! { "Limit" => 3, "Marker" => marker }).await;
            let entries = page[member].as_array().expect("a list");
            seen.extend(entries.iter().map(|entry| entry[name].as_str().expect("a name").to_owned()));
            assert_eq!(page["Truncated"].as_bool(), Some(!page["NextMarker"].is_null()));
            marker = page["NextMarker"].clone();
            if marker.is_null() {
                break;
            }
            // Of another list it is refused.
            let other = if operation == "ListKeys" { "ListAliases" } else { "ListKeys" };
            let refused = world.fault(other, object! { "Marker" => marker.clone() }).await;
            assert_eq!(refused.code, "InvalidMarkerException");
        }
        match operation {
            "ListKeys" => assert_eq!(seen, made),
            _ => assert_eq!(seen, (0..7).map(|at| format!("alias/{at}")).collect::<Vec<_>>()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_comes_when_its_window_is_over() {
    let mut world = world();
    let (id, arn) = world.key(empty()).await;
    let (kept, _) = world.key(empty()).await;
    world.ok("CreateAlias", object! { "AliasName" => "alias/x", "TargetKeyId" => id.as_str() }).await;
    for key in [&id, &kept] {
        let window = object! { "KeyId" => key.as_str(), "PendingWindowInDays" => 7 };
        let scheduled = world.ok("ScheduleKeyDeletion", window).await;
        assert_eq!(scheduled["KeyState"].as_str(), Some("PendingDeletion"));
        assert_eq!(scheduled["DeletionDate"].as_i64(), Some(START.as_ms() / 1000 + 7 * 86_400));
    }
    world.days_pass(6).await;
    world.restart();
    let described = world.ok("DescribeKey", object! { "KeyId" => id.as_str() }).await;
    assert_eq!(described["KeyMetadata"]["KeyState"].as_str(), Some("PendingDeletion"));
    assert_eq!(described["KeyMetadata"]["Enabled"].as_bool(), Some(false));
    world.ok("CancelKeyDeletion", object! { "KeyId" => kept.as_str() }).await;
    world.days_pass(2).await;
    world
        .refused(
            "DescribeKey",
            object! { "KeyId" => id.as_str() },
            "NotFoundException",
            &format!("Key '{arn}' does not exist"),
        )
        .await;
    assert_eq!(world.fault("DescribeKey", object! { "KeyId" => "alias/x" }).await.code, "NotFoundException");
    let stored = world.everything_stored();
    assert!(!crate::fixture::contains(&stored, id.as_bytes()), "nothing is left of it");
    let described = world.ok("DescribeKey", object! { "KeyId" => kept.as_str() }).await;
    assert_eq!(described["KeyMetadata"]["KeyState"].as_str(), Some("Disabled"));
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_by_themselves_and_on_demand() {
    let world = world();
    let (id, _) = world.key(empty()).await;
    let plain = crate::fixture::blob("before");
    let sealed = world.ok("Encrypt", object! { "KeyId" => id.as_str(), "Plaintext" => plain.as_str() }).await;
    world.ok("EnableKeyRotation", object! { "KeyId" => id.as_str(), "RotationPeriodInDays" => 100 }).await;
    let status = world.ok("GetKeyRotationStatus", object! { "KeyId" => id.as_str() }).await;
    assert_eq!(status["RotationPeriodInDays"].as_i64(), Some(100));
    assert_eq!(status["NextRotationDate"].as_i64(), Some(START.as_ms() / 1000 + 100 * 86_400));
    world.ok("RotateKeyOnDemand", object! { "KeyId" => id.as_str() }).await;
    for _ in 0..25 {
        world.days_pass(10).await;
    }
    let rotations = world.ok("ListKeyRotations", object! { "KeyId" => id.as_str() }).await;
    let kinds: Vec<_> =
        rotations["Rotations"].as_array().expect("a list").iter().map(|one| one["RotationType"].to_text()).collect();
    assert_eq!(kinds, ["\"ON_DEMAND\"", "\"AUTOMATIC\"", "\"AUTOMATIC\""]);
    let opened = world.ok("Decrypt", object! { "CiphertextBlob" => sealed["CiphertextBlob"].clone() }).await;
    assert_eq!(opened["Plaintext"].as_str(), Some(plain.as_str()));
    world.ok("DisableKeyRotation", object! { "KeyId" => id.as_str() }).await;
    world.days_pass(120).await;
    let rotations = world.ok("ListKeyRotations", object! { "KeyId" => id.as_str() }).await;
    assert_eq!(rotations["Rotations"].as_array().map(|list| list.len()), Some(3));
}

#[tokio::test(start_paused = true)]
async fn tags_policies_and_descriptions_change() {
    let world = world();
    let (id, arn) = world.key(empty()).await;
    let key = |more: Value| {
        let mut input = windlass_value::Object::new();
        input.insert("KeyId", id.as_str());
        if let Some(more) = more.as_object() {
            input.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::from(input)
    };
    let tag = |name: &str, value: &str| object! { "TagKey" => name, "TagValue" => value };
    world.ok("TagResource", key(object! { "Tags" => vec![tag("a", "1"), tag("b", "2")] })).await;
    world.ok("TagResource", key(object! { "Tags" => vec![tag("b", "3")] })).await;
    world.ok("UntagResource", key(object! { "TagKeys" => vec![Value::from("a")] })).await;
    let tags = world.ok("ListResourceTags", key(Value::Null)).await;
    assert_eq!(tags["Tags"].to_text(), r#"[{"TagKey":"b","TagValue":"3"}]"#);
    assert_eq!(
        world.fault("TagResource", key(object! { "Tags" => vec![tag("aws:x", "1")] })).await.code,
        "TagException"
    );
    world.ok("UpdateKeyDescription", key(object! { "Description" => "new" })).await;
    let described = world.ok("DescribeKey", key(Value::Null)).await;
    assert_eq!(described["KeyMetadata"]["Description"].as_str(), Some("new"));
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}"#;
    world.ok("PutKeyPolicy", key(object! { "PolicyName" => "default", "Policy" => policy })).await;
    assert_eq!(world.kms.resource_policy(&arn).await.expect("a policy").as_deref(), Some(policy));
    assert_eq!(world.kms.resource_policy("arn:aws:kms:us-east-1:000000000000:key/none").await.expect("none"), None);
    assert_eq!(
        world.ok("ListKeyPolicies", key(Value::Null)).await.to_text(),
        r#"{"PolicyNames":["default"],"Truncated":false}"#
    );
    // A managed key has its policy before its first use.
    let managed = world.kms.resource_policy("arn:aws:kms:us-east-1:000000000000:alias/aws/ssm").await;
    assert!(managed.expect("a policy").is_some_and(|policy| policy.contains("kms:ViaService")));
    // Grants are statements of the policy that calls are judged by.
    let operations = vec![Value::from("Decrypt"), Value::from("DescribeKey")];
    let subset = object! { "EncryptionContextSubset" => object! { "app" => "x" } };
    let grant = key(object! {
        "GranteePrincipal" => "arn:aws:iam::000000000000:role/reader",
        "RetiringPrincipal" => "arn:aws:iam::000000000000:role/retirer",
        "Operations" => operations,
        "Constraints" => subset,
        "Name" => "once",
    });
    let created = world.ok("CreateGrant", grant.clone()).await;
    assert_eq!(world.ok("CreateGrant", grant).await, created, "the same one is made once");
    let judged = world.kms.resource_policy(&arn).await.expect("a policy").expect("one");
    let judged = windlass_value::parse(&judged).expect("JSON");
    assert_eq!(
        judged["Statement"].at(1).expect("a second statement").to_text(),
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:role/reader"},"Action":["kms:Decrypt","kms:DescribeKey"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"x"}}}"#
    );
    let listed = world.ok("ListGrants", key(Value::Null)).await;
    assert_eq!(listed["Grants"].at(0).expect("a grant")["GrantId"], created["GrantId"]);
    let retirable = object! { "RetiringPrincipal" => "arn:aws:iam::000000000000:role/retirer" };
    let listed = world.ok("ListRetirableGrants", retirable.clone()).await;
    assert_eq!(listed["Grants"].as_array().map(|list| list.len()), Some(1));
    let both = key(object! { "GrantToken" => created["GrantToken"].clone() });
    assert_eq!(world.fault("RetireGrant", both).await.code, "ValidationException");
    let bare = crate::fixture::blob(&format!("{} x", arn.rsplit('/').next().expect("an id")));
    let forged = object! { "GrantToken" => bare };
    assert_eq!(world.fault("RetireGrant", forged).await.code, "InvalidGrantTokenException");
    world.ok("RetireGrant", object! { "GrantToken" => created["GrantToken"].clone() }).await;
    assert_eq!(world.ok("ListRetirableGrants", retirable).await["Grants"].to_text(), "[]");
    let revoke = key(object! { "GrantId" => created["GrantId"].clone() });
    assert_eq!(world.fault("RevokeGrant", revoke).await.code, "NotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_handed_on_only_in_part() {
    let world = world();
    let (id, arn) = world.key(Value::empty_object()).await;
    let names = |names: &[&str]| names.iter().map(|name| Value::from(*name)).collect::<Vec<_>>();
    for (constraints, condition) in [
        (Value::Null, r#"{"ForAllValues:StringEquals":{"kms:GrantOperations":["CreateGrant","Decrypt"]}}"#),
        (
            object! { "EncryptionContextSubset" => object! { "a" => "1" } },
            r#"{"ForAllValues:StringEquals":{"kms:GrantOperations":["CreateGrant","Decrypt"]},"StringEquals":{"windlass:GrantContext:a":"1"}}"#,
        ),
        (
            object! { "EncryptionContextEquals" => object! { "a" => "1" } },
            r#"{"ForAllValues:StringEquals":{"kms:GrantOperations":["CreateGrant","Decrypt"],"windlass:GrantContextExactKeys":["a"]},"StringEquals":{"windlass:GrantContextExact:a":"1"}}"#,
        ),
    ] {
        let grant = object! {
            "KeyId" => id.as_str(),
            "GranteePrincipal" => "arn:aws:iam::000000000000:role/reader",
            "Operations" => names(&["CreateGrant", "Decrypt"]),
            "Constraints" => constraints,
        };
        let created = world.ok("CreateGrant", grant).await;
        let judged = world.kms.resource_policy(&arn).await.expect("a policy").expect("one");
        let judged = windlass_value::parse(&judged).expect("JSON");
        let statements = judged["Statement"].as_array().expect("statements");
        let statement = statements.last().expect("a statement");
        assert_eq!(statement["Action"].to_text(), r#"["kms:CreateGrant"]"#);
        assert_eq!(statement["Condition"].to_text(), condition);
        world.ok("RetireGrant", object! { "GrantToken" => created["GrantToken"].clone() }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_call_makes_one_key() {
    let mut world = world();
    let mut create = call("CreateKey", empty());
    create.idempotency_key = Some("delivery-1".into());
    let first = world.kms.call(create.clone()).await.expect("created").output;
    world.restart();
    assert_eq!(world.kms.call(create).await.expect("created").output, first);
    assert_eq!(world.ok("ListKeys", empty()).await["Keys"].as_array().map(|keys| keys.len()), Some(1));
}
