//! Policies: what is refused when they are written, and what they decide.

use std::sync::Arc;

use proptest::prelude::*;
use windlass_identity::{
    AccessRequest, Caller, CallerKind, Context, Decision, Denial, NamedPolicy, Policies, Policy, PolicyKind,
    PolicyType, ResourcePolicyRule, evaluate, explain,
};
use windlass_value::{Text, Value, object, parse};

const ACCOUNT: &str = "111111111111";
const OTHER: &str = "222222222222";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111111111111:q";

fn named(document: &str) -> NamedPolicy {
    NamedPolicy { name: "p".into(), policy: Arc::new(Policy::parse(document).expect(document)) }
}

fn user() -> Caller {
    Caller::read("arn:aws:iam::111111111111:user/ada").expect("a user")
}

fn context_of(keys: &Value) -> Context {
    let mut context = Context::new();
    for (key, values) in keys.as_object().expect("keys").iter() {
        let values = values.as_array().expect("values").iter();
        context.set_all(key, values.map(|value| value.as_str().expect("text").into()).collect());
    }
    context
}

fn decide(caller: &Caller, action: &str, resource: &str, context: &Context, policies: &Policies<'_>) -> Decision {
    let account = resource.split(':').nth(4).filter(|account| !account.is_empty()).unwrap_or(ACCOUNT);
    let request = AccessRequest { action, resource, resource_account: account, caller, region: "us-east-1", context };
    let decision = evaluate(&request, policies);
    // What people are told agrees with what was decided.
    let findings = explain(&request, policies);
    let denies =
        findings.iter().any(|finding| finding.mismatch.is_none() && finding.effect == windlass_identity::Effect::Deny);
    assert_eq!(denies, matches!(decision, Decision::Denied(Denial::Explicit { .. })));
    decision
}

#[test]
fn conditions() {
    let cases = parse(include_str!("access/evaluation.json")).expect("cases");
    for case in cases["conditions"].as_array().expect("cases").iter() {
        let field = |index: usize| case.at(index).expect("a field");
        let text = |index: usize| field(index).as_str().expect("text");
        let policy = object! {
            "Version" => "2012-10-17",
            "Statement" => object! {
                "Effect" => "Allow", "Action" => "*", "Resource" => "*",
                "Condition" => object! { text(0) => object! { text(1) => field(2) } },
            },
        };
        let identity = [named(&policy.to_text())];
        let policies = Policies { identity: &identity, ..Policies::default() };
        let decision = decide(&user(), "sqs:SendMessage", QUEUE, &context_of(field(3)), &policies);
        assert_eq!(decision.is_allowed(), field(4).as_bool().expect("a verdict"), "{case}");
    }
}

#[test]
fn actions_and_resources() {
    let cases = parse(include_str!("access/evaluation.json")).expect("cases");
    let mut context = Context::new();
    context.set("aws:username", "ada");
    for case in cases["actions_and_resources"].as_array().expect("cases").iter() {
        let field = |index: usize| case.at(index).expect("a field");
        let text = |index: usize| field(index).as_str().expect("text");
        let policy = object! {
            "Version" => "2012-10-17",
            "Statement" => object! { "Effect" => "Allow", text(0) => field(1), "Resource" => field(2) },
        };
        let identity = [named(&policy.to_text())];
        let policies = Policies { identity: &identity, ..Policies::default() };
        let decision = decide(&user(), text(3), text(4), &context, &policies);
        assert_eq!(decision.is_allowed(), field(5).as_bool().expect("a verdict"), "{case}");
    }
}

#[test]
fn variables_need_the_new_version() {
    let policy = |version: &str| {
        let document = format!(
            r#"{{"Version": "{version}", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${{aws:username}}"}}}}"#
        );
        [named(&document)]
    };
    let mut context = Context::new();
    context.set("aws:username", "ada");
    for (version, resource, allowed) in [
        ("2012-10-17", "arn:aws:s3:::b/ada", true),
        ("2008-10-17", "arn:aws:s3:::b/ada", false),
        ("2012-10-17", "arn:aws:s3:::b/${aws:username}", false),
    ] {
        let identity = policy(version);
        let policies = Policies { identity: &identity, ..Policies::default() };
        assert_eq!(decide(&user(), "s3:GetObject", resource, &context, &policies).is_allowed(), allowed, "{version}");
    }
}

