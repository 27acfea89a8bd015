use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use windlass_protocol::Fault;

use crate::faults;

/// The version that code and configuration are changed in.
pub(crate) const LATEST: &str = "$LATEST";

const PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
const NAME_CHARS_MAX: usize = 64;

/// Which function a request means: account, region, name and perhaps a qualifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FunctionName {
    /// 12 digits.
    pub(crate) account: String,
    /// E.g. `us-east-1`.
    pub(crate) region: String,
    /// The bare name.
    pub(crate) name: String,
}

impl FunctionName {
    /// Reads a name, a partial ARN (`account:function:name`, `function:name`) or an
    /// ARN, each with or without a qualifier; the request's own qualifier must not differ.
    ///
    /// # Errors
    /// A text of another shape; two qualifiers that differ.
    pub(crate) fn read(
        text: &str,
        qualifier: Option<&str>,
        account: &str,
        region: &str,
    ) -> Result<(FunctionName, Option<String>), Fault> {
        static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("^(?:{PATTERN})$")).ok());
        let refused = || {
            faults::constraint(
                text,
                "functionName",
                &format!("Member must satisfy regular expression pattern: {PATTERN}"),
            )
        };
        let captures = SHAPE.as_ref().and_then(|shape| shape.captures(text)).ok_or_else(refused)?;
        let part = |index: usize| captures.get(index).map(|part| part.as_str().trim_end_matches(':'));
        let name = part(10).ok_or_else(refused)?;
        let inside = part(12);
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(faults::constraint(
                text,
                "functionName",
                &format!("Member must have length less than or equal to {NAME_CHARS_MAX}"),
            ));
        }
        let qualifier = match (inside, qualifier) {
            (Some(inside), Some(given)) if inside != given => {
                return Err(faults::invalid_parameter(format!(
                    "The derived qualifier from the function name does not match the specified qualifier. ({inside}, {given})"
                )));
            }
            (inside, given) => given.or(inside).map(str::to_owned),
        };
        let function = FunctionName {
            account: part(8).unwrap_or(account).to_owned(),
            region: part(3).unwrap_or(region).to_owned(),
            name: name.to_owned(),
        };
        if function.region != region {
            return Err(faults::not_found(format!(
                "Functions from '{}' are not reachable in this region ('{region}')",
                function.region
            )));
        }
        Ok((function, qualifier))
    }

    /// The ARN, with the qualifier if there is one.
    pub(crate) fn arn(&self, qualifier: Option<&str>) -> String {
        let partition = match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let FunctionName { account, region, name } = self;
        match qualifier {
            Some(qualifier) => format!("arn:{partition}:lambda:{region}:{account}:function:{name}:{qualifier}"),
            None => format!("arn:{partition}:lambda:{region}:{account}:function:{name}"),
        }
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn(None))
    }
}

#[cfg(test)]
mod tests {
    use super::FunctionName;

    #[test]
    fn reads_every_spelling() {
        let cases = [
            ("f", None, Some(("000000000000", "f", None))),
            ("f:1", None, Some(("000000000000", "f", Some("1")))),
            ("f:$LATEST", None, Some(("000000000000", "f", Some("$LATEST")))),
            ("f", Some("live"), Some(("000000000000", "f", Some("live")))),
            ("f:live", Some("live"), Some(("000000000000", "f", Some("live")))),
            ("f:live", Some("1"), None),
            ("function:f", None, Some(("000000000000", "f", None))),
            ("123456789012:function:f", None, Some(("123456789012", "f", None))),
            ("123456789012:function:f:live", None, Some(("123456789012", "f", Some("live")))),
            ("arn:aws:lambda:us-east-1:123456789012:function:f", None, Some(("123456789012", "f", None))),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:3", None, Some(("123456789012", "f", Some("3")))),
            ("arn:aws:lambda:eu-west-1:123456789012:function:f", None, None),
            ("arn:aws:s3:::bucket", None, None),
            ("a b", None, None),
            ("../f", None, None),
            ("", None, None),
        ];
        for (text, qualifier, expected) in cases {
            let read = FunctionName::read(text, qualifier, "000000000000", "us-east-1").ok();
            let read = read
                .as_ref()
                .map(|(function, qualifier)| (function.account.as_str(), function.name.as_str(), qualifier.as_deref()));
            assert_eq!(read, expected, "{text} {qualifier:?}");
        }
    }
}
