use windlass_value::{Object, Value};

use super::filter::Item;
use super::step::{Step, fragments};
use super::{FUEL_MAX, NoResult, RESULTS_MAX, Reason};

/// What is left of the work one evaluation may do.
pub(super) struct Fuel(u64);

impl Fuel {
    pub(super) fn full() -> Fuel {
        Fuel(FUEL_MAX)
    }

    /// What was taken.
    pub(super) fn spent(&self) -> u64 {
        FUEL_MAX - self.0
    }

    /// Takes from what is left.
    pub(super) fn burn(&mut self, work: u64) -> Result<(), NoResult> {
        self.0 = self.0.checked_sub(work).ok_or_else(|| NoResult {
            reason: Reason::TooMuch,
            message: "The path visits too many values".to_owned(),
        })?;
        Ok(())
    }
}

/// The value of a path in a document. `past_end_missing`: an index past the end
/// selects nothing instead of null.
pub(super) fn path(
    steps: &[Step],
    definite: bool,
    document: &Value,
    past_end_missing: bool,
    fuel: &mut Fuel,
) -> Result<Value, NoResult> {
    let mut value = document;
    for step in steps {
        let next = match (step, value) {
            (Step::Name(name), Value::Object(object)) => object.get(name),
            (Step::Index(index), Value::Array(items)) => element(items, *index),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            // Anything but a plain hit: once more, slowly, with errors and fan-out.
            None => return slow(steps, definite, document, document, past_end_missing, fuel),
        }
    }
    Ok(value.clone())
}

/// The value of a path inside a filter or a call, on the same fuel.
pub(super) fn select(
    steps: &[Step],
    definite: bool,
    from: &Value,
    root: &Value,
    fuel: &mut Fuel,
) -> Result<Value, NoResult> {
    slow(steps, definite, from, root, false, fuel)
}

fn slow(
    steps: &[Step],
    definite: bool,
    from: &Value,
    root: &Value,
    past_end_missing: bool,
    fuel: &mut Fuel,
) -> Result<Value, NoResult> {
    let mut walk = Walk { steps, root, past_end_missing, results: Vec::new(), fuel };
    match walk.step(0, Some(from), true) {
        Ok(()) => {}
        // AWS: an indefinite path below something missing selects nothing.
        Err(error) if !definite && error.reason == Reason::NotFound => walk.results.clear(),
        Err(error) => return Err(error),
    }
    if !definite {
        return Ok(Value::array(walk.results));
    }
    walk.results.pop().ok_or_else(|| NoResult::not_found(format!("No results for path: {}", fragments(steps))))
}

fn element(items: &[Value], index: i64) -> Option<&Value> {
    let at = if index < 0 { index.checked_add(items.len() as i64)? } else { index };
    items.get(usize::try_from(at).ok()?)
}

struct Walk<'a> {
    steps: &'a [Step],
    root: &'a Value,
    past_end_missing: bool,
    results: Vec<Value>,
    fuel: &'a mut Fuel,
}

