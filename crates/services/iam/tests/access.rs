//! IAM and STS over a store in memory: what operations answer, what is allowed,
//! and what is still there after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use windlass_iam::{Access, Authorization, AuthorizationMode, IamConfig};
use windlass_keyring::Keyring;
use windlass_protocol::{
    Authorizer, Body, BoxFuture, Call, Dispatcher, Fault, Outcome, Principal, Reply, Service, Wiring,
};
use windlass_store::{MemoryFaults, Store};
use windlass_value::{Now, Text, Timestamp, Value, object, parse};

const ACCOUNT: &str = "111111111111";
const OTHER: &str = "222222222222";
const ROOT: &str = "arn:aws:iam::111111111111:root";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111111111111:q";
const QUEUE_URL: &str = "http://localhost/111111111111/q";
const TRUST_LAMBDA: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
const ALLOW_SQS: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}"#;

/// A service whose resources have the policy that a test gave them.
struct Resources {
    name: &'static str,
    policy: Option<Text>,
}

impl Service for Resources {
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        let outcome = match &*call.operation {
            "DescribeKey" => {
                let arn = "arn:aws:kms:us-east-1:111111111111:key/k1";
                Ok(Reply::from(object! { "KeyMetadata" => object! { "Arn" => arn } }))
            }
            "DescribeSecret" => {
                let arn = "arn:aws:secretsmanager:us-east-1:111111111111:secret:s-AbCdEf";
                Ok(Reply::from(object! { "ARN" => arn }))
            }
            _ => Ok(Reply::from(Value::empty_object())),
        };
        Box::pin(std::future::ready(outcome))
    }

    fn resource_policy<'a>(&'a self, _arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        Box::pin(std::future::ready(Ok(self.policy.clone())))
    }

    fn resource_account<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        let owner = arn.starts_with("arn:aws:s3:::theirs").then(|| Text::from(OTHER));
        Box::pin(std::future::ready(Ok(owner)))
    }
}

struct World {
    store: Store,
    keyring: Keyring,
    clock: Arc<AtomicI64>,
    access: Access,
    dispatcher: Dispatcher,
    authorization: Arc<Authorization>,
}

fn tables() -> Vec<&'static windlass_store::Table> {
    [windlass_iam::TABLES, windlass_outbox::TABLES].concat()
}

impl World {
    fn new() -> World {
        World::with(&[], AuthorizationMode::Enforced)
    }

