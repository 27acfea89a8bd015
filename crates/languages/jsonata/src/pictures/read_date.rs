//! Reading dates: by a picture, and in ISO 8601 without one.

use std::collections::HashSet;

use super::calendar::{MILLIS_A_DAY, date_of, first_of_month};
use super::date::{Clock, Component, DAYS, MONTHS, Part, name_error};
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::number::Num;

/// Milliseconds beyond which no date exists in ECMAScript.
pub(super) const MILLIS_MAX: i64 = 8_640_000_000_000_000;

/// The time stamps ISO 8601 allows here: a year, perhaps month and day, perhaps
/// a time, perhaps a fraction, perhaps an offset. Answers milliseconds.
pub(super) fn iso(text: &str) -> Option<i64> {
    fn number(text: &mut &str, digits: usize) -> Option<i64> {
        let head = text.get(..digits).filter(|head| head.bytes().all(|b| b.is_ascii_digit()))?;
        *text = &text[digits..];
        head.parse().ok()
    }
    fn skip(text: &mut &str, mark: &str) -> bool {
        text.strip_prefix(mark).map(|rest| *text = rest).is_some()
    }
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    let (mut month, mut day, mut time) = (1, 1, 0);
    if skip(&mut rest, "-") {
        month = number(&mut rest, 2)?;
        if skip(&mut rest, "-") {
            day = number(&mut rest, 2)?;
        }
    }
    let month_days = first_of_month(year, month + 1) - first_of_month(year, month);
    if !(1..=12).contains(&month) || !(1..=month_days).contains(&day) {
        return None;
    }
    if skip(&mut rest, "T") {
        let hours = number(&mut rest, 2)?;
        let minutes = skip(&mut rest, ":").then(|| number(&mut rest, 2))??;
        let seconds = skip(&mut rest, ":").then(|| number(&mut rest, 2))??;
        if hours > 24 || minutes > 59 || seconds > 59 || (hours == 24 && minutes + seconds > 0) {
            return None;
        }
        time = (hours * 3600 + minutes * 60 + seconds) * 1000;
        if skip(&mut rest, ".") {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            time += fraction(&rest[..digits]);
            rest = &rest[digits..];
        }
    }
    let mut offset = 0;
    if !skip(&mut rest, "Z") && !rest.is_empty() {
        let sign = if skip(&mut rest, "-") { -1 } else { skip(&mut rest, "+").then_some(1)? };
        let hours = number(&mut rest, 2)?;
        skip(&mut rest, ":");
        let minutes = number(&mut rest, 2)?;
        if hours > 24 || minutes > 59 {
            return None;
        }
        offset = sign * (hours * 60 + minutes) * 60_000;
    }
    rest.is_empty().then(|| (first_of_month(year, month) + day - 1) * MILLIS_A_DAY + time - offset)
}

/// Milliseconds of a second's fraction; what is finer is cut off.
fn fraction(digits: &str) -> i64 {
    digits.bytes().chain(*b"00").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit.wrapping_sub(b'0') % 10))
}

/// Finds which piece of a text each part of a picture stands for; work is
/// parts times text at most, because a dead end is remembered.
struct Search<'p> {
    parts: &'p [Part],
    text: &'p str,
    dead: HashSet<(usize, usize)>,
    spans: Vec<(usize, usize)>,
}

impl Search<'_> {
    fn go(&mut self, evaluator: &mut Evaluator<'_>, index: usize, at: usize) -> Outcome<bool> {
        let Some(part) = self.parts.get(index) else { return Ok(at == self.text.len()) };
        if self.dead.contains(&(index, at)) {
            return Ok(false);
        }
        evaluator.spend(1)?;
        for end in ends(part, self.text, at) {
            evaluator.spend(1)?;
            self.spans.push((at, end));
            let found = stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || {
                self.go(evaluator, index + 1, end)
            })?;
            if found {
                return Ok(true);
            }
            self.spans.pop();
        }
        self.dead.insert((index, at));
        Ok(false)
    }
}

