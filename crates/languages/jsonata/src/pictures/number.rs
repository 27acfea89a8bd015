//! `$formatNumber`: numbers by an XPath picture, `#,##0.00;(0)`.
//!
//! Works on decimal digits, not on doubles: 0.14 as a percentage is exactly 14.

use crate::number::Num;

/// What a picture's characters are, and what stands for them in the answer.
#[derive(Debug)]
pub(crate) struct Symbols {
    pub(crate) decimal: char,
    pub(crate) grouping: char,
    pub(crate) exponent: char,
    pub(crate) digit: char,
    pub(crate) pattern: char,
    pub(crate) zero: char,
    pub(crate) minus: String,
    pub(crate) percent: String,
    pub(crate) per_mille: String,
    pub(crate) infinity: String,
    pub(crate) nan: String,
}

impl Default for Symbols {
    fn default() -> Symbols {
        Symbols {
            decimal: '.',
            grouping: ',',
            exponent: 'e',
            digit: '#',
            pattern: ';',
            zero: '0',
            minus: "-".to_owned(),
            percent: "%".to_owned(),
            per_mille: "\u{2030}".to_owned(),
            infinity: "Infinity".to_owned(),
            nan: "NaN".to_owned(),
        }
    }
}

impl Symbols {
    /// Sets the symbol of that name; other names and empty texts change nothing.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        let Some(first) = text.chars().next() else { return };
        match name {
            "decimal-separator" => self.decimal = first,
            "grouping-separator" => self.grouping = first,
            "exponent-separator" => self.exponent = first,
            "digit" => self.digit = first,
            "pattern-separator" => self.pattern = first,
            "zero-digit" => self.zero = first,
            "minus-sign" => self.minus = text.to_owned(),
            "percent" => self.percent = text.to_owned(),
            "per-mille" => self.per_mille = text.to_owned(),
            "infinity" => self.infinity = text.to_owned(),
            "NaN" => self.nan = text.to_owned(),
            _ => {}
        }
    }

    fn is_digit(&self, c: char) -> bool {
        (c as u32).wrapping_sub(self.zero as u32) < 10
    }

    fn is_place(&self, c: char) -> bool {
        self.is_digit(c) || c == self.digit
    }

    /// Whether the character means something, wherever it stands; an exponent
    /// separator does so only between others that do.
    fn is_active(&self, c: char) -> bool {
        self.is_place(c) || c == self.decimal || c == self.grouping || c == self.pattern
    }

    /// A digit of the answer.
    fn shown(&self, digit: u8) -> char {
        char::from_u32(self.zero as u32 + u32::from(digit)).unwrap_or('\u{fffd}')
    }
}

/// A sub-picture, checked.
#[derive(Debug)]
struct SubPicture {
    prefix: String,
    suffix: String,
    /// Digits to the right of each separator of the integer part.
    integer_groups: Vec<usize>,
    /// The distance of equally spaced separators; 0 where they are not.
    regular: usize,
    /// Digits to the left of each separator of the fraction.
    fraction_groups: Vec<usize>,
    integer_min: usize,
    fraction_min: usize,
    fraction_max: usize,
    /// Digits of the exponent, where there is one.
    exponent_min: Option<usize>,
    /// Mandatory places of the integer part, and all of them.
    scaling: usize,
    places: usize,
    /// Powers of ten the number is multiplied by: 2 for `%`, 3 for `‰`.
    shift: i64,
}

