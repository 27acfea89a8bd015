//! Names of state machines, executions and activities.

use windlass_protocol::Fault;

use crate::fault::invalid_name;

const NAME_CHARS_MAX: usize = 80;

/// Checks a name.
///
/// # Errors
/// `InvalidName`, with the name as it was given.
pub(crate) fn check(name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(is_forbidden) {
        return Err(invalid_name(name));
    }
    Ok(())
}

fn is_forbidden(c: char) -> bool {
    c.is_whitespace()
        || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
        || matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}'..='\u{ffff}' | '\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let long = "a".repeat(80);
        for good in ["a", "a.b", "a-b_c", "Ärger", "a(b)", "a'b", "a@b", "a+b=c!", &long] {
            assert!(check(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(81);
        let bad = [
            "",
            " ",
            "a b",
            "a\tb",
            "a<",
            "a>",
            "{a",
            "a}",
            "a[",
            "a]",
            "a?",
            "a*",
            "a\"",
            "a#",
            "a%",
            "a\\",
            "a^",
            "a|",
            "a~",
            "a`",
            "a$",
            "a&",
            "a,",
            "a;",
            "a:",
            "a/",
            "\0a",
            "a\u{1f}",
            "a\u{7f}",
            "a\u{9f}",
            "a\u{fffe}",
            "a\u{10ffff}",
            "a\u{2003}b",
            &too_long,
        ];
        for name in bad {
            let fault = check(name).expect_err(name);
            assert_eq!((fault.code.as_str(), fault.message), ("InvalidName", format!("Invalid Name: '{name}'")));
        }
    }
}