impl Walk<'_> {
    /// Takes the steps from `at` on. `None` is an element past the end of an
    /// array: it ends as null and has nothing below. `sure`: every step so far
    /// was definite, so what is missing is an error.
    fn step(&mut self, at: usize, value: Option<&Value>, sure: bool) -> Result<(), NoResult> {
        self.fuel.burn(1)?;
        let steps = self.steps;
        let Some(step) = steps.get(at) else {
            if self.results.len() >= RESULTS_MAX {
                return Err(NoResult {
                    reason: Reason::TooMuch,
                    message: "The path selects too many values".to_owned(),
                });
            }
            self.results.push(value.cloned().unwrap_or(Value::Null));
            return Ok(());
        };
        let last = at + 1 == steps.len();
        let next_sure = sure && step.is_definite(last);
        match step {
            Step::Name(name) => match value.and_then(Value::as_object) {
                Some(object) => self.member(at, object, name, next_sure),
                None if sure => Err(self.missing(at)),
                None => Ok(()),
            },
            Step::Names(names) => {
                let Some(object) = value.and_then(Value::as_object) else {
                    return if sure { Err(self.missing(at)) } else { Ok(()) };
                };
                if !last {
                    return names.iter().try_for_each(|name| self.member(at, object, name, next_sure));
                }
                let found: Object =
                    names.iter().filter_map(|name| Some((name.clone(), object.get(name)?.clone()))).collect();
                self.step(at + 1, Some(&Value::from(found)), next_sure)
            }
            Step::Index(index) => match self.array(at, value, sure)? {
                Some(items) => self.index(at, items, *index, next_sure),
                None => Ok(()),
            },
            Step::Indexes(indexes) => match self.array(at, value, sure)? {
                Some(items) => indexes.iter().try_for_each(|index| self.index(at, items, *index, false)),
                None => Ok(()),
            },
            Step::Slice(from, to) => match self.array(at, value, sure)? {
                Some(items) => {
                    slice(items.len() as i64, *from, *to).try_for_each(|index| self.index(at, items, index, false))
                }
                None => Ok(()),
            },
            Step::Wildcard => match value {
                Some(Value::Object(object)) => {
                    object.values().try_for_each(|member| self.step(at + 1, Some(member), false))
                }
                Some(Value::Array(items)) => items.iter().try_for_each(|item| self.step(at + 1, Some(item), false)),
                _ => Ok(()),
            },
            Step::Scan => match value {
                Some(value) => self.scan(at + 1, value),
                None => Ok(()),
            },
            Step::Filter(filter) => match value {
                Some(current @ Value::Object(_)) => {
                    if filter.accepts(Item { current, root: self.root }, self.fuel)? {
                        self.step(at + 1, value, false)?;
                    }
                    Ok(())
                }
                Some(Value::Array(items)) => {
                    for current in items.iter() {
                        if filter.accepts(Item { current, root: self.root }, self.fuel)? {
                            self.step(at + 1, Some(current), false)?;
                        }
                    }
                    Ok(())
                }
                _ if sure => Err(NoResult::unsuitable(format!(
                    "Filter: [?] can not be applied to primitives. Current context is: {}",
                    value.unwrap_or(&Value::Null)
                ))),
                _ => Ok(()),
            },
            Step::Call(call) => {
                let result = call.invoke(value.unwrap_or(&Value::Null), self.root, self.fuel)?;
                self.step(at + 1, Some(&result), sure)
            }
        }
    }

    fn member(&mut self, at: usize, object: &Object, name: &str, sure: bool) -> Result<(), NoResult> {
        match object.get(name) {
            Some(member) => self.step(at + 1, Some(member), sure),
            None if sure && at + 1 < self.steps.len() => Err(self.missing(at + 1)),
            None => Ok(()),
        }
    }

    fn index(&mut self, at: usize, items: &[Value], index: i64, sure: bool) -> Result<(), NoResult> {
        match element(items, index) {
            None if self.past_end_missing => Ok(()),
            found => self.step(at + 1, found, sure),
        }
    }

    /// The array an array step works on, `None` where the step selects nothing.
    fn array<'v>(&self, at: usize, value: Option<&'v Value>, sure: bool) -> Result<Option<&'v [Value]>, NoResult> {
        match value {
            Some(Value::Array(items)) => Ok(Some(items)),
            _ if !sure => Ok(None),
            None => Err(NoResult::not_found(format!("The path {} is null", fragments(&self.steps[..at])))),
            Some(other) => Err(NoResult::unsuitable(format!(
                "Filter: {} can only be applied to arrays. Current context is: {other}",
                self.steps[at].fragment()
            ))),
        }
    }

    /// `..`: the step at `at` on this value and on all below it, parents first.
    fn scan(&mut self, at: usize, from: &Value) -> Result<(), NoResult> {
        let mut waiting = vec![from];
        while let Some(value) = waiting.pop() {
            self.fuel.burn(1)?;
            if self.scan_matches(at, value)? {
                self.step(at, Some(value), false)?;
            }
            match value {
                Value::Object(object) => waiting.extend(object.iter().rev().map(|(_, member)| member)),
                Value::Array(items) => waiting.extend(items.iter().rev()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a scan offers this value to the step after it.
    fn scan_matches(&mut self, at: usize, value: &Value) -> Result<bool, NoResult> {
        let Some(step) = self.steps.get(at) else { return Ok(false) };
        Ok(match step {
            Step::Name(name) => value.as_object().is_some_and(|object| object.contains_key(name)),
            Step::Names(names) if at + 1 == self.steps.len() => {
                value.as_object().is_some_and(|object| names.iter().all(|name| object.contains_key(name)))
            }
            Step::Names(_) => value.as_object().is_some(),
            Step::Index(_) | Step::Indexes(_) | Step::Slice(..) => value.as_array().is_some(),
            Step::Wildcard => matches!(value, Value::Object(_) | Value::Array(_)),
            Step::Filter(filter) => match value {
                Value::Object(_) | Value::Array(_) => {
                    filter.accepts(Item { current: value, root: self.root }, self.fuel)?
                }
                _ => false,
            },
            Step::Scan | Step::Call(_) => false,
        })
    }

    /// Nothing, or no object, where the step at `at` needs a member.
    fn missing(&self, at: usize) -> NoResult {
        if at == 0 {
            return NoResult::not_found(format!("No results for path: {}", fragments(self.steps)));
        }
        NoResult::not_found(format!("Missing property in path {}", fragments(&self.steps[..at])))
    }
}

/// The indexes of a slice. Both bounds given: a negative one counts from the end
/// element by element, as Jayway does it, so `[-3:-1]` works and `[1:-1]` is empty.
fn slice(length: i64, from: Option<i64>, to: Option<i64>) -> std::ops::Range<i64> {
    if length == 0 {
        return 0..0;
    }
    let back = |bound: i64| if bound < 0 { (length.saturating_add(bound)).max(0) } else { bound };
    match (from, to) {
        (Some(from), Some(to)) => from.max(-length)..to.min(length),
        (Some(from), None) => back(from)..length,
        (None, to) => 0..back(to.unwrap_or(length)).min(length),
    }
}