fn message(code: &'static str) -> (&'static str, &'static str) {
    let text = match code {
        "D3080" => "The picture string must only contain a maximum of two sub-pictures",
        "D3081" => "The sub-picture must not contain more than one instance of the \"decimal-separator\" character",
        "D3082" => "The sub-picture must not contain more than one instance of the \"percent\" character",
        "D3083" => "The sub-picture must not contain more than one instance of the \"per-mille\" character",
        "D3084" => "The sub-picture must not contain both a \"percent\" and a \"per-mille\" character",
        "D3085" => {
            "The mantissa part of a sub-picture must contain at least one character that is either an \"optional digit character\" or a member of the \"decimal digit family\""
        }
        "D3086" => {
            "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character"
        }
        "D3087" => {
            "The sub-picture must not contain a \"grouping-separator\" character that appears adjacent to a \"decimal-separator\" character"
        }
        "D3088" => "The sub-picture must not contain a \"grouping-separator\" at the end of the integer part",
        "D3089" => "The sub-picture must not contain two adjacent instances of the \"grouping-separator\" character",
        "D3090" => {
            "The integer part of the sub-picture must not contain a member of the \"decimal digit family\" that is followed by an instance of the \"optional digit character\""
        }
        "D3091" => {
            "The fractional part of the sub-picture must not contain an instance of the \"optional digit character\" that is followed by a member of the \"decimal digit family\""
        }
        "D3092" => {
            "A sub-picture that contains a \"percent\" or \"per-mille\" character must not contain a character treated as an \"exponent-separator\""
        }
        _ => {
            "The exponent part of the sub-picture must comprise only of one or more characters that are members of the \"decimal digit family\""
        }
    };
    (code, text)
}