    /// A world whose services' resources have policies.
    fn with(policies: &[(&'static str, &str)], mode: AuthorizationMode) -> World {
        let store = Store::memory(&tables(), MemoryFaults::default());
        World::over(store, Keyring::ephemeral().expect("a keyring"), policies, mode)
    }

    fn over(store: Store, keyring: Keyring, policies: &[(&'static str, &str)], mode: AuthorizationMode) -> World {
        let clock = Arc::new(AtomicI64::new(1_790_000_000_000));
        let ticking = clock.clone();
        let now: Now = Arc::new(move || Timestamp(ticking.load(Ordering::Relaxed)));
        let config = IamConfig { enforced: true, configured_keys: Default::default() };
        let access = windlass_iam::open(&store, keyring.clone(), now, config).expect("IAM opens");
        let dispatcher = Dispatcher::new();
        let authorization = access.authorization(dispatcher.clone(), mode, false);
        let mut services: Vec<Arc<dyn Service>> = vec![access.iam.clone(), access.sts.clone()];
        for name in ["sqs", "sns", "s3", "kms", "secretsmanager", "lambda", "states"] {
            let policy = policies.iter().find(|(service, _)| *service == name).map(|(_, policy)| Text::from(*policy));
            services.push(Arc::new(Resources { name, policy }));
        }
        let authorizer: Arc<dyn Authorizer> = authorization.clone();
        dispatcher.wire(Wiring { services, authorizer: Some(authorizer), router: None });
        World { store, keyring, clock, access, dispatcher, authorization }
    }

    /// A call of root, which is always allowed.
    async fn root(&self, operation: &str, input: Value) -> Outcome {
        self.dispatcher.call(call(ROOT, Some("AKIACONFIGURED"), "iam", operation, input)).await
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        self.root(operation, input).await.unwrap_or_else(|fault| panic!("{operation}: {fault}")).output
    }

    /// Who a call was refused to, and how; empty: it was not.
    async fn refusal(&self, call: Call) -> String {
        self.dispatcher
            .call(call)
            .await
            .err()
            .map(|fault| format!("{} {}: {}", fault.status, fault.code, fault.message))
            .unwrap_or_default()
    }

    async fn user_with(&self, name: &str, policy: Option<&str>) -> String {
        self.ok("CreateUser", object! { "UserName" => name }).await;
        if let Some(policy) = policy {
            let input = object! { "UserName" => name, "PolicyName" => "p", "PolicyDocument" => policy };
            self.ok("PutUserPolicy", input).await;
        }
        format!("arn:aws:iam::{ACCOUNT}:user/{name}")
    }

    async fn role_with(&self, name: &str, trust: &str, policy: Option<&str>) -> String {
        self.ok("CreateRole", object! { "RoleName" => name, "AssumeRolePolicyDocument" => trust }).await;
        if let Some(policy) = policy {
            let input = object! { "RoleName" => name, "PolicyName" => "p", "PolicyDocument" => policy };
            self.ok("PutRolePolicy", input).await;
        }
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }
}

fn call(arn: &str, key: Option<&str>, service: &str, operation: &str, input: Value) -> Call {
    let account = arn.split(':').nth(4).filter(|account| !account.is_empty()).unwrap_or(ACCOUNT);
    Call {
        account: account.into(),
        region: "us-east-1".into(),
        service: service.into(),
        operation: operation.into(),
        input,
        body: Body::empty(),
        principal: Principal { arn: arn.into(), account: account.into(), access_key_id: key.map(Text::from) },
        source_arn: None,
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 0,
        request_id: "r-1".into(),
    }
}

fn send(arn: &str) -> Call {
    call(arn, Some("AKIAX"), "sqs", "SendMessage", object! { "QueueUrl" => QUEUE_URL, "MessageBody" => "m" })
}

/// Steps of `cases/operations.json`: `[operation, input, expected]`; expected is an
/// object whose members the output must have, or a text that the fault begins with.
#[tokio::test]
async fn operations() {
    let cases = parse(include_str!("cases/operations.json")).expect("cases");
    for (story, steps) in cases.as_object().expect("stories").iter() {
        let world = World::new();
        for step in steps.as_array().expect("steps").iter() {
            let operation = step.at(0).and_then(Value::as_str).expect("an operation");
            let input = step.at(1).expect("an input").clone();
            let expected = step.at(2).expect("an expectation");
            match (world.root(operation, input).await, expected) {
                (Ok(reply), expected @ Value::Object(_)) => {
                    if let Some(difference) = lacks(&reply.output, expected, "") {
                        panic!("{story}: {step}\n{difference}\nin {}", reply.output);
                    }
                }
                (Err(fault), Value::String(text)) => {
                    let said = format!("{} {}: {}", fault.status, fault.code, fault.message);
                    assert!(said.starts_with(&**text), "{story}: {step}\n{said}");
                }
                (Ok(reply), _) => panic!("{story}: {step}\n{}", reply.output),
                (Err(fault), _) => panic!("{story}: {step}\n{fault}"),
            }
        }
    }
}

/// What an output lacks of what is expected; members beyond are no matter.
fn lacks(output: &Value, expected: &Value, at: &str) -> Option<String> {
    match expected {
        Value::Object(members) => {
            members.iter().find_map(|(name, expected)| lacks(&output[name], expected, &format!("{at}.{name}")))
        }
        Value::Array(items) => {
            let found = output.as_array().map_or(0, |found| found.len());
            if found != items.len() {
                return Some(format!("{at}: {found} items instead of {}", items.len()));
            }
            items.iter().enumerate().find_map(|(index, expected)| {
                lacks(output.at(index).unwrap_or(&Value::Null), expected, &format!("{at}[{index}]"))
            })
        }
        // `"*"` stands for any text.
        Value::String(text) if **text == *"*" && output.as_str().is_some() => None,
        expected if output == expected => None,
        expected => Some(format!("{at}: {output} instead of {expected}")),
    }
}

#[tokio::test]
async fn users_may_what_their_policies_say() {
    let world = World::new();
    let ada = world.user_with("ada", None).await;
    assert_eq!(
        world.refusal(send(&ada)).await,
        format!(
            "403 AccessDenied: User: {ada} is not authorized to perform: sqs:sendmessage on resource: {QUEUE} because no identity-based policy allows the sqs:sendmessage action"
        )
    );
    // By a group.
    world.ok("CreateGroup", object! { "GroupName" => "g" }).await;
    world.ok("AddUserToGroup", object! { "GroupName" => "g", "UserName" => "ada" }).await;
    let full = "arn:aws:iam::aws:policy/AmazonSQSFullAccess";
    world.ok("AttachGroupPolicy", object! { "GroupName" => "g", "PolicyArn" => full }).await;
    assert_eq!(world.refusal(send(&ada)).await, "");
    // A boundary without it.
    let boundary = "arn:aws:iam::aws:policy/AmazonSNSFullAccess";
    let input = object! { "UserName" => "ada", "PermissionsBoundary" => boundary };
    world.ok("PutUserPermissionsBoundary", input).await;
    assert!(
        world.refusal(send(&ada)).await.ends_with("because no permissions boundary allows the sqs:sendmessage action")
    );
    world.ok("DeleteUserPermissionsBoundary", object! { "UserName" => "ada" }).await;
    // A deny.
    let deny = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "No", "Effect": "Deny", "Action": "sqs:Send*", "Resource": "arn:aws:sqs:*:*:q"}]}"#;
    let input = object! { "UserName" => "ada", "PolicyName" => "no", "PolicyDocument" => deny };
    world.ok("PutUserPolicy", input).await;
    assert!(world.refusal(send(&ada)).await.ends_with("with an explicit deny in an identity-based policy"));
    // A new version of a policy counts at once.
    world.ok("DeleteUserPolicy", object! { "UserName" => "ada", "PolicyName" => "no" }).await;
    assert_eq!(world.refusal(send(&ada)).await, "");
    // Nobody's policies reach into another account.
    let other = QUEUE_URL.replace(ACCOUNT, OTHER);
    let there = call(&ada, Some("AKIAX"), "sqs", "SendMessage", object! { "QueueUrl" => other, "MessageBody" => "m" });
    assert!(world.refusal(there).await.contains("because no resource-based policy allows"));
}

#[tokio::test]
async fn conditions_see_the_request() {
    let world = World::new();
    let cases = [
        (r#"{"StringEquals": {"aws:username": "USER"}}"#, true),
        (r#"{"StringEquals": {"aws:RequestedRegion": "us-east-1"}}"#, true),
        (r#"{"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}"#, false),
        (r#"{"Bool": {"aws:SecureTransport": "true"}}"#, false),
        (r#"{"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}"#, true),
        (r#"{"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}"#, false),
        (r#"{"StringEquals": {"aws:PrincipalTag/team": "blue"}}"#, true),
        (r#"{"StringEquals": {"aws:PrincipalTag/team": "red"}}"#, false),
        (r#"{"StringEquals": {"aws:PrincipalAccount": "111111111111"}}"#, true),
        (r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}"#, true),
        (r#"{"StringEquals": {"aws:PrincipalType": "User"}}"#, true),
        (r#"{"StringEquals": {"aws:ResourceAccount": "111111111111"}}"#, true),
    ];
    for (index, (condition, allowed)) in cases.into_iter().enumerate() {
        let name = format!("u{index}");
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {}}}}}"#,
            condition.replace("USER", &name)
        );
        let arn = world.user_with(&name, Some(&policy)).await;
        let tags = Value::array(vec![object! { "Key" => "team", "Value" => "blue" }]);
        world.ok("TagUser", object! { "UserName" => &name, "Tags" => tags }).await;
        assert_eq!(world.refusal(send(&arn)).await.is_empty(), allowed, "{condition}");
    }
}

#[tokio::test]
async fn resources_have_their_say() {
    let policy = |principal: &str, effect: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Principal": {principal}, "Action": "sqs:SendMessage", "Resource": "{QUEUE}"}}}}"#
        )
    };
    let ada = r#"{"AWS": "arn:aws:iam::111111111111:user/ada"}"#;
    let eve = r#"{"AWS": "arn:aws:iam::222222222222:root"}"#;
    let sns = r#"{"Service": "sns.amazonaws.com"}"#;
    let cases = [
        (policy(ada, "Allow"), "arn:aws:iam::111111111111:user/ada", ""),
        (policy(ada, "Deny"), ROOT, ""),
        (policy(r#""*""#, "Deny"), ROOT, "with an explicit deny in a resource-based policy"),
        (policy(sns, "Allow"), "sns.amazonaws.com", ""),
        (policy(sns, "Allow"), "events.amazonaws.com", "because no resource-based policy allows"),
        (policy(eve, "Allow"), "arn:aws:iam::222222222222:root", ""),
        (policy(eve, "Allow"), "arn:aws:iam::222222222222:user/eve", "because no identity-based policy allows"),
        ("{".to_owned(), ROOT, "with an explicit deny in a resource-based policy"),
    ];
    for (policy, caller, expected) in cases {
        let world = World::with(&[("sqs", &policy)], AuthorizationMode::Enforced);
        world.user_with("ada", None).await;
        let said = world.refusal(send(caller)).await;
        match expected {
            "" => assert_eq!(said, "", "{policy} {caller}"),
            expected => assert!(said.contains(expected), "{policy} {caller}: {said}"),
        }
    }
}

/// The conditions are those that KMS writes for a grant with `CreateGrant`.
#[tokio::test]
async fn a_grantee_grants_no_more_than_it_has() {
    let operations = r#""ForAllValues:StringEquals": {"kms:GrantOperations": ["CreateGrant", "Decrypt"]}"#;
    let subset = format!(r#"{{{operations}, "StringEquals": {{"windlass:GrantContext:a": "1"}}}}"#);
    let exact = r#"{"ForAllValues:StringEquals": {"kms:GrantOperations": ["CreateGrant", "Decrypt"], "windlass:GrantContextExactKeys": ["a"]}, "StringEquals": {"windlass:GrantContextExact:a": "1"}}"#;
    let any = format!("{{{operations}}}");
    let none = "null";
    for (condition, asked, constraints, allowed) in [
        (&*any, "Decrypt", none, true),
        (&any, "CreateGrant", none, true),
        (&any, "Encrypt", none, false),
        (&subset, "Decrypt", none, false),
        (&subset, "Encrypt", r#"{"EncryptionContextSubset": {"a": "1"}}"#, false),
        (&subset, "Decrypt", r#"{"EncryptionContextSubset": {"a": "1", "b": "2"}}"#, true),
        (&subset, "Decrypt", r#"{"EncryptionContextSubset": {"a": "2"}}"#, false),
        (&subset, "Decrypt", r#"{"EncryptionContextEquals": {"a": "1"}}"#, true),
        (exact, "Decrypt", r#"{"EncryptionContextEquals": {"a": "1"}}"#, true),
        (exact, "Decrypt", r#"{"EncryptionContextSubset": {"a": "1"}}"#, false),
        (exact, "Decrypt", r#"{"EncryptionContextEquals": {"a": "1", "b": "2"}}"#, false),
        (exact, "Decrypt", none, false),
    ] {
        let ada = format!("arn:aws:iam::{ACCOUNT}:user/ada");
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{ada}"}}, "Action": "kms:CreateGrant", "Resource": "*", "Condition": {condition}}}}}"#
        );
        let world = World::with(&[("kms", &policy)], AuthorizationMode::Enforced);
        world.user_with("ada", None).await;
        let input = object! {
            "KeyId" => "k1",
            "GranteePrincipal" => &ada,
            "Operations" => Value::array(vec![asked.into()]),
            "Constraints" => parse(constraints).expect("constraints"),
        };
        let said = world.refusal(call(&ada, Some("AKIAX"), "kms", "CreateGrant", input)).await;
        assert_eq!(said.is_empty(), allowed, "{condition} {asked} {constraints}: {said}");
    }
}

#[tokio::test]
async fn buckets_belong_to_an_account() {
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    let shared = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "s3:*", "Resource": "*"}]}"#;
    for (operation, bucket, policy, allowed) in [
        ("GetObject", "ours", None, true),
        ("GetObject", "theirs", None, false),
        ("GetObject", "theirs", Some(shared), true),
        ("DeleteBucket", "theirs", None, false),
        // S3 says that the name is taken.
        ("CreateBucket", "theirs", None, true),
    ] {
        let policies: Vec<_> = policy.into_iter().map(|policy| ("s3", policy)).collect();
        let world = World::with(&policies, AuthorizationMode::Enforced);
        let ada = world.user_with("ada", Some(all)).await;
        for caller in [&*ada, ROOT] {
            let input = object! { "Bucket" => bucket, "Key" => "k" };
            let said = world.refusal(call(caller, Some("AKIAX"), "s3", operation, input)).await;
            assert_eq!(said.is_empty(), allowed, "{caller} {operation} {bucket}: {said}");
        }
    }
}

#[tokio::test]
async fn sources_are_condition_keys() {
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "SQS:SendMessage", "Resource": "{QUEUE}", "Condition": {{"ArnEquals": {{"aws:SourceArn": "arn:aws:sns:us-east-1:111111111111:t"}}, "StringEquals": {{"aws:SourceAccount": "111111111111"}}}}}}}}"#
    );
    let world = World::with(&[("sqs", &policy)], AuthorizationMode::Enforced);
    for (source, allowed) in [
        (Some("arn:aws:sns:us-east-1:111111111111:t"), true),
        (Some("arn:aws:sns:us-east-1:111111111111:other"), false),
        (None, false),
    ] {
        let mut call = send("sns.amazonaws.com");
        call.principal.access_key_id = None;
        call.source_arn = source.map(Text::from);
        assert_eq!(world.refusal(call).await.is_empty(), allowed, "{source:?}");
    }
}

#[tokio::test]
async fn services_act_under_roles_that_trust_them() {
    let world = World::new();
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
    let trust = TRUST_LAMBDA.replace("lambda", "states");
    let role = world.role_with("r", &trust, Some(ALLOW_SQS)).await;
    let strange = world.role_with("strange", TRUST_LAMBDA, Some(ALLOW_SQS)).await;
    let poor = world.role_with("poor", &trust, None).await;
    let by = |role: &str| {
        let mut call = send(role);
        call.principal.access_key_id = None;
        call.source_arn = Some(machine.into());
        call
    };
    assert_eq!(world.refusal(by(&role)).await, "");
    let untrusting = "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.";
    assert_eq!(world.refusal(by(&strange)).await, format!("403 AccessDenied: {untrusting}"));
    assert_eq!(
        world.refusal(by("arn:aws:iam::111111111111:role/none")).await,
        format!("403 AccessDenied: {untrusting}")
    );
    let said = world.refusal(by(&poor)).await;
    assert!(said.contains("User: arn:aws:sts::111111111111:assumed-role/poor/states is not authorized"), "{said}");
}

#[tokio::test]
async fn roles_are_passed_with_leave_and_to_whom_they_trust() {
    let world = World::new();
    let role = world.role_with("r", &TRUST_LAMBDA.replace("lambda", "states"), None).await;
    let strange = world.role_with("strange", TRUST_LAMBDA, None).await;
    let states =
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "states:*", "Resource": "*"}]}"#;
    let passing = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["states:*", "iam:PassRole"], "Resource": "*", "Condition": {"StringEqualsIfExists": {"iam:PassedToService": "states.amazonaws.com"}}}]}"#;
    let ada = world.user_with("ada", Some(states)).await;
    let bob = world.user_with("bob", Some(passing)).await;
    let create = |who: &str, role: &str| {
        let input = object! { "name" => "m", "definition" => "{}", "roleArn" => role };
        call(who, Some("AKIAX"), "states", "CreateStateMachine", input)
    };
    let said = world.refusal(create(&ada, &role)).await;
    assert!(said.contains(&format!("is not authorized to perform: iam:PassRole on resource: {role}")), "{said}");
    assert_eq!(world.refusal(create(&bob, &role)).await, "");
    assert!(world.refusal(create(&bob, &strange)).await.contains("Neither the global service principal"));
    let foreign = world.refusal(create(&bob, "arn:aws:iam::222222222222:role/r")).await;
    assert!(foreign.contains("Cross-account pass role is not allowed."), "{foreign}");
    // Root too must not give a role that cannot be used.
    assert!(world.refusal(create(ROOT, &strange)).await.contains("Neither the global service principal"));
    let input = object! { "FunctionName" => "f", "Role" => role.as_str(), "Code" => Value::empty_object() };
    let said = world.refusal(call(ROOT, Some("AKIAX"), "lambda", "CreateFunction", input)).await;
    assert_eq!(
        said,
        "400 InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda."
    );
}

