use std::ops::RangeInclusive;

use windlass_value::{Object, Value};

use crate::answer::{Call, Given, Refusal};
use crate::entry::{Entry, Validation, patterns};
use crate::error::MockError;
use crate::pattern::Pattern;

/// The answers to the calls of one state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Asked first, in this order: entries for what is sent.
    by_input: Vec<(Pattern, Entry)>,
    /// Consecutive from 0.
    by_number: Vec<(RangeInclusive<u32>, Entry)>,
    /// Of Map iterations, which count their calls on their own.
    by_iteration: Vec<(Iterations, Answers)>,
    expected: Vec<Pattern>,
    validation: Option<Validation>,
}

/// Iterations that a key of `Iterations` names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Iterations {
    /// `*`
    Any,
    /// `3`, `0-9`, `4-`, in nested Maps `1.0-2`: indexes from the outside in; the last
    /// are those of the innermost Maps.
    At(Vec<RangeInclusive<u32>>),
}

impl Iterations {
    fn read(key: &str) -> Result<Iterations, MockError> {
        if key == "*" {
            return Ok(Iterations::Any);
        }
        let ranges: Option<Vec<_>> = key.split('.').map(range).collect();
        ranges.map(Iterations::At).ok_or_else(|| {
            MockError::new(format!("'{key}' names no iterations; write an index (\"3\"), a range (\"0-9\") or \"*\""))
        })
    }

    fn fit(&self, indexes: &[u32]) -> bool {
        match self {
            Iterations::Any => true,
            Iterations::At(ranges) => {
                let innermost = indexes.len().checked_sub(ranges.len()).map(|skipped| &indexes[skipped..]);
                innermost.is_some_and(|indexes| ranges.iter().zip(indexes).all(|(range, index)| range.contains(index)))
            }
        }
    }
}

/// `3`, `1-2`, `4-`; no signs and no leading zeros.
fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let number = |text: &str| {
        let plain = text == "0" || !text.starts_with('0');
        (plain && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let range = match text.split_once('-') {
        None => number(text).map(|only: u32| only..=only)?,
        Some((first, "")) => number(first)?..=u32::MAX,
        Some((first, last)) => number(first)?..=number(last)?,
    };
    (!range.is_empty()).then_some(range)
}

impl Answers {
    /// Reads a response: `{"0": {…}, "1-2": {…}}` with our own keys.
    ///
    /// # Errors
    /// What is wrong, and under which key.
    pub fn read(value: &Value) -> Result<Answers, MockError> {
        let object: &Object = value
            .as_object()
            .ok_or_else(|| MockError::new("it must be an object with the invocations' numbers as keys"))?;
        let mut answers = Answers::default();
        for (key, value) in object.iter() {
            let within = |error: MockError| error.within(key);
            match &**key {
                "Match" => {
                    let list =
                        value.as_array().ok_or_else(|| within(MockError::new("it must be a list of answers")))?;
                    for (index, value) in list.iter().enumerate() {
                        let at = |error: MockError| within(error.within(&index.to_string()));
                        let pattern = value.get("Input").map(Pattern::read).unwrap_or_else(|| {
                            Err(MockError::new("Input is missing: what the task must send for this answer"))
                        });
                        let entry = Entry::read(value, true).map_err(at)?;
                        answers.by_input.push((pattern.map_err(at)?, entry));
                    }
                }
                "Iterations" => {
                    let object = value.as_object();
                    let object = object.ok_or_else(|| within(MockError::new("it must be an object")))?;
                    for (key, value) in object.iter() {
                        let iterations = Iterations::read(key).map_err(within)?;
                        let own = Answers::read(value).map_err(|error| within(error.within(key)))?;
                        answers.by_iteration.push((iterations, own));
                    }
                }
                "Assert" => answers.expected = patterns(value).map_err(within)?,
                "Validation" => answers.validation = Some(Validation::read(value).map_err(within)?),
                number => {
                    let range = range(number).ok_or_else(|| {
                        MockError::new(format!(
                            "'{number}' is no number of an invocation; write one (\"0\"), a range (\"1-2\") or \"3-\" for all from there"
                        ))
                    })?;
                    let entry = Entry::read(value, false).map_err(within)?;
                    answers.by_number.push((range, entry));
                }
            }
        }
        answers.check_numbers()?;
        Ok(answers)
    }

    /// Invocations are counted from 0; a gap would be found only by the call that falls into it.
    fn check_numbers(&mut self) -> Result<(), MockError> {
        self.by_number.sort_by_key(|(range, _)| (*range.start(), *range.end()));
        let mut next = Some(0);
        for (range, _) in &self.by_number {
            let shown = |range: &RangeInclusive<u32>| match (range.start(), range.end()) {
                (first, last) if first == last => first.to_string(),
                (first, &u32::MAX) => format!("{first}-"),
                (first, last) => format!("{first}-{last}"),
            };
            match next {
                Some(next) if *range.start() == next => {}
                Some(next) if *range.start() > next => {
                    return Err(MockError::new(format!(
                        "the invocations must be numbered from 0 without gaps: there is '{}', but nothing for {next}",
                        shown(range)
                    )));
                }
                _ => {
                    return Err(MockError::new(format!(
                        "the invocations overlap: '{}' names one that another key names too",
                        shown(range)
                    )));
                }
            }
            next = range.end().checked_add(1);
        }
        if self.by_number.is_empty() && self.by_input.is_empty() && self.by_iteration.is_empty() {
            return Err(MockError::new("it has no answer"));
        }
        Ok(())
    }

    /// What a call is answered.
    ///
    /// # Errors
    /// There is no answer for it, or what it sends is not what is expected.
    pub fn answer(&self, call: &Call<'_>) -> Result<Given, Refusal> {
        self.answer_within(call, Validation::None)
    }

    pub(crate) fn answer_within(&self, call: &Call<'_>, validation: Validation) -> Result<Given, Refusal> {
        check(&self.expected, call)?;
        let validation = self.validation.unwrap_or(validation);
        if let Some((indexes, number)) = call.iteration
            && let Some((_, own)) = self.by_iteration.iter().find(|(iterations, _)| iterations.fit(indexes))
        {
            return own
                .answer_within(&Call { number, ..*call }, validation)
                .map_err(|refusal| refusal.within(&format!("in iteration {}", indexes_shown(indexes))));
        }
        let entry = self.entry(call)?;
        check(&entry.expected, call)?;
        Given::of(entry, call, entry.validation.unwrap_or(validation))
    }

    fn entry(&self, call: &Call<'_>) -> Result<&Entry, Refusal> {
        for (pattern, entry) in &self.by_input {
            let differences = pattern.differences(call).map_err(|error| Refusal::runtime(call, &error))?;
            if differences.is_empty() {
                return Ok(entry);
            }
        }
        let found = self.by_number.iter().find(|(range, _)| range.contains(&call.number));
        found.map(|(_, entry)| entry).ok_or_else(|| {
            let why = match self.by_number.last() {
                None => "no Match fits its input".to_owned(),
                Some((range, _)) => format!("there are answers for invocations 0 to {} only", range.end()),
            };
            Refusal::runtime(call, &format!("invocation {} has no answer: {why}", call.number))
        })
    }
}

fn check(expected: &[Pattern], call: &Call<'_>) -> Result<(), Refusal> {
    for pattern in expected {
        let differences = pattern.differences(call).map_err(|error| Refusal::runtime(call, &error))?;
        if !differences.is_empty() {
            return Err(Refusal::assertion(call, &differences));
        }
    }
    Ok(())
}

pub(crate) fn indexes_shown(indexes: &[u32]) -> String {
    indexes.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}