/// Where a part that begins at `at` may end, longest first.
fn ends(part: &Part, text: &str, at: usize) -> Vec<usize> {
    let rest = &text[at..];
    let run =
        |start: usize, fits: fn(&u8) -> bool| start + text.as_bytes()[start..].iter().take_while(|b| fits(b)).count();
    match part {
        Part::Literal(literal) => match rest.get(..literal.len()) {
            Some(head) if head.eq_ignore_ascii_case(literal) => vec![at + literal.len()],
            _ => Vec::new(),
        },
        Part::Component(Component { letter: letter @ ('Z' | 'z'), integer, .. }) => {
            let start = if *letter == 'z' {
                match rest.get(..3) {
                    Some(head) if head.eq_ignore_ascii_case("GMT") => at + 3,
                    _ => return Vec::new(),
                }
            } else {
                at
            };
            if !text[start..].starts_with(['-', '+']) {
                return Vec::new();
            }
            let mut digits = start + 1;
            let separator =
                integer.as_ref().and_then(|picture| picture.digits()).and_then(|digits| digits.regular_separator());
            if let Some(separator) = separator {
                let hours = run(digits, u8::is_ascii_digit);
                if hours == digits || !text[hours..].starts_with(separator) {
                    return Vec::new();
                }
                digits = hours + separator.len_utf8();
            }
            let end = run(digits, u8::is_ascii_digit);
            (digits + 1..=end).rev().collect()
        }
        Part::Component(Component { integer: Some(picture), read_width, .. }) => picture.ends(text, at, *read_width),
        Part::Component(_) => (at + 1..=run(at, u8::is_ascii_alphabetic)).rev().collect(),
    }
}

/// An offset in minutes, as `+05:30`, `+0530` or `-5`.
fn offset(component: &Component, text: &str) -> Option<i64> {
    let text = text.get(if component.letter == 'z' { 3 } else { 0 }..)?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let text = text.get(1..)?;
    let separator =
        component.integer.as_ref().and_then(|picture| picture.digits()).and_then(|digits| digits.regular_separator());
    let (hours, minutes) = match separator {
        Some(separator) => text.split_once(separator)?,
        None if text.len() <= 2 => (text, "0"),
        None => text.split_at_checked(2)?,
    };
    Some(sign * (hours.parse::<i64>().ok()?.checked_mul(60)?.checked_add(minutes.parse::<i64>().ok()?)?))
}

/// A name's number, of names as the picture shortens them.
fn named(component: &Component, text: &str) -> Outcome<Option<i64>> {
    let names: &[&str] = match component.letter {
        'M' | 'x' => &MONTHS,
        'F' => &DAYS,
        'P' => {
            return Ok(match text {
                "am" | "AM" => Some(0),
                "pm" | "PM" => Some(1),
                _ => None,
            });
        }
        letter => return name_error(letter),
    };
    let width = component.width_max.unwrap_or(usize::MAX);
    let is_name = |name: &&str| name.get(..width.min(name.len())) == Some(text);
    Ok(names.iter().position(is_name).map(|at| at as i64 + 1))
}

/// What a text says, by component letter.
#[derive(Default)]
struct Said(Vec<(char, i64)>);

impl Said {
    fn get(&self, letter: char) -> Option<i64> {
        self.0.iter().rev().find(|(known, _)| *known == letter).map(|(_, value)| *value)
    }

    fn has_only(&self, all: &str, allowed: &str) -> bool {
        let said = |letter: &char| self.get(*letter).is_some();
        allowed.chars().any(|letter| said(&letter)) && all.chars().filter(said).all(|letter| allowed.contains(letter))
    }
}