#[tokio::test]
async fn sessions_have_the_role_and_its_bounds() {
    let world = World::new();
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:user/ada"}, "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": {"StringEqualsIfExists": {"sts:ExternalId": "e"}}}]}"#;
    let ada = world.user_with("ada", None).await;
    let bob = world
        .user_with(
            "bob",
            Some(
                r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}"#,
            ),
        )
        .await;
    let role = world.role_with("r", trust, Some(ALLOW_SQS)).await;
    let assume = |who: &str, more: Value| {
        let mut input = windlass_value::Object::new();
        input.insert("RoleArn", role.as_str());
        input.insert("RoleSessionName", "s");
        for (name, value) in more.as_object().expect("an object").iter() {
            input.insert(name.clone(), value);
        }
        call(who, Some("AKIAX"), "sts", "AssumeRole", input.into())
    };
    assert_eq!(
        world.refusal(assume(&bob, Value::empty_object())).await,
        format!("403 AccessDenied: User: {bob} is not authorized to perform: sts:AssumeRole on resource: {role}")
    );
    assert!(!world.refusal(assume(&ada, object! { "ExternalId" => "wrong" })).await.is_empty());
    let said = world.refusal(assume(&ada, object! { "DurationSeconds" => 7200 })).await;
    assert!(said.contains("exceeds the MaxSessionDuration set for this role"), "{said}");

    let reply = world.dispatcher.call(assume(&ada, object! { "ExternalId" => "e" })).await.expect("a session").output;
    let key = reply["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
    let session = "arn:aws:sts::111111111111:assumed-role/r/s";
    assert_eq!(reply["AssumedRoleUser"]["Arn"].as_str(), Some(session));
    let found = world.access.identities.find(&key).expect("the store").expect("the key");
    assert_eq!((&*found.arn, found.session_token.as_deref()), (session, reply["Credentials"]["SessionToken"].as_str()));
    let by_session = |key: &str| {
        let mut call = send(session);
        call.principal.access_key_id = Some(key.into());
        call
    };
    assert_eq!(world.refusal(by_session(&key)).await, "");
    // A key that is no session's cannot have the role without the session's bounds.
    assert!(world.refusal(by_session("ASIAUNKNOWN")).await.contains("does not exist any more"));

    // A session policy bounds it.
    let policy = ALLOW_SQS.replace("sqs:*", "sqs:ReceiveMessage");
    let bounded = assume(&ada, object! { "Policy" => policy });
    let bounded = world.dispatcher.call(bounded).await.expect("a session").output;
    let bounded = bounded["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
    let said = world.refusal(by_session(&bounded)).await;
    assert!(said.ends_with("because no session policy allows the sqs:sendmessage action"), "{said}");

    // Sessions are found again by another process, until they have long ended.
    let again = World::over(world.store.clone(), world.keyring.clone(), &[], AuthorizationMode::Enforced);
    assert_eq!(again.refusal(by_session(&key)).await, "");
    assert!(!again.refusal(by_session(&bounded)).await.is_empty());
    let expires = again.access.identities.find(&key).expect("the store").expect("the key").expires;
    assert_eq!(expires, Some(Timestamp(1_790_000_000_000 + 3_600_000)));
    // Chained sessions last an hour at most.
    let mut chained = assume(session, object! { "DurationSeconds" => 3601 });
    chained.principal.access_key_id = Some(key.as_str().into());
    let trust_role = trust.replace("user/ada", "role/r");
    world.ok("UpdateAssumeRolePolicy", object! { "RoleName" => "r", "PolicyDocument" => trust_role }).await;
    assert!(world.refusal(chained).await.contains("1 hour session limit"));
    // With the role goes the session.
    world.ok("DeleteRolePolicy", object! { "RoleName" => "r", "PolicyName" => "p" }).await;
    world.ok("DeleteRole", object! { "RoleName" => "r" }).await;
    assert!(world.refusal(by_session(&key)).await.contains("does not exist any more"));
}

#[tokio::test]
async fn session_tags_go_on_where_they_are_transitive() {
    let world = World::new();
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}"#;
    let sts = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}"#;
    let first = world.role_with("first", trust, Some(sts)).await;
    let tagged = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}}]}"#;
    let second = world.role_with("second", trust, Some(tagged)).await;
    let ada = world.user_with("ada", Some(sts)).await;
    let tags = Value::array(vec![object! { "Key" => "team", "Value" => "blue" }]);
    for (transitive, allowed) in [(true, true), (false, false)] {
        let keys = if transitive { vec![Value::from("team")] } else { Vec::new() };
        let input = object! {
            "RoleArn" => first.as_str(), "RoleSessionName" => "one", "Tags" => &tags, "TransitiveTagKeys" => keys,
        };
        let reply =
            world.dispatcher.call(call(&ada, Some("AKIAX"), "sts", "AssumeRole", input)).await.expect("one").output;
        let key = reply["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
        let arn = "arn:aws:sts::111111111111:assumed-role/first/one";
        let input = object! { "RoleArn" => second.as_str(), "RoleSessionName" => "two" };
        let reply = world.dispatcher.call(call(arn, Some(&key), "sts", "AssumeRole", input)).await.expect("two").output;
        let key = reply["Credentials"]["AccessKeyId"].as_str().expect("a key").to_owned();
        let mut sending = send("arn:aws:sts::111111111111:assumed-role/second/two");
        sending.principal.access_key_id = Some(key.into());
        assert_eq!(world.refusal(sending).await.is_empty(), allowed, "transitive: {transitive}");
    }
}

