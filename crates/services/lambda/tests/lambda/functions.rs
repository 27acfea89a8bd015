use windlass_value::{Value, object};

use crate::fixture::{Fixture, ROLE, create_input, open, reopen, zip_of};

const IDENTITY: &[(&str, &str)] =
    &[("handler.py", "def handler(event, context):\n    return context.function_version\n")];

async fn with_function() -> Fixture {
    let fixture = open().await;
    fixture.create("f", "python3.12", "handler.handler", IDENTITY, Value::Null).await;
    fixture
}

fn names(list: &Value, member: &str, name: &str) -> Vec<String> {
    let items = list[member].as_array().expect("a list");
    items.iter().map(|item| item[name].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_function_has_aws_shape_and_defaults() {
    let fixture = open().await;
    let created = fixture
        .create("f", "python3.12", "handler.handler", IDENTITY, object! { "Tags" => object! { "a" => "b" } })
        .await;
    let keys: Vec<&str> = created.as_object().expect("an object").keys().map(|key| &**key).collect();
    assert_eq!(
        keys,
        [
            "FunctionName",
            "FunctionArn",
            "Runtime",
            "Role",
            "Handler",
            "CodeSize",
            "Description",
            "Timeout",
            "MemorySize",
            "LastModified",
            "CodeSha256",
            "Version",
            "TracingConfig",
            "RevisionId",
            "State",
            "LastUpdateStatus",
            "PackageType",
            "Architectures",
            "EphemeralStorage",
            "SnapStart",
            "RuntimeVersionConfig",
            "LoggingConfig",
        ]
    );
    let expected = [
        ("/FunctionArn", "\"arn:aws:lambda:us-east-1:000000000000:function:f\""),
        ("/Version", "\"$LATEST\""),
        ("/Timeout", "3"),
        ("/MemorySize", "128"),
        ("/State", "\"Active\""),
        ("/LastUpdateStatus", "\"Successful\""),
        ("/TracingConfig", r#"{"Mode":"PassThrough"}"#),
        ("/Architectures", r#"["x86_64"]"#),
        ("/EphemeralStorage", r#"{"Size":512}"#),
        ("/SnapStart", r#"{"ApplyOn":"None","OptimizationStatus":"Off"}"#),
        ("/LoggingConfig", r#"{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}"#),
    ];
    for (pointer, value) in expected {
        assert_eq!(created.pointer(pointer).map(Value::to_text).as_deref(), Some(value), "{pointer}");
    }
    let modified = created["LastModified"].as_str().expect("an instant");
    assert!(modified.ends_with("+0000") && modified.len() == 28, "{modified}");
    let got = fixture.ok("GetFunction", object! { "FunctionName" => "f" }).await;
    assert_eq!(got["Configuration"], created);
    assert_eq!(got["Tags"].to_text(), r#"{"a":"b"}"#);
    assert_eq!(got["Code"]["RepositoryType"].as_str(), Some("S3"));
    assert_eq!(fixture.ok("GetFunctionConfiguration", object! { "FunctionName" => "f" }).await, created);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_refused_in_aws_words() {
    let fixture = with_function().await;
    let create = |runtime: &str, more: Value| create_input("g", runtime, "handler.handler", IDENTITY, more);
    let variables =
        |name: &str, value: &str| object! { "Environment" => object! { "Variables" => object! { name => value } } };
    let f = || object! { "FunctionName" => "f" };
    let cases = [
        (
            "CreateFunction",
            create_input("f", "python3.12", "handler.handler", IDENTITY, Value::Null),
            "ResourceConflictException",
            409,
            "Function already exist: f",
        ),
        (
            "CreateFunction",
            create("java21", Value::Null),
            "InvalidParameterValueException",
            400,
            "Value java21 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Code" => object! {} }),
            "InvalidParameterValueException",
            400,
            "Please provide a source for function code.",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Code" => object! { "ZipFile" => "bm8gemlw" } }),
            "InvalidParameterValueException",
            400,
            "Could not unzip uploaded file.",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Code" => object! { "ZipFile" => zip_of(&[("../x", "")]) } }),
            "InvalidParameterValueException",
            400,
            "Could not unzip uploaded file.",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Code" => object! { "S3Bucket" => "b" } }),
            "NotImplementedException",
            501,
            "Windlass does not implement",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Timeout" => 901 }),
            "ValidationException",
            400,
            "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "MemorySize" => 64 }),
            "ValidationException",
            400,
            "1 validation error detected: Value '64' at 'memorySize'",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Role" => "me" }),
            "ValidationException",
            400,
            "1 validation error detected: Value 'me' at 'role'",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "Layers" => Value::array(vec!["arn".into()]) }),
            "NotImplementedException",
            501,
            "Windlass does not implement",
        ),
        (
            "CreateFunction",
            create("python3.12", object! { "PackageType" => "Image" }),
            "NotImplementedException",
            501,
            "Windlass does not implement",
        ),
        (
            "CreateFunction",
            create("python3.12", variables("AWS_REGION", "x")),
            "InvalidParameterValueException",
            400,
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys",
        ),
        (
            "CreateFunction",
            create("python3.12", variables("LONG", &"x".repeat(5000))),
            "InvalidParameterValueException",
            400,
            "Lambda was unable to configure",
        ),
        (
            "CreateFunction",
            create("python3.12", variables("WINDLASS_FUNCTION_URL", "https://x")),
            "InvalidParameterValueException",
            400,
            "WINDLASS_FUNCTION_URL must be",
        ),
        (
            "CreateFunction",
            object! { "FunctionName" => "g", "Role" => ROLE, "Code" => object! { "ZipFile" => zip_of(IDENTITY) } },
            "InvalidParameterValueException",
            400,
            "Runtime and Handler are mandatory parameters",
        ),
        (
            "GetFunction",
            object! { "FunctionName" => "g" },
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g",
        ),
        (
            "GetFunction",
            object! { "FunctionName" => "f", "Qualifier" => "9" },
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:9",
        ),
        (
            "DeleteFunction",
            object! { "FunctionName" => "g" },
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g",
        ),
        (
            "DeleteFunction",
            object! { "FunctionName" => "f", "Qualifier" => "$LATEST" },
            "InvalidParameterValueException",
            400,
            "$LATEST version cannot be deleted",
        ),
        (
            "UpdateFunctionConfiguration",
            object! { "FunctionName" => "f", "RevisionId" => "old" },
            "PreconditionFailedException",
            412,
            "The Revision Id provided does not match",
        ),
        (
            "UpdateFunctionConfiguration",
            object! { "FunctionName" => "f", "Runtime" => "ruby3.4" },
            "InvalidParameterValueException",
            400,
            "Value ruby3.4 at 'runtime'",
        ),
        (
            "PublishVersion",
            object! { "FunctionName" => "f", "CodeSha256" => "x" },
            "InvalidParameterValueException",
            400,
            "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST",
        ),
        (
            "GetAlias",
            object! { "FunctionName" => "f", "Name" => "live" },
            "ResourceNotFoundException",
            404,
            "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:f:live",
        ),
        (
            "CreateAlias",
            object! { "FunctionName" => "f", "Name" => "live", "FunctionVersion" => "1" },
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:1",
        ),
        (
            "CreateAlias",
            object! { "FunctionName" => "f", "Name" => "12", "FunctionVersion" => "$LATEST" },
            "ValidationException",
            400,
            "1 validation error detected: Value '12' at 'name'",
        ),
        (
            "ListTags",
            object! { "Resource" => "f" },
            "ValidationException",
            400,
            "1 validation error detected: Value 'f' at 'resource'",
        ),
        (
            "GetPolicy",
            f(),
            "NotImplementedException",
            501,
            "Windlass does not implement the Lambda operation GetPolicy yet.",
        ),
        (
            "AddPermission",
            f(),
            "NotImplementedException",
            501,
            "Windlass does not implement the Lambda operation AddPermission yet.",
        ),
    ];
    for (operation, input, code, status, message) in cases {
        let fault = fixture.fault(operation, input.clone()).await;
        assert_eq!((fault.code.as_str(), fault.status), (code, status), "{operation} {input}: {fault}");
        assert!(fault.message.starts_with(message), "{operation} {input}: {fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_without_its_interpreter_is_refused() {
    let fixture = crate::fixture::open_with(|config| config.path = Some("/nowhere".to_owned())).await;
    for (runtime, missing) in [("python3.12", "no 'python3.12' nor 'python3'"), ("nodejs20.x", "no 'node'")] {
        let fault = fixture.fault("CreateFunction", create_input("f", runtime, "a.b", IDENTITY, Value::Null)).await;
        assert_eq!(fault.code, "InvalidParameterValueException");
        assert!(fault.message.contains(missing), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_keep_what_they_were() {
    let fixture = with_function().await;
    let first = fixture.ok("PublishVersion", object! { "FunctionName" => "f", "Description" => "one" }).await;
    assert_eq!(first["Version"].as_str(), Some("1"));
    assert_eq!(first["FunctionArn"].as_str(), Some("arn:aws:lambda:us-east-1:000000000000:function:f:1"));
    // Nothing has changed: no second version.
    assert_eq!(fixture.ok("PublishVersion", object! { "FunctionName" => "f" }).await, first);
    let code = [("handler.py", "def handler(event, context):\n    return 'new ' + context.function_version\n")];
    let updated = fixture
        .ok("UpdateFunctionCode", object! { "FunctionName" => "f", "ZipFile" => zip_of(&code), "Publish" => true })
        .await;
    assert_eq!(updated["Version"].as_str(), Some("2"));
    assert_ne!(updated["CodeSha256"], first["CodeSha256"]);
    for (name, expected) in [
        ("f", "\"new $LATEST\""),
        ("f:1", "\"1\""),
        ("f:2", "\"new 2\""),
        ("arn:aws:lambda:us-east-1:000000000000:function:f:1", "\"1\""),
        ("000000000000:function:f", "\"new $LATEST\""),
    ] {
        assert_eq!(fixture.invoke(name, "1").await.0, expected, "{name}");
    }
    let (_, _, output) = fixture.invoke("f:2", "1").await;
    assert_eq!(output["ExecutedVersion"].as_str(), Some("2"));
    let list = fixture.ok("ListVersionsByFunction", object! { "FunctionName" => "f" }).await;
    assert_eq!(names(&list, "Versions", "Version"), ["$LATEST", "1", "2"]);
    fixture.ok("DeleteFunction", object! { "FunctionName" => "f", "Qualifier" => "1" }).await;
    let code = [("handler.py", "def handler(event, context):\n    return 3\n")];
    let third = fixture
        .ok("UpdateFunctionCode", object! { "FunctionName" => "f", "ZipFile" => zip_of(&code), "Publish" => true })
        .await;
    assert_eq!(third["Version"].as_str(), Some("3"));
    let dry = fixture
        .ok("UpdateFunctionCode", object! { "FunctionName" => "f", "ZipFile" => zip_of(IDENTITY), "DryRun" => true })
        .await;
    assert_eq!(dry["CodeSha256"], first["CodeSha256"]);
    assert_eq!(fixture.invoke("f", "1").await.0, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_name_versions_and_weigh_them() {
    let fixture = with_function().await;
    fixture.ok("PublishVersion", object! { "FunctionName" => "f" }).await;
    fixture
        .ok("UpdateFunctionConfiguration", object! { "FunctionName" => "f", "Description" => "two", "Timeout" => 30 })
        .await;
    fixture.ok("PublishVersion", object! { "FunctionName" => "f" }).await;
    let alias = fixture
        .ok(
            "CreateAlias",
            object! { "FunctionName" => "f", "Name" => "live", "FunctionVersion" => "1", "Description" => "d" },
        )
        .await;
    assert_eq!(alias["AliasArn"].as_str(), Some("arn:aws:lambda:us-east-1:000000000000:function:f:live"));
    assert!(alias["RoutingConfig"].is_null());
    let again = fixture
        .fault("CreateAlias", object! { "FunctionName" => "f", "Name" => "live", "FunctionVersion" => "1" })
        .await;
    assert_eq!(
        (again.status, again.message.as_str()),
        (409, "Alias already exists: arn:aws:lambda:us-east-1:000000000000:function:f:live")
    );
    assert_eq!(fixture.invoke("f:live", "1").await.0, "\"1\"");
    let route = |weight: &str| object! { "AdditionalVersionWeights" => object! { "2" => windlass_value::Number::from_literal(weight) } };
    for (weight, expected) in [("1.0", "2"), ("0.0", "1")] {
        fixture
            .ok("UpdateAlias", object! { "FunctionName" => "f", "Name" => "live", "RoutingConfig" => route(weight) })
            .await;
        for _ in 0..5 {
            let (_, _, output) = fixture.invoke("f:live", "1").await;
            assert_eq!(output["ExecutedVersion"].as_str(), Some(expected));
        }
    }
    fixture
        .ok("UpdateAlias", object! { "FunctionName" => "f", "Name" => "live", "RoutingConfig" => route("0.5") })
        .await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        seen.insert(fixture.invoke("f:live", "1").await.0);
    }
    assert_eq!(seen.len(), 2);
    let fault = fixture.fault("DeleteFunction", object! { "FunctionName" => "f", "Qualifier" => "2" }).await;
    assert_eq!(fault.code, "ResourceConflictException");
    for (input, code) in [
        (
            object! { "RoutingConfig" => object! { "AdditionalVersionWeights" => object! { "1" => 1 } } },
            "InvalidParameterValueException",
        ),
        (object! { "FunctionVersion" => "$LATEST" }, "InvalidParameterValueException"),
        (object! { "FunctionVersion" => "9" }, "ResourceNotFoundException"),
        (object! { "RevisionId" => "old" }, "PreconditionFailedException"),
    ] {
        let mut whole = windlass_value::Object::new();
        whole.insert("FunctionName", "f");
        whole.insert("Name", "live");
        whole.extend(input.as_object().expect("an object").iter().map(|(key, value)| (key.clone(), value.clone())));
        assert_eq!(fixture.fault("UpdateAlias", whole.into()).await.code, code, "{input}");
    }
    let list = fixture.ok("ListAliases", object! { "FunctionName" => "f", "FunctionVersion" => "1" }).await;
    assert_eq!(names(&list, "Aliases", "Name"), ["live"]);
    fixture.ok("DeleteAlias", object! { "FunctionName" => "f", "Name" => "live" }).await;
    fixture.ok("DeleteAlias", object! { "FunctionName" => "f", "Name" => "live" }).await;
    assert_eq!(fixture.fault("Invoke", object! { "FunctionName" => "f:live" }).await.code, "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    let fixture = open().await;
    for name in ["b", "a-1", "a", "c"] {
        fixture.create(name, "provided", "h", &[("bootstrap", "x")], object! { "Publish" => name == "a" }).await;
    }
    let mut marker = Value::Null;
    let mut all = Vec::new();
    loop {
        let page = fixture
            .ok("ListFunctions", object! { "MaxItems" => 3, "Marker" => marker, "FunctionVersion" => "ALL" })
            .await;
        all.extend(
            names(&page, "Functions", "FunctionArn")
                .into_iter()
                .map(|arn| arn.replace("arn:aws:lambda:us-east-1:000000000000:function:", "")),
        );
        marker = page["NextMarker"].clone();
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(all, ["a:$LATEST", "a:1", "a-1:$LATEST", "b:$LATEST", "c:$LATEST"]);
    let list = fixture.ok("ListFunctions", Value::empty_object()).await;
    assert_eq!(names(&list, "Functions", "FunctionName"), ["a", "a-1", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_kept() {
    let fixture = with_function().await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    fixture.ok("TagResource", object! { "Resource" => arn, "Tags" => object! { "a" => "1", "b" => "2" } }).await;
    fixture.ok("UntagResource", object! { "Resource" => arn, "TagKeys" => Value::array(vec!["a".into()]) }).await;
    assert_eq!(fixture.ok("ListTags", object! { "Resource" => arn }).await.to_text(), r#"{"Tags":{"b":"2"}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_outlive_the_server() {
    let fixture = with_function().await;
    fixture.ok("PublishVersion", object! { "FunctionName" => "f" }).await;
    fixture.ok("CreateAlias", object! { "FunctionName" => "f", "Name" => "live", "FunctionVersion" => "1" }).await;
    fixture.create("gone", "python3.12", "a.b", IDENTITY, object! { "Publish" => true }).await;
    fixture.ok("DeleteFunction", object! { "FunctionName" => "gone" }).await;
    let before = fixture.ok("ListFunctions", object! { "FunctionVersion" => "ALL" }).await;
    let Fixture { lambda, folder, memory, .. } = fixture;
    drop(lambda);
    // What was unpacked is made again from the zips.
    std::fs::remove_dir_all(folder.path().join("functions")).expect("it was there");
    let (lambda, store) = reopen(&folder, &memory, |_| {}).await;
    let fixture = Fixture { lambda, store, folder, memory };
    assert_eq!(fixture.ok("ListFunctions", object! { "FunctionVersion" => "ALL" }).await, before);
    assert_eq!(fixture.invoke("f:live", "1").await.0, "\"1\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_knows_its_functions() {
    let fixture = with_function().await;
    fixture.ok("PutFunctionConcurrency", object! { "FunctionName" => "f", "ReservedConcurrentExecutions" => 4 }).await;
    let settings = fixture.ok("GetAccountSettings", Value::empty_object()).await;
    assert_eq!(settings.pointer("/AccountUsage/FunctionCount").and_then(Value::as_i64), Some(1));
    assert_eq!(settings.pointer("/AccountLimit/UnreservedConcurrentExecutions").and_then(Value::as_i64), Some(60));
    assert_eq!(
        fixture.ok("GetFunctionConcurrency", object! { "FunctionName" => "f" }).await.to_text(),
        r#"{"ReservedConcurrentExecutions":4}"#
    );
    let signing = fixture.ok("GetFunctionCodeSigningConfig", object! { "FunctionName" => "f" }).await;
    assert_eq!(signing.to_text(), r#"{"CodeSigningConfigArn":"","FunctionName":"f"}"#);
}
