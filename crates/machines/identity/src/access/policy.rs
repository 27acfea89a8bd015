use windlass_value::{Text, Value, parse};

use crate::access::policy_error::PolicyError;
use crate::access::statement::Statement;

/// The version that has policy variables.
pub(crate) const VERSION_WITH_VARIABLES: &str = "2012-10-17";
/// The version meant where none is written.
const VERSION_DEFAULT: &str = "2008-10-17";

/// A policy document, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(crate) version: Option<Text>,
    pub(crate) statements: Vec<Statement>,
}

impl Policy {
    /// Reads a document of any kind. What only some kinds forbid is found by
    /// [`Policy::check`].
    ///
    /// # Errors
    /// The text is no JSON or no policy.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::read(&parse(text).map_err(|_| PolicyError::syntax())?)
    }

    /// The same for a document that was read before.
    ///
    /// # Errors
    /// It is no policy.
    pub fn read(document: &Value) -> Result<Policy, PolicyError> {
        let document = document.as_object().ok_or_else(PolicyError::syntax)?;
        if document.keys().any(|name| !["Version", "Id", "Statement"].contains(&&**name)) {
            return Err(PolicyError::syntax());
        }
        let version = match document.get("Version") {
            None => None,
            Some(Value::String(version)) if [VERSION_WITH_VARIABLES, VERSION_DEFAULT].contains(&&**version) => {
                Some(version.clone())
            }
            Some(_) => return Err(PolicyError::syntax()),
        };
        if document.get("Id").is_some_and(|id| id.as_str().is_none()) {
            return Err(PolicyError::syntax());
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return Err(PolicyError::syntax()),
        };
        let variables = version.as_deref() == Some(VERSION_WITH_VARIABLES);
        let statements = statements
            .iter()
            .map(|statement| Statement::read(statement.as_object().ok_or_else(PolicyError::syntax)?, variables))
            .collect::<Result<Vec<Statement>, PolicyError>>()?;
        Ok(Policy { version, statements })
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The condition keys that it asks for, as written.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| &statement.conditions).map(|condition| &*condition.key)
    }

    /// The principals that it names, with `NotPrincipal` left out.
    pub fn principals(&self) -> impl Iterator<Item = &crate::access::PrincipalPattern> {
        let elements = self.statements.iter().filter_map(|statement| statement.principal.as_ref());
        elements.filter(|element| !element.negated).flat_map(|element| &element.patterns)
    }
}