#[tokio::test]
async fn services_get_sessions_of_the_roles_that_trust_them() {
    let world = World::new();
    let role = world.role_with("r", TRUST_LAMBDA, None).await;
    let assume = |service: &str, role: &str| {
        let input = object! { "RoleArn" => role, "RoleSessionName" => "f", "DurationSeconds" => 43_200 };
        let mut call = call(service, None, "sts", "AssumeRole", input);
        call.source_arn = Some("arn:aws:lambda:us-east-1:111111111111:function:f".into());
        call
    };
    assert_eq!(world.refusal(assume("lambda.amazonaws.com", &role)).await, "");
    assert!(world.refusal(assume("states.amazonaws.com", &role)).await.starts_with("403 AccessDenied"));
    assert!(
        world
            .refusal(assume("lambda.amazonaws.com", "arn:aws:iam::111111111111:role/no"))
            .await
            .starts_with("403 AccessDenied")
    );
}

#[tokio::test]
async fn access_keys_are_found_with_their_secret() {
    let world = World::new();
    world.user_with("Ada", None).await;
    let created = world.ok("CreateAccessKey", object! { "UserName" => "ada" }).await;
    let key = &created["AccessKey"];
    let id = key["AccessKeyId"].as_str().expect("an id").to_owned();
    let secret = key["SecretAccessKey"].as_str().expect("a secret");
    let find = |world: &World| world.access.identities.find(&id).expect("the store");
    let found = find(&world).expect("the key");
    assert_eq!((&*found.secret_access_key, &*found.arn), (secret, "arn:aws:iam::111111111111:user/Ada"));
    // Nowhere in the store is the secret itself.
    let rows =
        world.store.scan(windlass_iam::TABLES[0], windlass_store::Scan::range(Default::default(), 100)).expect("rows");
    assert!(!rows.is_empty());
    for row in rows {
        assert!(!String::from_utf8_lossy(&row.value).contains(secret));
    }
    let again = World::over(world.store.clone(), world.keyring.clone(), &[], AuthorizationMode::Enforced);
    assert_eq!(find(&again).map(|found| found.secret_access_key.to_string()).as_deref(), Some(secret));
    let status = |status: &str| object! { "UserName" => "Ada", "AccessKeyId" => id.as_str(), "Status" => status };
    world.ok("UpdateAccessKey", status("Inactive")).await;
    assert!(find(&world).is_none());
    world.ok("UpdateAccessKey", status("Active")).await;
    assert!(find(&world).is_some());
    world.ok("DeleteAccessKey", object! { "UserName" => "Ada", "AccessKeyId" => id.as_str() }).await;
    assert!(find(&world).is_none());
    assert!(world.access.identities.find("AKIANOBODY").expect("the store").is_none());
}