/// The distance all positions are multiples of, if they are its first multiples.
pub(super) fn regular(positions: &[usize]) -> usize {
    fn gcd(a: usize, b: usize) -> usize {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let Some(step) = positions.iter().copied().reduce(gcd).filter(|step| *step > 0) else { return 0 };
    if (1..=positions.len()).all(|index| positions.contains(&(index * step))) { step } else { 0 }
}

impl SubPicture {
    fn parse(text: &str, symbols: &Symbols) -> Result<SubPicture, &'static str> {
        let chars: Vec<char> = text.chars().collect();
        let first = chars.iter().position(|c| symbols.is_active(*c));
        let last = chars.iter().rposition(|c| symbols.is_active(*c));
        let (start, end) = match (first, last) {
            (Some(first), Some(last)) => (first, last + 1),
            _ => (0, chars.len()),
        };
        let active = &chars[start..end];
        let (mantissa, exponent) = match active.iter().position(|c| *c == symbols.exponent) {
            Some(at) => (&active[..at], Some(&active[at + 1..])),
            None => (active, None),
        };
        let (integer, fraction) = match mantissa.iter().position(|c| *c == symbols.decimal) {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &mantissa[mantissa.len()..]),
        };
        let has_percent = text.contains(&symbols.percent);
        let has_per_mille = text.contains(&symbols.per_mille);

        // Of several faults JSONata names the last of this list.
        let mut fault = None;
        let mut check = |code: &'static str, bad: bool| {
            if bad {
                fault = Some(code);
            }
        };
        let points: Vec<usize> = (0..chars.len()).filter(|at| chars[*at] == symbols.decimal).collect();
        check("D3081", points.len() > 1);
        check("D3082", text.matches(&symbols.percent).count() > 1);
        check("D3083", text.matches(&symbols.per_mille).count() > 1);
        check("D3084", has_percent && has_per_mille);
        check("D3085", !mantissa.iter().any(|c| symbols.is_place(*c)));
        check("D3086", !active.iter().all(|c| symbols.is_active(*c) || *c == symbols.exponent));
        match points.first() {
            Some(&at) => {
                let is_separator = |at: usize| chars.get(at) == Some(&symbols.grouping);
                check("D3087", is_separator(at + 1) || at.checked_sub(1).is_some_and(is_separator));
            }
            None => check("D3088", integer.last() == Some(&symbols.grouping)),
        }
        check("D3089", chars.windows(2).any(|pair| pair == [symbols.grouping; 2]));
        let optional = integer.iter().position(|c| *c == symbols.digit).unwrap_or(0);
        check("D3090", integer[..optional].iter().any(|c| symbols.is_digit(*c)));
        let optional = fraction.iter().rposition(|c| *c == symbols.digit).unwrap_or(fraction.len());
        check("D3091", fraction[optional..].iter().any(|c| symbols.is_digit(*c)));
        if let Some(exponent) = exponent {
            check("D3092", !exponent.is_empty() && (has_percent || has_per_mille));
            check("D3093", exponent.is_empty() || !exponent.iter().all(|c| symbols.is_digit(*c)));
        }
        if let Some(code) = fault {
            return Err(code);
        }

        let places = |part: &[char]| part.iter().filter(|c| symbols.is_place(**c)).count();
        let digits = |part: &[char]| part.iter().filter(|c| symbols.is_digit(**c)).count();
        let separators = |part: &[char]| (0..part.len()).filter(|at| part[*at] == symbols.grouping).collect::<Vec<_>>();
        let integer_groups: Vec<usize> = separators(integer).into_iter().map(|at| places(&integer[at..])).collect();
        let fraction_groups = separators(fraction).into_iter().map(|at| places(&fraction[..at])).collect();
        let scaling = digits(integer);
        let (mut integer_min, mut fraction_min, mut fraction_max) = (scaling, digits(fraction), places(fraction));
        if integer_min == 0 && fraction_max == 0 {
            match exponent {
                Some(_) => (fraction_min, fraction_max) = (1, 1),
                None => integer_min = 1,
            }
        }
        if exponent.is_some() && integer_min == 0 && integer.contains(&symbols.digit) {
            integer_min = 1;
        }
        if integer_min == 0 && fraction_min == 0 {
            fraction_min = 1;
        }
        Ok(SubPicture {
            prefix: chars[..start].iter().collect(),
            suffix: chars[end..].iter().collect(),
            regular: regular(&integer_groups),
            integer_groups,
            fraction_groups,
            integer_min,
            fraction_min,
            fraction_max,
            exponent_min: exponent.map(digits),
            scaling,
            places: places(integer),
            shift: if has_percent {
                2
            } else if has_per_mille {
                3
            } else {
                0
            },
        })
    }

    fn format(&self, mut number: Decimal, symbols: &Symbols, out: &mut String) {
        number.shift(self.shift);
        let mut exponent = None;
        let mut fraction_min = self.fraction_min;
        let mut integer_min = self.integer_min;
        if self.exponent_min.is_some() {
            if self.places > 1 && self.places > self.scaling {
                // Optional places make the exponent a multiple of all of them
                // (engineering notation): so AWS answers, and Java's DecimalFormat.
                number.round(self.places + self.fraction_max);
                let repeat = self.places as i64;
                let power = if number.is_zero() { 0 } else { (number.point - 1).div_euclid(repeat) * repeat };
                number.shift(-power);
                exponent = Some(power);
                let whole = number.point.max(1) as usize;
                fraction_min = (self.scaling + self.fraction_min).saturating_sub(whole);
                integer_min = 1;
            } else {
                number.round(self.scaling + self.fraction_max);
                let power = if number.is_zero() { 0 } else { number.point - self.scaling as i64 };
                number.shift(-power);
                exponent = Some(power);
            }
        } else {
            number.round_places(self.fraction_max);
        }

        out.push_str(&self.prefix);
        let (integer, fraction) = number.parts(integer_min, fraction_min);
        let count = integer.len();
        for (index, digit) in integer.iter().enumerate() {
            let right = count - index;
            let is_start = match self.regular {
                0 => self.integer_groups.contains(&right),
                step => right.is_multiple_of(step),
            };
            if index > 0 && is_start {
                out.push(symbols.grouping);
            }
            out.push(symbols.shown(*digit));
        }
        if !fraction.is_empty() {
            out.push(symbols.decimal);
        }
        for (index, digit) in fraction.iter().enumerate() {
            if index > 0 && self.fraction_groups.contains(&index) {
                out.push(symbols.grouping);
            }
            out.push(symbols.shown(*digit));
        }
        if let (Some(power), Some(least)) = (exponent, self.exponent_min) {
            out.push(symbols.exponent);
            if power < 0 {
                out.push_str(&symbols.minus);
            }
            let digits = power.unsigned_abs().to_string();
            (digits.len()..least).for_each(|_| out.push(symbols.zero));
            digits.bytes().for_each(|digit| out.push(symbols.shown(digit - b'0')));
        }
        out.push_str(&self.suffix);
    }
}

