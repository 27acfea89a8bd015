use windlass_value::{Object, Text, Value};

use crate::access::access_request::AccessRequest;
use crate::access::condition::Condition;
use crate::access::pattern::{Pattern, Syntax};
use crate::access::policy_error::PolicyError;
use crate::access::principal_element::{Naming, PrincipalElement};
use crate::access::resource_pattern::ResourcePattern;

/// What a statement does to the requests it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets them through, unless another one denies.
    Allow,
    /// Refuses them, whatever others say.
    Deny,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Text>,
    pub(crate) effect: Effect,
    pub(crate) principal: Option<PrincipalElement>,
    pub(crate) actions: Option<Actions>,
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Vec<Condition>,
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Actions {
    pub(crate) negated: bool,
    /// As written.
    pub(crate) texts: Vec<Text>,
    patterns: Vec<Pattern>,
}

/// `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resources {
    pub(crate) negated: bool,
    /// As written.
    pub(crate) texts: Vec<Text>,
    patterns: Vec<ResourcePattern>,
}

/// Why a statement says nothing about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    Principal,
    Action,
    Resource,
    /// The first condition that does not hold.
    Condition(usize),
}

/// What a statement without `Principal` is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attached {
    /// To the caller: it needs no principal.
    ToIdentity,
    /// To the resource: it must name the caller.
    ToResource,
}

impl Statement {
    pub(crate) fn read(statement: &Object, variables: bool) -> Result<Statement, PolicyError> {
        const ELEMENTS: [&str; 10] = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            // Kept by SQS and SNS in policies of 2008.
            "Id",
        ];
        if statement.keys().any(|name| !ELEMENTS.contains(&&**name)) {
            return Err(PolicyError::syntax());
        }
        let sid = match statement.get("Sid") {
            None => None,
            Some(Value::String(sid)) => Some(sid.clone()),
            Some(_) => return Err(PolicyError::syntax()),
        };
        let effect = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            Some(other) if other.eq_ignore_ascii_case("allow") || other.eq_ignore_ascii_case("deny") => {
                return Err(PolicyError::legacy());
            }
            _ => return Err(PolicyError::syntax()),
        };
        let principal = match either(statement, "Principal", "NotPrincipal")? {
            Some((element, negated)) => Some(PrincipalElement::read(element, negated)?),
            None => None,
        };
        let actions = match either(statement, "Action", "NotAction")? {
            Some((element, negated)) => Some(Actions::read(element, negated)?),
            None => None,
        };
        let resources = match either(statement, "Resource", "NotResource")? {
            Some((element, negated)) => Some(Resources::read(element, negated, variables)?),
            None => None,
        };
        let conditions = match statement.get("Condition") {
            Some(element) => Condition::read_all(element, variables)?,
            None => Vec::new(),
        };
        Ok(Statement { sid, effect, principal, actions, resources, conditions })
    }

    /// How the statement names the caller, where it applies at all.
    pub(crate) fn applies(&self, request: &AccessRequest<'_>, attached: Attached) -> Result<Naming, Mismatch> {
        let naming = match (&self.principal, attached) {
            (Some(principal), _) => principal.names(request.caller, request.region).ok_or(Mismatch::Principal)?,
            (None, Attached::ToIdentity) => Naming::Exact,
            (None, Attached::ToResource) => return Err(Mismatch::Principal),
        };
        let context = request.context;
        if let Some(actions) = &self.actions {
            let named = actions.patterns.iter().any(|pattern| pattern.matches_any_case(request.action, context));
            if named == actions.negated {
                return Err(Mismatch::Action);
            }
        } else {
            return Err(Mismatch::Action);
        }
        // Policies of resources and of trust may leave the resource out: it is the one they are attached to.
        match &self.resources {
            Some(resources) => {
                let named = resources.patterns.iter().any(|pattern| pattern.matches(request.resource, context));
                if named == resources.negated {
                    return Err(Mismatch::Resource);
                }
            }
            None if attached == Attached::ToIdentity => return Err(Mismatch::Resource),
            None => {}
        }
        match self.conditions.iter().position(|condition| !condition.holds(context)) {
            Some(index) => Err(Mismatch::Condition(index)),
            None => Ok(naming),
        }
    }
}

impl Actions {
    fn read(element: &Value, negated: bool) -> Result<Actions, PolicyError> {
        let texts = texts(element)?;
        let syntax = Syntax { wildcards: true, variables: false };
        let patterns = texts.iter().map(|text| Pattern::compile(text, syntax)).collect();
        Ok(Actions { negated, texts, patterns })
    }
}

impl Resources {
    fn read(element: &Value, negated: bool, variables: bool) -> Result<Resources, PolicyError> {
        let texts = texts(element)?;
        let patterns = texts.iter().map(|text| ResourcePattern::compile(text, variables)).collect();
        Ok(Resources { negated, texts, patterns })
    }
}

/// The element under one of two names that exclude each other.
fn either<'a>(statement: &'a Object, plain: &str, negated: &str) -> Result<Option<(&'a Value, bool)>, PolicyError> {
    match (statement.get(plain), statement.get(negated)) {
        (Some(_), Some(_)) => Err(PolicyError::syntax()),
        (Some(element), None) => Ok(Some((element, false))),
        (None, Some(element)) => Ok(Some((element, true))),
        (None, None) => Ok(None),
    }
}

fn texts(element: &Value) -> Result<Vec<Text>, PolicyError> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    match element {
        Value::Array(items) => items.iter().map(text).collect::<Option<Vec<Text>>>(),
        value => text(value).map(|text| vec![text]),
    }
    .ok_or_else(PolicyError::syntax)
}