#[tokio::test]
async fn a_repeated_call_is_answered_as_the_first() {
    let world = World::new();
    world.user_with("ada", None).await;
    let mut create = call(ROOT, None, "iam", "CreateAccessKey", object! { "UserName" => "ada" });
    create.idempotency_key = Some("k".into());
    let first = world.dispatcher.call(create.clone()).await.expect("a key").output;
    let second = world.dispatcher.call(create).await.expect("a key").output;
    assert_eq!(first, second);
    let keys = world.ok("ListAccessKeys", object! { "UserName" => "ada" }).await;
    assert_eq!(keys["AccessKeyMetadata"].as_array().map(|keys| keys.len()), Some(1));
}

#[tokio::test]
async fn keys_and_secrets_are_asked_for_by_any_name() {
    let key_policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "kms:*", "Resource": "*"}}"#;
    let world = World::with(&[("kms", key_policy)], AuthorizationMode::Enforced);
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "arn:aws:kms:us-east-1:111111111111:key/k1"},
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "arn:aws:secretsmanager:us-east-1:111111111111:secret:s-AbCdEf"}]}"#;
    let ada = world.user_with("ada", Some(policy)).await;
    for (key, allowed) in [("k1", true), ("alias/a", true), ("k2", false)] {
        let input = object! { "KeyId" => key, "Plaintext" => "eA==" };
        let said = world.refusal(call(&ada, Some("AKIAX"), "kms", "Encrypt", input)).await;
        assert_eq!(said.is_empty(), allowed, "{key}: {said}");
    }
    let input = object! { "SecretId" => "s" };
    assert_eq!(world.refusal(call(&ada, Some("AKIAX"), "secretsmanager", "GetSecretValue", input)).await, "");
    // A key whose policy does not let the account decide: nobody's own policies help.
    let closed = key_policy.replace("root", "user/bob");
    let world = World::with(&[("kms", &closed)], AuthorizationMode::Enforced);
    let ada = world.user_with("ada", Some(policy)).await;
    let input = object! { "KeyId" => "k1", "Plaintext" => "eA==" };
    let said = world.refusal(call(&ada, Some("AKIAX"), "kms", "Encrypt", input)).await;
    assert!(said.contains("because no resource-based policy allows the kms:Encrypt action"), "{said}");
}

