//! Dates by an XPath picture, `[Y0001]-[M01]-[D01]`: the picture and writing.

use super::calendar::{MILLIS_A_DAY, date_of, first_of_month, first_week, weekday};
use super::integer::{Case, IntegerPicture};
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::number::Num;
use crate::token::quoted;

pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The components that are integers.
const INTEGERS: &str = "YMDdFWwXxHhmsf";

#[derive(Debug)]
pub(super) enum Part {
    Literal(String),
    Component(Component),
}

#[derive(Debug)]
pub(super) struct Component {
    pub(super) letter: char,
    /// Shown by name, in this case.
    pub(super) names: Option<Case>,
    pub(super) width_max: Option<usize>,
    pub(super) integer: Option<IntegerPicture>,
    /// Digits of the year that are shown.
    year_digits: Option<usize>,
    /// `t`: `Z` stands for no offset.
    is_traditional: bool,
    /// Digits to read, because the next component follows at once.
    pub(super) read_width: Option<usize>,
}

fn default_presentation(letter: char) -> Option<&'static str> {
    Some(match letter {
        'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
        'F' | 'P' | 'C' | 'E' => "n",
        'm' | 's' => "01",
        'Z' | 'z' => "01:01",
        _ => return None,
    })
}

pub(super) fn name_error<T>(letter: char) -> Outcome<T> {
    let shown = quoted(letter.encode_utf8(&mut [0; 4]));
    fail(
        "D3133",
        format!(
            "The 'name' modifier can only be applied to months and days in the date/time picture string, not {shown}"
        ),
    )
}

impl Component {
    fn parse(evaluator: &Evaluator<'_>, marker: &str) -> Outcome<Component> {
        let marker: String = marker.chars().filter(|c| !c.is_whitespace()).collect();
        let mut rest = marker.chars();
        let letter = rest.next().unwrap_or(' ');
        let rest = rest.as_str();
        let (presentation, width) = match rest.rsplit_once(',') {
            Some((presentation, width)) => (presentation, Some(width)),
            None => (rest, None),
        };
        let bound = |text: &str| -> Outcome<Option<usize>> {
            let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return Ok(None);
            }
            let value = text[..digits].parse().unwrap_or(usize::MAX);
            evaluator.check_text(value)?;
            Ok(Some(value))
        };
        let (width_min, width_max) = match width.map(|width| width.split_once('-').unwrap_or((width, ""))) {
            Some((min, max)) => (bound(min)?, bound(max)?),
            None => (None, None),
        };
        // The last of several letters says how: ordinal, traditional.
        let (presentation, modifier) = match presentation.chars().last() {
            Some(last @ ('a' | 't' | 'c' | 'o')) if presentation.chars().count() > 1 => {
                (&presentation[..presentation.len() - 1], Some(last))
            }
            Some(_) => (presentation, None),
            None => match default_presentation(letter) {
                Some(presentation) => (presentation, None),
                None => {
                    let shown = quoted(letter.encode_utf8(&mut [0; 4]));
                    return fail("D3132", format!("Unknown component specifier {shown} in date/time picture string"));
                }
            },
        };
        let mut component = Component {
            letter,
            names: None,
            width_max,
            integer: None,
            year_digits: None,
            is_traditional: modifier == Some('t'),
            read_width: None,
        };
        if presentation.starts_with('n') {
            component.names = Some(Case::Lower);
        } else if presentation.starts_with('N') {
            component.names = Some(if presentation.starts_with("Nn") { Case::Title } else { Case::Upper });
        } else if INTEGERS.contains(letter) {
            let mut picture = IntegerPicture::of(presentation, modifier == Some('o'))?;
            if let super::integer::Style::Decimal(digits) = &mut picture.style {
                if let Some(min) = width_min {
                    digits.mandatory = digits.mandatory.max(min);
                }
                if letter == 'Y' {
                    let width = digits.mandatory + digits.optional;
                    component.year_digits = width_max.or(Some(width).filter(|width| *width >= 2));
                    if let Some(max) = width_max {
                        digits.mandatory = max;
                    }
                }
            }
            component.integer = Some(picture);
        }
        if matches!(letter, 'Z' | 'z') {
            component.integer = Some(IntegerPicture::of(presentation, false)?);
        }
        Ok(component)
    }
}

/// A picture's literals and components.
pub(super) fn parse(evaluator: &Evaluator<'_>, picture: &str) -> Outcome<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let literal = |parts: &mut Vec<Part>, text: &str| {
        if !text.is_empty() {
            parts.push(Part::Literal(text.replace("]]", "]")));
        }
    };
    let mut rest = picture;
    while let Some(open) = rest.find('[') {
        literal(&mut parts, &rest[..open]);
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('[') {
            parts.push(Part::Literal("[".to_owned()));
            rest = after;
            continue;
        }
        let Some((marker, after)) = rest.split_once(']') else {
            return fail("D3135", "No matching closing bracket ']' in date/time picture string");
        };
        let component = Component::parse(evaluator, marker)?;
        if component.integer.is_some()
            && INTEGERS.contains(component.letter)
            && let Some(Part::Component(previous)) = parts.last_mut()
        {
            previous.read_width =
                previous.integer.as_ref().and_then(IntegerPicture::digits).map(|digits| digits.mandatory);
        }
        parts.push(Part::Component(component));
        rest = after;
    }
    literal(&mut parts, rest);
    Ok(parts)
}

