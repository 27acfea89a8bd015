//! `$formatInteger` and `$parseInteger`: integers by an XPath picture, `#,##0;o`.

use super::number::regular;
use super::words;
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::number::Num;
use crate::token::quoted;

/// Roman numerals grow with the number; beyond this they are refused.
const ROMAN_MAX: u64 = 1_000_000;

/// The zeros of the decimal digits that pictures may use.
const ZEROS: [u32; 37] = [
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Title,
}

impl Case {
    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Case::Upper => text.to_uppercase(),
            Case::Lower => text.to_lowercase(),
            Case::Title => text.to_owned(),
        }
    }
}

#[derive(Debug)]
pub(super) enum Style {
    Decimal(Digits),
    Letters,
    Roman,
    Words,
    /// A numbering sequence no one defined; holds its token.
    Sequence(String),
}

/// A decimal digit pattern.
#[derive(Debug)]
pub(super) struct Digits {
    zero: u32,
    pub(super) mandatory: usize,
    pub(super) optional: usize,
    /// Separators by the digits to their right, least first.
    separators: Vec<(usize, char)>,
    /// The distance of equal, equally spaced separators; 0 where they are not.
    regular: usize,
}

#[derive(Debug)]
pub(super) struct IntegerPicture {
    pub(super) style: Style,
    pub(super) case: Case,
    pub(super) ordinal: bool,
}

impl Digits {
    fn parse(text: &str) -> Outcome<Option<Digits>> {
        let mut found = Digits { zero: 0, mandatory: 0, optional: 0, separators: Vec::new(), regular: 0 };
        for c in text.chars().rev() {
            let code = c as u32;
            if let Some(&zero) = ZEROS.iter().find(|zero| code.wrapping_sub(**zero) < 10) {
                if found.mandatory > 0 && zero != found.zero {
                    return fail("D3131", "In a decimal digit pattern, all digits must be from the same decimal group");
                }
                found.zero = zero;
                found.mandatory += 1;
            } else if c == '#' {
                found.optional += 1;
            } else {
                found.separators.push((found.mandatory + found.optional, c));
            }
        }
        if found.mandatory == 0 {
            return Ok(None);
        }
        if let Some(&(_, first)) = found.separators.first()
            && found.separators.iter().all(|(_, c)| *c == first)
        {
            let positions: Vec<usize> = found.separators.iter().map(|(position, _)| *position).collect();
            found.regular = regular(&positions);
        }
        Ok(Some(found))
    }

    /// The separator of a pattern whose only separators are equally spaced.
    pub(super) fn regular_separator(&self) -> Option<char> {
        self.separators.first().filter(|_| self.regular > 0).map(|(_, c)| *c)
    }

    fn shown(&self, digit: u8) -> char {
        char::from_u32(self.zero + u32::from(digit.wrapping_sub(b'0'))).unwrap_or('\u{fffd}')
    }

    fn format(&self, digits: &str, ordinal: bool, out: &mut String) {
        let count = digits.len().max(self.mandatory);
        let zeros = count - digits.len();
        for (index, digit) in std::iter::repeat_n(b'0', zeros).chain(digits.bytes()).enumerate() {
            let right = count - index;
            if index > 0 {
                match self.regular {
                    0 => self.separators.iter().rev().filter(|(at, _)| *at == right).for_each(|(_, c)| out.push(*c)),
                    step if right.is_multiple_of(step) => out.extend(self.regular_separator()),
                    _ => {}
                }
            }
            out.push(self.shown(digit));
        }
        if ordinal {
            let is_teen = count > 1 && digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1';
            out.push_str(match digits.bytes().last() {
                Some(b'1') if !is_teen => "st",
                Some(b'2') if !is_teen => "nd",
                Some(b'3') if !is_teen => "rd",
                _ => "th",
            });
        }
    }

    /// JavaScript's `parseInt` of the digits, in this pattern's digits and
    /// without its separators.
    fn parse_text(&self, text: &str) -> Num {
        let mut digits = String::with_capacity(text.len());
        for c in text.trim_start().chars() {
            let value = (c as u32).wrapping_sub(self.zero);
            if value < 10 {
                digits.push((b'0' + value as u8) as char);
            } else if digits.is_empty() && matches!(c, '-' | '+') {
                digits.push(c);
            } else if !self.separators.iter().any(|(_, separator)| *separator == c) {
                break;
            }
        }
        if digits.ends_with(['-', '+']) || digits.is_empty() { Num::Float(f64::NAN) } else { read(&digits) }
    }
}

/// Decimal digits as a number: exact within 64 bits.
fn read(digits: &str) -> Num {
    digits.parse().map_or_else(|_| Num::Float(digits.parse().unwrap_or(f64::NAN)), Num::Int)
}

impl IntegerPicture {
    pub(super) fn parse(picture: &str) -> Outcome<IntegerPicture> {
        let (primary, ordinal) = match picture.rsplit_once(';') {
            Some((primary, modifier)) => (primary, modifier.starts_with('o')),
            None => (picture, false),
        };
        IntegerPicture::of(primary, ordinal)
    }