#[tokio::test]
async fn each_service_refuses_in_its_own_words() {
    let world = World::new();
    let ada = world.user_with("ada", None).await;
    let cases = [
        (
            "states",
            "ListStateMachines",
            object! {},
            "400 AccessDeniedException: User: ADA is not authorized to perform: states:ListStateMachines on resource: * because no identity-based policy allows the states:ListStateMachines action",
        ),
        (
            "lambda",
            "ListFunctions",
            object! {},
            "403 AccessDeniedException: User: ADA is not authorized to perform: lambda:ListFunctions on resource: * because",
        ),
        (
            "sns",
            "Publish",
            object! { "TopicArn" => "arn:aws:sns:us-east-1:111111111111:t", "Message" => "m" },
            "403 AuthorizationError: User: ADA is not authorized to perform: SNS:Publish on resource: arn:aws:sns:us-east-1:111111111111:t because no identity-based policy allows the SNS:Publish action",
        ),
        (
            "s3",
            "GetObject",
            object! { "Bucket" => "b", "Key" => "k" },
            "403 AccessDenied: User: ADA is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" because",
        ),
        (
            "iam",
            "CreateRole",
            object! { "RoleName" => "r" },
            "403 AccessDenied: User: ADA is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::111111111111:role/r because",
        ),
        (
            "sqs",
            "NoSuchOperation",
            object! {},
            "403 AccessDenied: User: ADA is not authorized to perform: sqs:nosuchoperation on resource: * because",
        ),
    ];
    for (service, operation, input, expected) in cases {
        let said = world.refusal(call(&ada, Some("AKIAX"), service, operation, input)).await;
        assert!(said.replace(&ada, "ADA").starts_with(expected), "{said}");
    }
    // What needs no permission.
    assert_eq!(world.refusal(call(&ada, Some("AKIAX"), "sts", "GetCallerIdentity", object! {})).await, "");
}

