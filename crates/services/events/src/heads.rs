use windlass_value::{Text, Value, parse};

/// Which sources and detail types a pattern names, so that events nobody takes
/// need not be made. What names them by more than plain strings may take any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    /// `None`: any.
    sources: Option<Vec<Text>>,
    /// `None`: any.
    detail_types: Option<Vec<Text>>,
}

impl Heads {
    /// Of a pattern's text; without a pattern, of everything.
    pub(crate) fn of(pattern: Option<&str>) -> Heads {
        let pattern = pattern.and_then(|text| parse(text).ok()).unwrap_or_default();
        Heads { sources: strings(&pattern["source"]), detail_types: strings(&pattern["detail-type"]) }
    }

    /// Whether the pattern may take such an event.
    pub(crate) fn may_take(&self, source: &str, detail_type: &str) -> bool {
        let names = |named: &Option<Vec<Text>>, one: &str| {
            named.as_ref().is_none_or(|named| named.iter().any(|named| **named == *one))
        };
        names(&self.sources, source) && names(&self.detail_types, detail_type)
    }
}

/// The strings of an array that holds nothing else.
fn strings(value: &Value) -> Option<Vec<Text>> {
    value.as_array()?.iter().map(|item| item.as_str().map(Text::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_strings_rule_an_event_out() {
        let cases = [
            (None, true),
            (Some("{}"), true),
            (Some(r#"{"source":["aws.states"]}"#), true),
            (Some(r#"{"source":["aws.s3","aws.states"]}"#), true),
            (Some(r#"{"source":["aws.s3"]}"#), false),
            (Some(r#"{"source":[{"prefix":"aws."}]}"#), true),
            (Some(r#"{"source":["x",{"anything-but":"y"}]}"#), true),
            (Some(r#"{"detail-type":["Object Created"]}"#), false),
            (Some(r#"{"source":["aws.states"],"detail-type":["Other"]}"#), false),
            (Some(r#"{"source":["aws.states"],"detail-type":["Changed"]}"#), true),
            (Some(r#"{"$or":[{"source":["x"]},{"source":["y"]}]}"#), true),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Heads::of(pattern).may_take("aws.states", "Changed"), expected, "{pattern:?}");
        }
    }
}