    pub(super) fn of(primary: &str, ordinal: bool) -> Outcome<IntegerPicture> {
        let (style, case) = match primary {
            "A" => (Style::Letters, Case::Upper),
            "a" => (Style::Letters, Case::Lower),
            "I" => (Style::Roman, Case::Upper),
            "i" => (Style::Roman, Case::Lower),
            "W" => (Style::Words, Case::Upper),
            "w" => (Style::Words, Case::Lower),
            "Ww" => (Style::Words, Case::Title),
            _ => match Digits::parse(primary)? {
                Some(digits) => (Style::Decimal(digits), Case::Lower),
                None => (Style::Sequence(primary.to_owned()), Case::Lower),
            },
        };
        Ok(IntegerPicture { style, case, ordinal })
    }

    pub(super) fn digits(&self) -> Option<&Digits> {
        match &self.style {
            Style::Decimal(digits) => Some(digits),
            _ => None,
        }
    }

    fn first_letter(&self) -> char {
        if self.case == Case::Upper { 'A' } else { 'a' }
    }

    pub(super) fn format(&self, evaluator: &Evaluator<'_>, value: Num, out: &mut String) -> Outcome<()> {
        let digits = match value {
            Num::Int(value) => value.unsigned_abs().to_string(),
            Num::Float(value) if value.is_finite() => value.floor().abs().to_string(),
            Num::Float(_) => return fail("D1001", format!("Number out of range: {}", value.to_text())),
        };
        if value.as_f64() < 0.0 {
            out.push('-');
        }
        match &self.style {
            Style::Decimal(pattern) => {
                evaluator.check_text(pattern.mandatory)?;
                pattern.format(&digits, self.ordinal, out);
            }
            Style::Letters => {
                let Ok(value) = digits.parse() else { return evaluator.check_text(usize::MAX) };
                out.push_str(&words::to_letters(value, self.first_letter()));
            }
            Style::Roman => {
                let Some(value) = digits.parse().ok().filter(|value| *value <= ROMAN_MAX) else {
                    return evaluator.check_text(usize::MAX);
                };
                out.push_str(&self.case.apply(&words::to_roman(value)));
            }
            Style::Words => out.push_str(&self.case.apply(&words::to_words(&digits, self.ordinal))),
            Style::Sequence(token) => return sequence(token),
        }
        Ok(())
    }

    /// The number a text means; NaN where it means none.
    pub(super) fn read(&self, text: &str) -> Outcome<Num> {
        let or_nan = |value: Option<f64>| value.map_or(Num::Float(f64::NAN), Num::from_f64);
        Ok(match &self.style {
            Style::Decimal(pattern) => pattern.parse_text(text),
            Style::Letters => or_nan(words::from_letters(text, self.first_letter())),
            Style::Roman => or_nan(words::from_roman(text)),
            Style::Words => or_nan(words::from_words(&text.to_lowercase())),
            Style::Sequence(token) => return sequence(token),
        })
    }

    /// Where a number of this picture that begins at `start` may end, longest
    /// first; `width` is the exact count of digits, where it is known.
    pub(super) fn ends(&self, text: &str, start: usize, width: Option<usize>) -> Vec<usize> {
        let run = |fits: &dyn Fn(char) -> bool| -> Vec<usize> {
            let chars = text[start..].char_indices().take_while(|(_, c)| fits(*c));
            let mut ends: Vec<usize> = chars.map(|(at, c)| start + at + c.len_utf8()).collect();
            ends.reverse();
            ends
        };
        match &self.style {
            Style::Decimal(pattern) => {
                let mut ends = run(&|c| (c as u32).wrapping_sub(pattern.zero) < 10 || c.is_ascii_digit());
                if let Some(width) = width {
                    let exact = ends.len().checked_sub(width).and_then(|at| ends.get(at).copied());
                    ends = exact.into_iter().collect();
                }
                if self.ordinal {
                    let is_suffix = |at: &usize| {
                        let two = text.get(*at..*at + 2).unwrap_or("");
                        ["th", "st", "nd", "rd"].iter().any(|suffix| suffix.eq_ignore_ascii_case(two))
                    };
                    ends = ends.into_iter().filter(is_suffix).map(|at| at + 2).collect();
                }
                ends
            }
            Style::Letters => run(&|c| c.is_ascii_alphabetic()),
            Style::Roman => run(&|c| "mdclxvi".contains(c.to_ascii_lowercase())),
            Style::Words => words::word_ends(text, start),
            Style::Sequence(_) => Vec::new(),
        }
    }

    /// Refuses a picture nothing can be read by.
    pub(super) fn check(&self) -> Outcome<()> {
        match &self.style {
            Style::Sequence(token) => sequence(token),
            _ => Ok(()),
        }
    }
}

fn sequence<T>(token: &str) -> Outcome<T> {
    let shown = quoted(token);
    fail(
        "D3130",
        format!(
            "Formatting or parsing an integer as a sequence starting with {shown} is not supported by this implementation"
        ),
    )
}