/// The instant a text means by a picture: undefined where it does not fit.
/// What the picture leaves out above its largest component is that of `now`.
pub(super) fn read(evaluator: &mut Evaluator<'_>, parts: &[Part], text: &str) -> Outcome<Option<Num>> {
    for part in parts {
        let Part::Component(component) = part else { continue };
        match &component.integer {
            Some(picture) => picture.check()?,
            None if matches!(component.letter, 'M' | 'x' | 'F' | 'P') => {}
            None => return name_error(component.letter),
        }
    }
    let mut search = Search { parts, text, dead: HashSet::new(), spans: Vec::new() };
    if !search.go(evaluator, 0, 0)? {
        return Ok(None);
    }
    let mut said = Said::default();
    for (part, (start, end)) in parts.iter().zip(search.spans) {
        let Part::Component(component) = part else { continue };
        let piece = &text[start..end];
        let value = match (&component.integer, component.letter) {
            (_, 'Z' | 'z') => offset(component, piece),
            (Some(picture), 'f') if picture.digits().is_some() => Some(fraction(piece)),
            (Some(picture), _) => match picture.read(piece)? {
                Num::Float(value) if value.is_nan() => return Ok(Some(Num::Float(f64::NAN))),
                value => Some(value.truncated()),
            },
            (None, _) => named(component, piece)?,
        };
        said.0.extend(value.map(|value| (component.letter, value)));
    }
    if said.0.is_empty() {
        return Ok(None);
    }
    let is_missing =
        || fail("D3136", "The date/time picture string is missing specifiers required to parse the timestamp");
    const DATE: &str = "YXMxWwdD";
    const TIME: &str = "PHhmsf";
    let by_day_of_year = said.has_only(DATE, "Yd");
    let by_date = said.has_only(DATE, "YMD");
    // Weeks are written, not read.
    if !by_date && (said.has_only(DATE, "Xxw") || said.has_only(DATE, "XW")) {
        return is_missing();
    }
    let by_day_of_year = by_day_of_year && !by_date;
    let by_half_day = !said.has_only(TIME, "Hmsf") && said.has_only(TIME, "Phmsf");
    let date = if by_day_of_year { "Yd" } else { "YMD" };
    let time = if by_half_day { "Phmsf" } else { "Hmsf" };

    let now = Clock::new(evaluator.world.now.as_ms());
    let (mut has_begun, mut has_ended) = (false, false);
    for letter in date.chars().chain(time.chars()) {
        match said.get(letter) {
            Some(_) if has_ended => return is_missing(),
            Some(_) => has_begun = true,
            None => {
                let is_date = matches!(letter, 'M' | 'D' | 'd');
                let value = if has_begun { i64::from(is_date) } else { now.component(letter) };
                has_ended = has_begun;
                said.0.push((letter, value));
            }
        }
    }
    let part = |letter: char| i128::from(said.get(letter).unwrap_or(0));
    let hours = match (by_half_day, part('h')) {
        (false, _) => part('H'),
        (true, hours) => hours % 12 + part('P') * 12,
    };
    // No year beyond these has a date; their days can be counted.
    let in_range = |value: i128| value.unsigned_abs() < 1_000_000;
    if !in_range(part('Y')) || !in_range(part('M')) {
        return Ok(Some(Num::Float(f64::NAN)));
    }
    let month = if by_day_of_year { 1 } else { said.get('M').unwrap_or(1).max(1) };
    let first = i128::from(first_of_month(said.get('Y').unwrap_or(0), month));
    let day = first + if by_day_of_year { part('d') } else { part('D') } - 1;
    let zone = if said.get('Z').is_some() { part('Z') } else { part('z') };
    let minutes = (day * 24 + hours) * 60 + part('m') - zone;
    let millis = (minutes * 60 + part('s')) * 1000 + part('f');
    Ok(Some(match i64::try_from(millis) {
        Ok(millis) if millis.abs() <= MILLIS_MAX => Num::Int(millis),
        _ => Num::Float(f64::NAN),
    }))
}

/// Whether the whole ISO form that needs no picture can show the instant.
pub(super) fn has_plain_year(millis: i64) -> bool {
    (0..=9999).contains(&date_of(millis.div_euclid(MILLIS_A_DAY)).0)
}
