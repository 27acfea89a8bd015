//! `${function:NAME}` and `${machine:NAME}`: ARNs that are known once it is
//! known where things are deployed.

use std::collections::BTreeSet;

use windlass_asl::{Diagnostic, Severity};
use windlass_value::LineIndex;

use windlass_value::Span;

/// The names that a definition may use, and where they are deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) functions: BTreeSet<String>,
    pub(super) machines: BTreeSet<String>,
}

impl Names {
    pub(super) fn function_arn(&self, name: &str) -> String {
        format!("arn:{}:lambda:{}:{}:function:{name}", self.partition, self.region, self.account)
    }

    pub(super) fn machine_arn(&self, name: &str) -> String {
        format!("arn:{}:states:{}:{}:stateMachine:{name}", self.partition, self.region, self.account)
    }

    /// The text with ARNs in it. Lines stay where they are.
    ///
    /// # Errors
    /// Names that are not there, with their places.
    pub(super) fn substitute(&self, text: &str) -> Result<String, Vec<Diagnostic>> {
        let (mut out, mut unknown) = (String::with_capacity(text.len()), Vec::new());
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let start = at + found;
            out.push_str(&text[at..start]);
            let reference = text[start + 2..].split_once('}').and_then(|(inside, _)| {
                let (kind, name) = inside.split_once(':')?;
                matches!(kind, "function" | "machine").then_some((kind, name, inside.len() + 3))
            });
            // Anything else in such braces is the definition's own.
            let Some((kind, name, length)) = reference else {
                out.push_str("${");
                at = start + 2;
                continue;
            };
            let (known, arn) = match kind {
                "function" => (&self.functions, self.function_arn(name)),
                _ => (&self.machines, self.machine_arn(name)),
            };
            if known.contains(name) {
                out.push_str(&arn);
            } else {
                unknown.push(finding(text, start, start + length, kind, name, known));
            }
            at = start + length;
        }
        out.push_str(&text[at..]);
        if unknown.is_empty() { Ok(out) } else { Err(unknown) }
    }
}

fn finding(text: &str, start: usize, end: usize, kind: &str, name: &str, known: &BTreeSet<String>) -> Diagnostic {
    let index = LineIndex::new(text);
    let there = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let help = match (kind, there.is_empty()) {
        ("function", true) => "Functions are folders: functions/NAME".to_owned(),
        (_, true) => "State machines are files: NAME.asl.json".to_owned(),
        _ => format!("There are: {there}"),
    };
    Diagnostic {
        severity: Severity::Error,
        code: "UNKNOWN_NAME",
        message: format!("There is no {kind} {name} in this folder"),
        location: None,
        pointer: String::new(),
        span: Span { start, end },
        start: index.position(text, start),
        end: index.position(text, end),
        help: Some(help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_arns_and_all_else_stays() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let names = Names {
            partition: "aws".to_owned(),
            region: "r".to_owned(),
            account: "1".to_owned(),
            functions: set(&["f", "g-1"]),
            machines: set(&["m"]),
        };
        let cases = [
            ("", Ok("")),
            ("a ${function:f} b", Ok("a arn:aws:lambda:r:1:function:f b")),
            (
                "${function:g-1}:live ${machine:m}",
                Ok("arn:aws:lambda:r:1:function:g-1:live arn:aws:states:r:1:stateMachine:m"),
            ),
            ("${other:f} ${f} ${ ${function:f}", Ok("${other:f} ${f} ${ arn:aws:lambda:r:1:function:f")),
            ("$${machine:m}$", Ok("$arn:aws:states:r:1:stateMachine:m$")),
            ("${function:", Ok("${function:")),
            ("ü\n ${function:no} ${machine:f}", Err(vec![(2, 2), (2, 17)])),
        ];
        for (text, expected) in cases {
            let got = names.substitute(text);
            let got = got.map_err(|found| found.iter().map(|one| (one.start.line, one.start.column)).collect());
            assert_eq!(got, expected.map(str::to_owned), "{text}");
        }
    }
}