#[test]
fn malformed_documents() {
    let cases = parse(include_str!("access/malformed.json")).expect("cases");
    for (name, kind) in
        [("identity", PolicyKind::Identity), ("trust", PolicyKind::Trust), ("resource", PolicyKind::Resource)]
    {
        for case in cases[name].as_array().expect("cases").iter() {
            let document = match case.at(0).expect("a document") {
                Value::String(text) => text.to_string(),
                document => document.to_text(),
            };
            let said = Policy::parse(&document).and_then(|policy| policy.check(kind)).err().map(|error| error.0);
            assert_eq!(said.as_deref(), case.at(1).expect("a text").as_str(), "{document}");
        }
    }
}

/// `(caller, identity, boundary, session, resource, rule, expected)`, policies as
/// `A` (allows), `D` (denies), `-` (has no statement that applies), empty (none).
#[test]
fn who_may_allow() {
    use ResourcePolicyRule::{Either, Required};
    let user = "arn:aws:iam::111111111111:user/ada";
    let stranger = "arn:aws:iam::222222222222:user/eve";
    let root = "arn:aws:iam::111111111111:root";
    let role = "arn:aws:iam::111111111111:role/r";
    let session = "arn:aws:sts::111111111111:assumed-role/r/s";
    let service = "events.amazonaws.com";
    let cases: &[(&str, &str, &str, &str, &str, ResourcePolicyRule, &str)] = &[
        (user, "", "", "", "", Either, "no identity-based policy"),
        (user, "A", "", "", "", Either, "allowed"),
        (user, "AD", "", "", "", Either, "deny in an identity-based policy"),
        (user, "A", "A", "", "", Either, "allowed"),
        (user, "A", "-", "", "", Either, "no permissions boundary"),
        (user, "A", "D", "", "", Either, "deny in a permissions boundary"),
        (user, "", "A", "", "", Either, "no identity-based policy"),
        (role, "A", "", "A", "", Either, "allowed"),
        (session, "A", "", "A", "", Either, "allowed"),
        (session, "A", "", "-", "", Either, "no session policy"),
        (session, "A", "", "D", "", Either, "deny in a session policy"),
        (session, "-", "", "A", "", Either, "no identity-based policy"),
        (root, "", "", "", "", Either, "allowed"),
        (root, "", "", "", "*D", Either, "deny in a resource-based policy"),
        // The resource's policy within the account.
        (user, "", "", "", "*A", Either, "allowed"),
        (user, "A", "", "", "*D", Either, "deny in a resource-based policy"),
        (user, "D", "", "", "*A", Either, "deny in an identity-based policy"),
        (user, "", "-", "", "uA", Either, "allowed"),
        (user, "", "-", "", "*A", Either, "no permissions boundary"),
        (user, "", "", "", "aA", Either, "no identity-based policy"),
        (user, "A", "", "", "aA", Either, "allowed"),
        (session, "", "", "-", "rA", Either, "no session policy"),
        (session, "", "-", "", "rA", Either, "no permissions boundary"),
        (session, "", "", "", "rA", Either, "allowed"),
        (session, "", "-", "-", "sA", Either, "allowed"),
        (role, "", "", "", "rA", Either, "allowed"),
        (user, "", "", "", "eA", Either, "no identity-based policy"),
        // Between accounts both must.
        (stranger, "A", "", "", "", Either, "no resource-based policy"),
        (stranger, "A", "", "", "oA", Either, "allowed"),
        (stranger, "A", "", "", "eA", Either, "allowed"),
        (stranger, "A", "", "", "*A", Either, "allowed"),
        (stranger, "A", "", "", "aA", Either, "no resource-based policy"),
        (stranger, "", "", "", "eA", Either, "no identity-based policy"),
        (stranger, "A", "-", "", "eA", Either, "no permissions boundary"),
        (stranger, "A", "", "", "eD", Either, "deny in a resource-based policy"),
        ("arn:aws:iam::222222222222:root", "", "", "", "", Either, "no resource-based policy"),
        ("arn:aws:iam::222222222222:root", "", "", "", "oA", Either, "allowed"),
        // Services have no policies of their own.
        (service, "", "", "", "", Either, "no resource-based policy"),
        (service, "A", "", "", "", Either, "no resource-based policy"),
        (service, "", "", "", "vA", Either, "allowed"),
        (service, "", "", "", "VA", Either, "allowed"),
        (service, "", "", "", "wA", Either, "no resource-based policy"),
        (service, "", "", "", "*A", Either, "allowed"),
        (service, "", "", "", "aA", Either, "no resource-based policy"),
        ("", "", "", "", "*A", Either, "allowed"),
        ("", "", "", "", "vA", Either, "no resource-based policy"),
        // Keys and trust: the resource's policy must have its say.
        (user, "A", "", "", "", Required, "no resource-based policy"),
        (user, "A", "", "", "aA", Required, "allowed"),
        (user, "", "", "", "aA", Required, "no identity-based policy"),
        (user, "", "", "", "uA", Required, "allowed"),
        (root, "", "", "", "", Required, "no resource-based policy"),
        (root, "", "", "", "aA", Required, "allowed"),
        (root, "", "", "", "uA", Required, "no resource-based policy"),
    ];
    let statement = |effect: char, principal: &str| {
        let effect = if effect == 'A' { "Allow" } else { "Deny" };
        format!(r#"{{"Effect": "{effect}", {principal} "Action": "sqs:SendMessage", "Resource": "{QUEUE}"}}"#)
    };
    let document = |statements: Vec<String>| {
        named(&format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(",")))
    };
    let own = |effects: &str| match effects {
        "" => None,
        effects => Some(document(effects.chars().filter(|c| *c != '-').map(|c| statement(c, "")).collect())),
    };
    let of_resource = |effects: &str| {
        let mut letters = effects.chars();
        let principal = match letters.next()? {
            '*' => r#""Principal": "*","#.to_owned(),
            'a' => format!(r#""Principal": {{"AWS": "{ACCOUNT}"}},"#),
            'o' => format!(r#""Principal": {{"AWS": "arn:aws:iam::{OTHER}:root"}},"#),
            'u' => format!(r#""Principal": {{"AWS": ["x", "{user}"]}},"#),
            'e' => format!(r#""Principal": {{"AWS": "{stranger}"}},"#),
            'r' => format!(r#""Principal": {{"AWS": "{role}"}},"#),
            's' => format!(r#""Principal": {{"AWS": "{session}"}},"#),
            'v' => format!(r#""Principal": {{"Service": "{service}"}},"#),
            'V' => r#""Principal": {"Service": "events.us-east-1.amazonaws.com"},"#.to_owned(),
            _ => r#""Principal": {"Service": ["sns.amazonaws.com", "events.us-west-2.amazonaws.com"]},"#.to_owned(),
        };
        Some(document(letters.map(|effect| statement(effect, &principal)).collect()))
    };
    for case in cases {
        let (caller, identity, boundary, session, resource, rule, expected) = *case;
        let identity: Vec<NamedPolicy> = own(identity).into_iter().collect();
        let (boundary, session, resource) = (own(boundary), own(session), of_resource(resource));
        let policies = Policies {
            identity: &identity,
            boundary: boundary.as_ref(),
            session: session.as_ref().map(std::slice::from_ref),
            resource: resource.as_ref(),
            resource_rule: rule,
        };
        let caller = Caller::read(caller).expect("a caller");
        let decision = decide(&caller, "sqs:SendMessage", QUEUE, &Context::new(), &policies);
        let said = match &decision {
            Decision::Allowed => "allowed".to_owned(),
            Decision::Denied(denial) => denial.reason("sqs:SendMessage"),
        };
        assert!(said.contains(expected), "{case:?}: {said}");
    }
}

#[test]
fn not_principal_spares_whom_it_names() {
    let policy = |effect: &str, principal: &str| {
        named(&format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "NotPrincipal": {principal}, "Action": "*", "Resource": "*"}}}}"#
        ))
    };
    let allow =
        [named(r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#)];
    for (principal, allowed) in [
        (r#"{"AWS": "arn:aws:iam::111111111111:user/ada"}"#, true),
        (r#"{"AWS": "arn:aws:iam::111111111111:user/bob"}"#, false),
        (r#"{"AWS": "111111111111"}"#, true),
        (r#"{"Service": "events.amazonaws.com"}"#, false),
    ] {
        let resource = policy("Deny", principal);
        let policies = Policies { identity: &allow, resource: Some(&resource), ..Policies::default() };
        assert_eq!(
            decide(&user(), "sqs:SendMessage", QUEUE, &Context::new(), &policies).is_allowed(),
            allowed,
            "{principal}"
        );
    }
}

#[test]
fn callers() {
    let cases = [
        ("arn:aws:iam::111111111111:root", Some((CallerKind::Root, ACCOUNT, None))),
        ("arn:aws:iam::111111111111:user/a/b", Some((CallerKind::User, ACCOUNT, None))),
        (
            "arn:aws:iam::111111111111:role/p/r",
            Some((CallerKind::Role, ACCOUNT, Some("arn:aws:iam::111111111111:role/p/r"))),
        ),
        (
            "arn:aws:sts::111111111111:assumed-role/r/s",
            Some((CallerKind::Role, ACCOUNT, Some("arn:aws:iam::111111111111:role/r"))),
        ),
        ("events.amazonaws.com", Some((CallerKind::Service, "", None))),
        ("", Some((CallerKind::Anonymous, "", None))),
        ("arn:aws:iam::111111111111:group/g", None),
        ("arn:aws:sts::111111111111:assumed-role/r", None),
        ("arn:aws:iam", None),
    ];
    for (arn, expected) in cases {
        let caller = Caller::read(arn);
        let found = caller.as_ref().map(|caller| (caller.kind, &*caller.account, caller.role_arn.as_deref()));
        assert_eq!(found, expected, "{arn}");
    }
}

#[test]
fn explanations_name_what_is_missing() {
    let identity = [named(
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": "sqs:Receive*", "Resource": "*"},
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:other"},
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}"#,
    )];
    let mut context = Context::new();
    context.set("aws:SecureTransport", "false");
    let caller = user();
    let request = AccessRequest {
        action: "sqs:SendMessage",
        resource: QUEUE,
        resource_account: ACCOUNT,
        caller: &caller,
        region: "us-east-1",
        context: &context,
    };
    let policies = Policies { identity: &identity, ..Policies::default() };
    let said: Vec<String> = explain(&request, &policies).into_iter().filter_map(|finding| finding.mismatch).collect();
    assert_eq!(
        said,
        [
            "its Action (sqs:Receive*) does not match sqs:SendMessage",
            "its Resource (arn:aws:sqs:*:*:other) does not match arn:aws:sqs:us-east-1:111111111111:q",
            "its condition Bool aws:SecureTransport (true) does not hold: the request has false",
        ]
    );
}

/// A statement that may or may not apply to the one request of the properties.
fn any_statement() -> impl Strategy<Value = String> {
    let action = prop_oneof![Just("*"), Just("sqs:*"), Just("sqs:SendMessage"), Just("sns:*")];
    let resource = prop_oneof![Just("*"), Just(QUEUE), Just("arn:aws:sqs:*:*:other")];
    let condition = prop_oneof![Just("true"), Just("false")];
    (prop::bool::weighted(0.8), action, resource, condition).prop_map(|(allow, action, resource, secure)| {
        let effect = if allow { "Allow" } else { "Deny" };
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": "{action}", "Resource": "{resource}", "Condition": {{"Bool": {{"aws:SecureTransport": "{secure}"}}}}}}"#
        )
    })
}

fn any_policy() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any_statement(), 1..4)
}

fn policy_of(statements: &[String]) -> NamedPolicy {
    named(&format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(",")))
}

fn secure() -> Context {
    let mut context = Context::new();
    context.set("aws:SecureTransport", "true");
    context
}

proptest! {
    #[test]
    fn a_deny_always_wins(
        identity in any_policy(),
        boundary in prop::option::of(any_policy()),
        resource in prop::option::of(any_policy()),
        place in 0_usize..3,
    ) {
        let deny = r#"{"Effect": "Deny", "Principal": "*", "Action": "sqs:Send*", "Resource": "*"}"#.to_owned();
        let (mut identity, mut boundary, mut resource) = (identity, boundary, resource);
        match place {
            0 => identity.push(deny),
            1 => boundary.get_or_insert_default().push(deny),
            _ => resource.get_or_insert_default().push(deny),
        }
        let identity = [policy_of(&identity)];
        let (boundary, resource) = (boundary.map(|b| policy_of(&b)), resource.map(|r| policy_of(&r)));
        let policies = Policies {
            identity: &identity,
            boundary: boundary.as_ref(),
            resource: resource.as_ref(),
            ..Policies::default()
        };
        let explicit = matches!(
            decide(&user(), "sqs:SendMessage", QUEUE, &secure(), &policies),
            Decision::Denied(Denial::Explicit { .. })
        );
        prop_assert!(explicit);
    }

    #[test]
    fn one_more_allow_takes_nothing_away(
        identity in any_policy(),
        boundary in prop::option::of(any_policy()),
        resource in prop::option::of(any_policy()),
        place in 0_usize..3,
    ) {
        let allow = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#.to_owned();
        let judge = |identity: &[String], boundary: Option<&Vec<String>>, resource: Option<&Vec<String>>| {
            let identity = [policy_of(identity)];
            let (boundary, resource) = (boundary.map(|b| policy_of(b)), resource.map(|r| policy_of(r)));
            let policies = Policies {
                identity: &identity,
                boundary: boundary.as_ref(),
                resource: resource.as_ref(),
                ..Policies::default()
            };
            decide(&user(), "sqs:SendMessage", QUEUE, &secure(), &policies)
        };
        let before = judge(&identity, boundary.as_ref(), resource.as_ref());
        let (mut identity, mut boundary, mut resource) = (identity, boundary, resource);
        match (place, &mut boundary, &mut resource) {
            (0, Some(boundary), _) => boundary.push(allow),
            (1, _, resource) => resource.get_or_insert_default().push(allow),
            _ => identity.push(allow),
        }
        let after = judge(&identity, boundary.as_ref(), resource.as_ref());
        prop_assert!(!before.is_allowed() || after.is_allowed());
    }

    #[test]
    fn without_an_allow_nothing_is_allowed(identity in any_policy()) {
        let denies: Vec<String> = identity.into_iter().filter(|statement| statement.contains("Deny")).collect();
        let identity = [policy_of(&denies)];
        let policies = Policies { identity: &identity, ..Policies::default() };
        let decision = decide(&user(), "sqs:SendMessage", QUEUE, &secure(), &policies);
        prop_assert!(!decision.is_allowed());
        if denies.is_empty() {
            prop_assert_eq!(decision, Decision::Denied(Denial::Implicit { policy_type: PolicyType::Identity }));
        }
    }

    /// Against the plainest reading of wildcards there is.
    #[test]
    fn wildcards(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        fn plain(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern, text) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => {
                    plain(rest, text) || text.split_first().is_some_and(|(_, text)| plain(pattern, text))
                }
                ([b'?', rest @ ..], [_, text @ ..]) => plain(rest, text),
                ([first, rest @ ..], [letter, text @ ..]) => first == letter && plain(rest, text),
                _ => false,
            }
        }
        let document = object! {
            "Version" => "2012-10-17",
            "Statement" => object! {
                "Effect" => "Allow", "Action" => "*", "Resource" => "*",
                "Condition" => object! { "StringLike" => object! { "key" => pattern.as_str() } },
            },
        };
        let identity = [named(&document.to_text())];
        let policies = Policies { identity: &identity, ..Policies::default() };
        let mut context = Context::new();
        context.set("key", Text::from(text.as_str()));
        let decision = decide(&user(), "sqs:SendMessage", QUEUE, &context, &policies);
        prop_assert_eq!(decision.is_allowed(), plain(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn any_document_is_read_or_refused(text in ".{0,64}", value in "[\\{\\}\\[\\]\":,a-zA-Z*$]{0,64}") {
        let _read_or_refused = (Policy::parse(&text), Policy::parse(&value));
        let document = object! {
            "Version" => "2012-10-17",
            "Statement" => object! { "Effect" => "Allow", "Action" => value.as_str(), "Resource" => text.as_str() },
        };
        let policy = Policy::parse(&document.to_text()).expect("a policy");
        let _checked = policy.check(PolicyKind::Identity);
        let identity = [NamedPolicy { name: "p".into(), policy: Arc::new(policy) }];
        let policies = Policies { identity: &identity, ..Policies::default() };
        decide(&user(), "sqs:SendMessage", QUEUE, &Context::new(), &policies);
    }
}
