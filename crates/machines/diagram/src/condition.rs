//! A Choice rule as people would say it.

use windlass_value::Value;

use crate::caption::{expression, plain};

/// Rules nested deeper than this are cut.
const DEPTH_MAX: usize = 8;

/// The text of a rule: `$.total > 100 and not $.vip = true`.
pub(crate) fn text(rule: &Value) -> String {
    written(rule, 0)
}

fn written(rule: &Value, depth: usize) -> String {
    if depth >= DEPTH_MAX {
        return "…".to_owned();
    }
    if let Some(condition) = rule.get("Condition") {
        return plain(condition);
    }
    for (name, word) in [("And", " and "), ("Or", " or ")] {
        if let Some(parts) = rule.get(name).and_then(Value::as_array) {
            let parts: Vec<String> = parts.iter().map(|part| written(part, depth + 1)).collect();
            let joined = parts.join(word);
            return if depth > 0 && parts.len() > 1 { format!("({joined})") } else { joined };
        }
    }
    if let Some(inner) = rule.get("Not") {
        return format!("not {}", written(inner, depth + 1));
    }
    let variable = rule.get("Variable").and_then(Value::as_str).map(expression).unwrap_or_default();
    let Some(rule) = rule.as_object() else { return String::new() };
    let comparison = rule.iter().find(|(name, _)| is_operator(name));
    let Some((name, operand)) = comparison else { return variable.to_owned() };
    let operator = name.strip_suffix("Path").unwrap_or(name);
    if let Some(kind) = operator.strip_prefix("Is") {
        let not = if operand.as_bool() == Some(false) { "not " } else { "" };
        return match kind {
            "Present" => format!("{variable} is {not}there"),
            kind => format!("{variable} is {not}{}", kind.to_lowercase()),
        };
    }
    let sign = if operator.ends_with("GreaterThanEquals") {
        "≥"
    } else if operator.ends_with("LessThanEquals") {
        "≤"
    } else if operator.ends_with("GreaterThan") {
        ">"
    } else if operator.ends_with("LessThan") {
        "<"
    } else if operator.ends_with("Matches") {
        "matches"
    } else {
        "="
    };
    format!("{variable} {sign} {}", operand.to_text())
}

fn is_operator(name: &str) -> bool {
    ["String", "Numeric", "Timestamp", "Boolean", "Is"].iter().any(|prefix| name.starts_with(prefix))
}