#[tokio::test]
async fn refusals_are_remembered_for_those_who_may_know() {
    let world = World::new();
    let ada = world.user_with("ada", Some(&ALLOW_SQS.replace("sqs:*", "sqs:ReceiveMessage"))).await;
    let bob = world.user_with("bob", None).await;
    assert!(!world.refusal(send(&ada)).await.is_empty());
    let asking =
        |arn: &str| Principal { arn: arn.into(), account: ACCOUNT.into(), access_key_id: Some("AKIAX".into()) };
    let refusal = world.authorization.refusal("r-1", &asking(&ada)).expect("the store").expect("a refusal");
    let told = refusal.to_value();
    assert_eq!(told["action"].as_str(), Some("sqs:SendMessage"));
    assert_eq!(
        told["statements"].at(0).expect("a statement")["because"].as_str(),
        Some("its Action (sqs:ReceiveMessage) does not match sqs:SendMessage")
    );
    assert!(told["advice"].as_str().expect("advice").contains("Attach a policy"));
    assert!(world.authorization.refusal("r-1", &asking(ROOT)).expect("the store").is_some());
    assert!(world.authorization.refusal("r-1", &asking(&bob)).expect("the store").is_none());
    assert!(world.authorization.refusal("r-2", &asking(ROOT)).expect("the store").is_none());
    let (allowed, told) = world
        .authorization
        .what_if(&asking(ROOT), &ada, "sqs:ReceiveMessage", QUEUE, "us-east-1")
        .await
        .expect("an answer")
        .expect("a principal");
    assert!(allowed, "{}", told.message);
    let refused = world.authorization.what_if(&asking(&bob), &ada, "sqs:ReceiveMessage", QUEUE, "us-east-1").await;
    assert_eq!(refused.expect_err("bob may not ask").code, "AccessDenied");
}

