//! Numbers as English words, Roman numerals and letters, both ways.

const UNITS: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];
const ORDINALS: [&str; 20] = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
];
const TENS: [&str; 8] = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"];
const MAGNITUDES: [&str; 4] = ["Thousand", "Million", "Billion", "Trillion"];

/// A number of ASCII digits in words, each with a capital.
pub(super) fn to_words(digits: &str, ordinal: bool) -> String {
    let mut out = String::new();
    write_words(digits, false, ordinal, &mut out);
    out
}

fn write_words(digits: &str, continues: bool, ordinal: bool, out: &mut String) {
    let digits = digits.trim_start_matches('0');
    if digits.len() > 3 {
        // Beyond trillions of trillions the words repeat.
        let magnitude = ((digits.len() - 1) / 3).min(MAGNITUDES.len());
        let (head, rest) = digits.split_at(digits.len() - magnitude * 3);
        if continues {
            out.push_str(", ");
        }
        write_words(head, false, false, out);
        out.push(' ');
        out.push_str(MAGNITUDES[magnitude - 1]);
        return end_words(rest, ordinal, out);
    }
    let value: usize = digits.parse().unwrap_or(0);
    if value >= 100 {
        if continues {
            out.push_str(", ");
        }
        out.push_str(UNITS[value / 100]);
        out.push_str(" Hundred");
        return end_words(&digits[1..], ordinal, out);
    }
    if continues {
        out.push_str(" and ");
    }
    let small = if ordinal { &ORDINALS } else { &UNITS };
    match (value / 10, value % 10) {
        (0 | 1, _) => out.push_str(small[value]),
        (tens, 0) if ordinal => {
            out.push_str(TENS[tens - 2].trim_end_matches('y'));
            out.push_str("ieth");
        }
        (tens, 0) => out.push_str(TENS[tens - 2]),
        (tens, units) => {
            out.push_str(TENS[tens - 2]);
            out.push('-');
            out.push_str(small[units]);
        }
    }
}

/// What follows hundreds, thousands and so on.
fn end_words(rest: &str, ordinal: bool, out: &mut String) {
    if rest.bytes().any(|digit| digit != b'0') {
        write_words(rest, true, ordinal, out);
    } else if ordinal {
        out.push_str("th");
    }
}

/// The value of one word in lower case.
fn word_value(word: &str) -> Option<f64> {
    let place = |list: &[&str]| list.iter().position(|known| known.eq_ignore_ascii_case(word)).map(|at| at as f64);
    if let Some(value) = place(&UNITS).or_else(|| place(&ORDINALS)) {
        return Some(value);
    }
    let tens = match word.strip_suffix("ieth") {
        Some(stem) => format!("{stem}y"),
        None => word.to_owned(),
    };
    if let Some(at) = TENS.iter().position(|known| known.eq_ignore_ascii_case(&tens)) {
        return Some((at + 2) as f64 * 10.0);
    }
    let cardinal = word.strip_suffix("th").unwrap_or(word);
    if cardinal == "hundred" {
        return Some(100.0);
    }
    let at = MAGNITUDES.iter().position(|known| known.eq_ignore_ascii_case(cardinal))?;
    Some(10f64.powi(3 * (at as i32 + 1)))
}

/// The words a number may be written with, and what joins them.
const JOINTS: [&str; 4] = ["and", "-", ",", " "];

/// The byte offsets at which a run of number words from `start` may end,
/// longest first.
pub(super) fn word_ends(text: &str, start: usize) -> Vec<usize> {
    let rest = &text.as_bytes()[start..];
    let mut is_end = vec![false; rest.len() + 1];
    is_end[0] = true;
    let mut ends = Vec::new();
    for at in 0..=rest.len() {
        if !is_end[at] {
            continue;
        }
        if at > 0 {
            ends.push(start + at);
        }
        let mut step = |length: usize| {
            if let Some(place) = is_end.get_mut(at + length) {
                *place = true;
            }
        };
        let follows =
            |word: &str| rest[at..].get(..word.len()).is_some_and(|ahead| ahead.eq_ignore_ascii_case(word.as_bytes()));
        for word in UNITS.iter().chain(&ORDINALS).chain(&JOINTS) {
            if follows(word) {
                step(word.len());
            }
        }
        for word in TENS {
            let stem = &word[..word.len() - 1];
            if follows(stem) {
                for ending in ["y", "ieth"] {
                    if rest[at + stem.len()..]
                        .get(..ending.len())
                        .is_some_and(|ahead| ahead.eq_ignore_ascii_case(ending.as_bytes()))
                    {
                        step(stem.len() + ending.len());
                    }
                }
            }
        }
        for word in MAGNITUDES.iter().chain(&["Hundred"]) {
            if follows(word) {
                step(word.len());
                if rest[at + word.len()..].get(..2).is_some_and(|ahead| ahead.eq_ignore_ascii_case(b"th")) {
                    step(word.len() + 2);
                }
            }
        }
    }
    ends.reverse();
    ends
}

/// The number that words in lower case stand for; `None` where one is unknown.
pub(super) fn from_words(text: &str) -> Option<f64> {
    let mut sums = vec![0.0];
    let joined = text.replace(", ", "\u{0}").replace(" and ", "\u{0}");
    for word in joined.split(|c: char| c == '\u{0}' || c.is_whitespace() || matches!(c, '\\' | '-')) {
        let value = word_value(word)?;
        let last = sums.pop().unwrap_or(0.0);
        if value >= 100.0 {
            sums.push(last * value);
        } else if last >= 1000.0 {
            sums.extend([last, value]);
        } else {
            sums.push(last + value);
        }
    }
    Some(sums.iter().sum())
}

const ROMAN: [(u64, &str); 13] = [
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];

/// A Roman numeral in lower case; zero has none.
pub(super) fn to_roman(mut value: u64) -> String {
    let mut out = String::new();
    for (worth, numeral) in ROMAN {
        while value >= worth {
            out.push_str(numeral);
            value -= worth;
        }
    }
    out
}

/// The value of a Roman numeral; `None` where a letter is not one of them.
pub(super) fn from_roman(text: &str) -> Option<f64> {
    let mut sum = 0.0;
    let mut most = 0;
    for letter in text.chars().rev() {
        let letter = letter.to_ascii_lowercase();
        let (worth, _) = ROMAN.iter().find(|(_, numeral)| numeral.len() == 1 && numeral.starts_with(letter))?;
        if *worth < most {
            sum -= *worth as f64;
        } else {
            most = *worth;
            sum += *worth as f64;
        }
    }
    Some(sum)
}

/// `a` … `z`, `aa` …; zero has none.
pub(super) fn to_letters(mut value: u128, first: char) -> String {
    let mut letters = Vec::new();
    while value > 0 {
        value -= 1;
        letters.push((first as u8 + (value % 26) as u8) as char);
        value /= 26;
    }
    letters.iter().rev().collect()
}

/// The place of letters in that row; `None` where one is not of the case.
pub(super) fn from_letters(text: &str, first: char) -> Option<f64> {
    text.chars().try_fold(0.0, |sum, letter| {
        let place = (letter as u32).wrapping_sub(first as u32);
        (place < 26).then(|| sum * 26.0 + f64::from(place) + 1.0)
    })
}