/// An instant on the clock of some place.
pub(super) struct Clock {
    day: i64,
    year: i64,
    month: i64,
    day_of_month: i64,
    /// Milliseconds since midnight.
    time: i64,
}

impl Clock {
    pub(super) fn new(millis: i64) -> Clock {
        let day = millis.div_euclid(MILLIS_A_DAY);
        let (year, month, day_of_month) = date_of(day);
        Clock { day, year, month, day_of_month, time: millis.rem_euclid(MILLIS_A_DAY) }
    }

    /// The week of a span of days that begins with week 1 at `first`; before
    /// it the weeks of the span that began at `before` are counted on, after
    /// more than `most` weeks the span from `next` may have begun.
    fn week(&self, first: i64, before: i64, next: i64, most: i64) -> i64 {
        if self.day < first {
            return (self.day - before).div_euclid(7) + 1;
        }
        let week = (self.day - first).div_euclid(7) + 1;
        if week > most && self.day >= next { 1 } else { week }
    }

    /// A component's number; names, `P`, `Z` and their like have none.
    pub(super) fn component(&self, letter: char) -> i64 {
        let (year, month) = (self.year, self.month);
        match letter {
            'Y' => year,
            'M' => month,
            'D' => self.day_of_month,
            'd' => self.day - first_of_month(year, 1) + 1,
            'F' => weekday(self.day),
            'W' => self.week(first_week(year, 1), first_week(year - 1, 1), first_week(year + 1, 1), 52),
            'w' => self.week(first_week(year, month), first_week(year, month - 1), first_week(year, month + 1), 4),
            'X' if self.day < first_week(year, 1) => year - 1,
            'X' if self.day >= first_week(year + 1, 1) => year + 1,
            'X' => year,
            'x' if self.day < first_week(year, month) => (month + 10) % 12 + 1,
            'x' if self.day >= first_week(year, month + 1) => month % 12 + 1,
            'x' => month,
            'H' => self.time / 3_600_000,
            'h' => (self.time / 3_600_000 + 11) % 12 + 1,
            'P' => self.time / 43_200_000,
            'm' => self.time / 60_000 % 60,
            's' => self.time / 1000 % 60,
            'f' => self.time % 1000,
            _ => 0,
        }
    }
}

/// Writes an instant, on the clock `offset` minutes ahead of UTC.
pub(super) fn write(
    evaluator: &Evaluator<'_>,
    parts: &[Part],
    millis: i64,
    offset: i64,
    out: &mut String,
) -> Outcome<()> {
    let clock = Clock::new(millis + offset * 60_000);
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Component(component) => component.write(evaluator, &clock, offset, out)?,
        }
        evaluator.check_text(out.len())?;
    }
    Ok(())
}

impl Component {
    fn write(&self, evaluator: &Evaluator<'_>, clock: &Clock, offset: i64, out: &mut String) -> Outcome<()> {
        match self.letter {
            'C' | 'E' => out.push_str("ISO"),
            'P' => {
                let half = if clock.component('P') == 0 { "am" } else { "pm" };
                out.push_str(&self.names.map_or_else(|| half.to_owned(), |case| case.apply(half)));
            }
            'Z' | 'z' => return self.write_zone(evaluator, offset, out),
            letter => {
                let mut value = clock.component(letter);
                if let Some(case) = self.names {
                    let names: &[&str] = match letter {
                        'M' | 'x' => &MONTHS,
                        'F' => &DAYS,
                        _ => return name_error(letter),
                    };
                    let name = usize::try_from(value - 1).ok().and_then(|at| names.get(at)).copied().unwrap_or("");
                    let width = self.width_max.unwrap_or(usize::MAX);
                    out.push_str(&case.apply(&name.chars().take(width).collect::<String>()));
                    return Ok(());
                }
                if let Some(digits) = self.year_digits {
                    value %= 10i64.checked_pow(u32::try_from(digits).unwrap_or(u32::MAX)).unwrap_or(i64::MAX);
                }
                if let Some(picture) = &self.integer {
                    picture.format(evaluator, Num::Int(value), out)?;
                }
            }
        }
        Ok(())
    }

    fn write_zone(&self, evaluator: &Evaluator<'_>, offset: i64, out: &mut String) -> Outcome<()> {
        let Some(picture) = &self.integer else { return Ok(()) };
        if self.letter == 'z' {
            out.push_str("GMT");
        }
        if offset == 0 && self.is_traditional {
            // As JSONata: `Z` alone, whatever the component.
            out.truncate(out.len() - if self.letter == 'z' { 3 } else { 0 });
            out.push('Z');
            return Ok(());
        }
        out.push(if offset < 0 { '-' } else { '+' });
        let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
        let digits = picture.digits().map_or(0, |digits| digits.mandatory);
        let is_regular = picture.digits().is_some_and(|digits| digits.regular_separator().is_some());
        if is_regular || matches!(digits, 3 | 4) {
            return picture.format(evaluator, Num::Int(hours * 100 + minutes), out);
        }
        if !matches!(digits, 1 | 2) {
            return fail("D3134", "The timezone integer format specifier cannot have more than four digits");
        }
        picture.format(evaluator, Num::Int(hours), out)?;
        if minutes != 0 {
            out.push_str(&format!(":{minutes:02}"));
        }
        Ok(())
    }
}