#[tokio::test]
async fn logged_mode_lets_through_and_remembers() {
    let world = World::with(&[], AuthorizationMode::Logged);
    let ada = world.user_with("ada", None).await;
    assert_eq!(world.refusal(send(&ada)).await, "");
    let asking = Principal { arn: ROOT.into(), account: ACCOUNT.into(), access_key_id: Some("AKIAX".into()) };
    let refusals = world.authorization.refusals(10, &asking).expect("the store");
    assert_eq!(refusals.iter().map(|refusal| refusal.let_through).collect::<Vec<bool>>(), [true]);
}

#[tokio::test]
async fn ended_sessions_leave_the_store() {
    let world = World::new();
    let rows = |world: &World| {
        world
            .store
            .scan(windlass_iam::TABLES[1], windlass_store::Scan::range(Default::default(), 100))
            .expect("rows")
            .len()
    };
    let token = || call(ROOT, Some("AKIAX"), "sts", "GetSessionToken", object! {});
    for _ in 0..3 {
        world.dispatcher.call(token()).await.expect("a session");
    }
    assert_eq!(rows(&world), 3);
    world.clock.fetch_add(3 * 3_600_000, Ordering::Relaxed);
    world.dispatcher.call(token()).await.expect("a session");
    assert_eq!(rows(&world), 1);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_down() {
    let world = World::new();
    let ada = world.user_with("ada", Some(ALLOW_SQS)).await;
    let created = world.ok("CreateAccessKey", object! { "UserName" => "ada" }).await;
    let id = created["AccessKey"]["AccessKeyId"].as_str().expect("an id").to_owned();
    let mut sending = send(&ada);
    sending.principal.access_key_id = Some(id.as_str().into());
    assert_eq!(world.refusal(sending).await, "");
    loop {
        let used = world.ok("GetAccessKeyLastUsed", object! { "AccessKeyId" => id.as_str() }).await;
        match used["AccessKeyLastUsed"]["ServiceName"].as_str() {
            Some("sqs") => break,
            _ => tokio::task::yield_now().await,
        }
    }
}
