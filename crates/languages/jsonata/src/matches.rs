//! Regular expressions, and functions that act as one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use windlass_value::Text;

use crate::evaluate::{Evaluator, Outcome, fail};
use crate::functions::Function;
use crate::item::{Item, Str};
use crate::number::Num;
use crate::strings::{byte_offset, unit_offset};
use crate::tree::Pattern;

/// Bytes a compiled pattern may take: matching time is text times this.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Compiled patterns that a thread keeps.
const PATTERNS_MAX: usize = 64;

/// One match.
pub(crate) struct Found<'v> {
    pub(crate) text: Str<'v>,
    /// In UTF-16 units, as JSONata counts.
    pub(crate) start: usize,
    end: usize,
    pub(crate) bytes: (usize, usize),
    pub(crate) groups: Vec<Item<'v>>,
}

impl<'v> Found<'v> {
    pub(crate) fn object(self, evaluator: &mut Evaluator<'v>) -> Outcome<Item<'v>> {
        let groups = evaluator.list(self.groups)?;
        let members = [
            (Str::from("match"), Item::String(self.text)),
            (Str::from("start"), Item::int(self.start)),
            (Str::from("end"), Item::int(self.end)),
            (Str::from("groups"), groups),
        ];
        evaluator.record(members.into_iter().collect())
    }
}

/// The matches of a text, one after another.
pub(crate) struct Matcher<'v> {
    function: Rc<Function<'v>>,
    text: Str<'v>,
    at: usize,
    units: usize,
    started: bool,
}

impl<'v> Matcher<'v> {
    pub(crate) fn new(function: Rc<Function<'v>>, text: Str<'v>) -> Matcher<'v> {
        Matcher { function, text, at: 0, units: 0, started: false }
    }

    pub(crate) fn next(&mut self, evaluator: &mut Evaluator<'v>, caller: &str) -> Outcome<Option<Found<'v>>> {
        evaluator.spend(1)?;
        if let Function::Regex(pattern) = &*self.function {
            let pattern = pattern.clone();
            let found = find(evaluator, &pattern, &self.text, self.at)?;
            return Ok(found.map(|mut found| {
                // Counted from the last match on, so that many matches stay cheap.
                found.start = self.units + unit_offset(&self.text[self.at..], found.bytes.0 - self.at);
                found.end = found.start + found.text.encode_utf16().count();
                self.units = found.end;
                self.at = found.bytes.1;
                found
            }));
        }
        let arguments = if self.started { Vec::new() } else { vec![Item::String(self.text.clone())] };
        self.started = true;
        let item = evaluator.apply(&self.function.clone(), arguments, &Item::Undefined, None)?;
        let Item::Object(record) = &item else {
            if item.is_undefined() {
                return Ok(None);
            }
            return wrong_matcher(caller);
        };
        let number = |name: &str| record.get(name).and_then(|item| item.as_num()).map(Num::truncated);
        let (Some(start), Some(end), Some(Item::Array(groups)), Some(Item::Function(next))) =
            (number("start"), number("end"), record.get("groups"), record.get("next"))
        else {
            return wrong_matcher(caller);
        };
        let (start, end) = (start.max(0) as usize, end.max(0) as usize);
        let from = byte_offset(&self.text, start);
        let to = byte_offset(&self.text, end);
        let matched = match record.get("match") {
            Some(Item::String(text)) => text,
            _ => Str::from(self.text.get(from..to).unwrap_or("")),
        };
        self.function = next;
        Ok(Some(Found { text: matched, start, end, bytes: (from, to), groups: groups.to_vec() }))
    }
}

fn wrong_matcher<T>(caller: &str) -> Outcome<T> {
    let shown = crate::token::quoted(caller);
    fail(
        "T1010",
        format!(
            "The matcher function argument passed to function {shown} does not return the correct object structure"
        ),
    )
}