/// The digits d of 0.ddd · 10^point, without zeros at either end.
#[derive(Debug)]
struct Decimal {
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// The magnitude of a finite number in its shortest spelling.
    fn of(value: Num) -> Decimal {
        let (text, exponent) = match value {
            Num::Int(value) => (value.unsigned_abs().to_string(), None),
            Num::Float(value) => {
                let text = format!("{:e}", value.abs());
                match text.split_once('e') {
                    Some((mantissa, exponent)) => (mantissa.replace('.', ""), exponent.parse::<i64>().ok()),
                    None => (text, None),
                }
            }
        };
        let digits: Vec<u8> = text.bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
        let point = exponent.map_or(digits.len() as i64, |exponent| exponent + 1);
        let mut number = Decimal { digits, point };
        number.trim();
        number
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    fn trim(&mut self) {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.point -= zeros as i64;
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.point = 0;
        }
    }

    fn shift(&mut self, places: i64) {
        if !self.is_zero() {
            self.point += places;
        }
    }

    /// Keeps the first `kept` digits; half goes to the even neighbour.
    fn round(&mut self, kept: usize) {
        let Some(&next) = self.digits.get(kept) else { return };
        let is_above = next > 5 || (next == 5 && self.digits.len() > kept + 1);
        let is_odd = kept.checked_sub(1).is_some_and(|last| self.digits[last] % 2 == 1);
        self.digits.truncate(kept);
        if is_above || (next == 5 && is_odd) {
            match self.digits.iter().rposition(|digit| *digit < 9) {
                Some(at) => {
                    self.digits[at] += 1;
                    self.digits.truncate(at + 1);
                }
                None => {
                    self.digits = vec![1];
                    self.point += 1;
                }
            }
        }
        self.trim();
    }

    /// Keeps so many digits after the decimal point.
    fn round_places(&mut self, places: usize) {
        match usize::try_from(self.point + places as i64) {
            Ok(kept) => self.round(kept),
            // Less than a tenth of the last place.
            Err(_) => *self = Decimal { digits: Vec::new(), point: 0 },
        }
    }

    /// The digits before and after the point, with at least so many of each.
    fn parts(&self, integer_min: usize, fraction_min: usize) -> (Vec<u8>, Vec<u8>) {
        let whole = self.point.max(0) as usize;
        let mut integer = vec![0; integer_min.saturating_sub(whole)];
        integer.extend((0..whole).map(|at| self.digits.get(at).copied().unwrap_or(0)));
        let mut fraction = vec![0; (-self.point).max(0) as usize];
        fraction.extend(self.digits.iter().skip(whole));
        if self.is_zero() {
            fraction.clear();
        }
        if fraction.len() < fraction_min {
            fraction.resize(fraction_min, 0);
        }
        (integer, fraction)
    }
}

/// The number as the picture shows it.
pub(crate) fn format(value: Num, picture: &str, symbols: &Symbols) -> Result<String, (&'static str, &'static str)> {
    let texts: Vec<&str> = picture.split(symbols.pattern).collect();
    if texts.len() > 2 {
        return Err(message("D3080"));
    }
    let pictures = texts.iter().map(|text| SubPicture::parse(text, symbols)).collect::<Result<Vec<_>, _>>();
    let pictures = pictures.map_err(message)?;
    let as_double = value.as_f64();
    let mut out = String::new();
    let chosen = match pictures.as_slice() {
        [_, negative] if as_double < 0.0 => negative,
        [only, ..] => {
            if as_double < 0.0 {
                out.push_str(&symbols.minus);
            }
            only
        }
        [] => return Err(message("D3085")),
    };
    if as_double.is_nan() {
        return Ok(symbols.nan.clone());
    }
    if as_double.is_infinite() {
        out.push_str(&chosen.prefix);
        out.push_str(&symbols.infinity);
        out.push_str(&chosen.suffix);
        return Ok(out);
    }
    chosen.format(Decimal::of(value), symbols, &mut out);
    Ok(out)
}
