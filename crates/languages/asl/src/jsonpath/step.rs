use windlass_value::Text;

use super::filter::Filter;
use super::function::Call;

/// One step of a path.
#[derive(Debug)]
pub(super) enum Step {
    /// `.name`, `['name']`
    Name(Text),
    /// `['a','b']`
    Names(Vec<Text>),
    /// `[n]`, `[-n]`
    Index(i64),
    /// `[a,b]`
    Indexes(Vec<i64>),
    /// `[a:b]`
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`
    Wildcard,
    /// `..`, always followed by another step.
    Scan,
    /// `[?(…)]`
    Filter(Box<Filter>),
    /// `.length()`
    Call(Call),
}

impl Step {
    pub(super) fn is_reference(&self) -> bool {
        matches!(self, Step::Name(_) | Step::Index(_))
    }

    /// Whether the step selects at most one value.
    pub(super) fn is_definite(&self, last: bool) -> bool {
        match self {
            Step::Name(_) | Step::Index(_) | Step::Call(_) => true,
            // Several names merge into one object at the end, else they fan out.
            Step::Names(_) => last,
            _ => false,
        }
    }

    /// The step in Jayway's spelling.
    pub(super) fn fragment(&self) -> String {
        let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
        match self {
            Step::Name(name) => format!("['{name}']"),
            Step::Names(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                format!("[{}]", names.join(","))
            }
            Step::Index(index) => format!("[{index}]"),
            Step::Indexes(indexes) => {
                let indexes: Vec<String> = indexes.iter().map(i64::to_string).collect();
                format!("[{}]", indexes.join(","))
            }
            Step::Slice(from, to) => format!("[{}:{}]", bound(from), bound(to)),
            Step::Wildcard => "[*]".to_owned(),
            Step::Scan => "..".to_owned(),
            Step::Filter(_) => "[?]".to_owned(),
            Step::Call(call) => format!(".{}()", call.function.name()),
        }
    }
}

pub(super) fn definite(steps: &[Step]) -> bool {
    steps.iter().enumerate().all(|(at, step)| step.is_definite(at + 1 == steps.len()))
}

/// `$['a'][0]`
pub(super) fn fragments(steps: &[Step]) -> String {
    let mut text = "$".to_owned();
    steps.iter().for_each(|step| text.push_str(&step.fragment()));
    text
}