/// The next match from a byte on, without its UTF-16 places.
fn find<'v>(
    evaluator: &mut Evaluator<'v>,
    pattern: &regex::Regex,
    text: &str,
    from: usize,
) -> Outcome<Option<Found<'v>>> {
    if from > text.len() {
        return Ok(None);
    }
    let captures = pattern.captures_at(text, from);
    let Some(captures) = captures else {
        evaluator.spend((text.len() - from) / 4)?;
        return Ok(None);
    };
    let Some(all) = captures.get(0) else { return Ok(None) };
    evaluator.spend((all.end() - from) / 4)?;
    if all.is_empty() {
        return fail("D1004", "Regular expression matches zero length string");
    }
    let groups = captures
        .iter()
        .skip(1)
        .map(|group| group.map_or(Item::string(""), |group| Item::string(group.as_str())))
        .collect();
    Ok(Some(Found { text: all.as_str().into(), start: 0, end: 0, bytes: (all.start(), all.end()), groups }))
}

thread_local! {
    /// Patterns compiled on this thread; emptied when there are too many.
    static COMPILED: RefCell<HashMap<(Text, Text), Rc<regex::Regex>>> = RefCell::default();
}

fn compiled(pattern: &Text, flags: &Text) -> Option<Rc<regex::Regex>> {
    COMPILED.with_borrow_mut(|known| {
        let key = (pattern.clone(), flags.clone());
        if let Some(found) = known.get(&key) {
            return Some(found.clone());
        }
        let built = regex::RegexBuilder::new(&translated(pattern))
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX * 4)
            .build();
        let built = Rc::new(built.ok()?);
        if known.len() >= PATTERNS_MAX {
            known.clear();
        }
        known.insert(key, built.clone());
        Some(built)
    })
}

impl<'v> Evaluator<'v> {
    /// A regular expression as a function. The first use in an evaluation costs
    /// as much as compiling it, whether it was compiled before or not.
    pub(crate) fn regex(&mut self, pattern: &'v Pattern) -> Outcome<Rc<Function<'v>>> {
        if let Some(Some(known)) = self.patterns.get(pattern.index) {
            return Ok(known.clone());
        }
        self.spend(1000)?;
        let Some(compiled) = compiled(&pattern.pattern, &pattern.flags) else {
            return fail(
                "S0302",
                "The regular expression is malformed, too large, or uses look-around or back references",
            );
        };
        let function = Rc::new(Function::Regex(compiled));
        if self.patterns.is_empty() {
            self.patterns.resize(self.program.patterns, None);
        }
        if let Some(place) = self.patterns.get_mut(pattern.index) {
            *place = Some(function.clone());
        }
        Ok(function)
    }

    /// What a regular expression answers when it is called as a function.
    pub(crate) fn match_object(
        &mut self,
        pattern: &Rc<regex::Regex>,
        text: &Str<'v>,
        from: usize,
    ) -> Outcome<Item<'v>> {
        let Some(mut found) = find(self, pattern, text, from)? else { return Ok(Item::Undefined) };
        found.start = unit_offset(text, found.bytes.0);
        found.end = unit_offset(text, found.bytes.1);
        let next = Function::NextMatch { pattern: pattern.clone(), text: text.clone(), from: found.bytes.1 };
        let object = found.object(self)?;
        let Item::Object(record) = &object else { return Ok(object) };
        let mut members: crate::item::Members<'v> = record.iter().collect();
        members.insert(Str::from("next"), Item::Function(Rc::new(next)));
        self.record(members)
    }
}

/// JavaScript's dialect in the words of ours: classes are ASCII, brackets in
/// classes and stray braces are literal.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if in_class { "A-Za-z0-9_" } else { "[A-Za-z0-9_]" }),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^A-Za-z0-9_]"),
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('B') if !in_class => out.push_str("(?-u:\\B)"),
                Some('/') => out.push('/'),
                Some(other) if other.is_ascii_alphanumeric() || other.is_ascii_punctuation() => {
                    out.push('\\');
                    out.push(other);
                }
                Some(other) => out.push(other),
                None => out.push_str("\\\\"),
            },
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '{' if !in_class => {
                let ahead: String = chars.clone().take_while(|c| *c != '}').collect();
                let is_count = ahead.starts_with(|c: char| c.is_ascii_digit())
                    && ahead.chars().all(|c| c.is_ascii_digit() || c == ',');
                out.push_str(if is_count { "{" } else { "\\{" });
                if is_count {
                    for c in chars.by_ref() {
                        out.push(c);
                        if c == '}' {
                            break;
                        }
                    }
                }
            }
            '}' if !in_class => out.push_str("\\}"),
            other => out.push(other),
        }
    }
    out
}
