use crate::expression::ExpressionError;

/// What one field of a cron expression may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldKind {
    pub(crate) name: &'static str,
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// Names that stand for `min`, `min + 1`, ….
    pub(crate) names: &'static [&'static str],
}

pub(crate) const MINUTES: FieldKind = FieldKind { name: "minutes", min: 0, max: 59, names: &[] };
pub(crate) const HOURS: FieldKind = FieldKind { name: "hours", min: 0, max: 23, names: &[] };
pub(crate) const DAYS_OF_MONTH: FieldKind = FieldKind { name: "day-of-month", min: 1, max: 31, names: &[] };
pub(crate) const MONTHS: FieldKind = FieldKind {
    name: "month",
    min: 1,
    max: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
pub(crate) const DAYS_OF_WEEK: FieldKind =
    FieldKind { name: "day-of-week", min: 1, max: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };
pub(crate) const YEARS: FieldKind = FieldKind { name: "year", min: 1970, max: 2199, names: &[] };

/// The values a field allows, as offsets from its kind's minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValueSet([u64; 4]);

impl ValueSet {
    fn insert(&mut self, offset: u32) {
        self.0[offset as usize / 64] |= 1 << (offset % 64);
    }

    fn has(&self, offset: u32) -> bool {
        self.0.get(offset as usize / 64).is_some_and(|word| word & (1 << (offset % 64)) != 0)
    }
}

/// One field: the values that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    values: ValueSet,
    min: u32,
    max: u32,
}

impl Field {
    /// Reads `*`, values, ranges, steps, and lists of them.
    pub(crate) fn parse(kind: FieldKind, text: &str) -> Result<Field, ExpressionError> {
        let mut values = ValueSet::default();
        for part in text.split(',') {
            add(kind, part, &mut values)
                .ok_or_else(|| ExpressionError(format!("'{part}' is not valid in the field {}", kind.name)))?;
        }
        Ok(Field { values, min: kind.min, max: kind.max })
    }

    pub(crate) fn has(&self, value: u32) -> bool {
        (self.min..=self.max).contains(&value) && self.values.has(value - self.min)
    }

    /// The first allowed value that is at least `value`.
    pub(crate) fn at_least(&self, value: u32) -> Option<u32> {
        (value.max(self.min)..=self.max).find(|value| self.values.has(value - self.min))
    }
}

/// Adds what one part of a list allows; `None` where it is not valid.
fn add(kind: FieldKind, part: &str, values: &mut ValueSet) -> Option<()> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(number(step).filter(|step| (1..=kind.max).contains(step))?)),
        None => (part, None),
    };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (kind.min, kind.max),
        Some((first, last)) => (value(kind, first)?, value(kind, last)?),
        // A start with a step goes on to the field's end.
        None => {
            let first = value(kind, range)?;
            (first, if step.is_some() { kind.max } else { first })
        }
    };
    let count = kind.max - kind.min + 1;
    // `FRI-MON` and `22-2` go round; years do not.
    let length = match last.checked_sub(first) {
        Some(length) => length,
        None if kind.min == YEARS.min => return None,
        None => last + count - first,
    };
    for offset in (0..=length).step_by(step.unwrap_or(1) as usize) {
        values.insert((first - kind.min + offset) % count);
    }
    Some(())
}

/// A value by number or name, within the kind's bounds.
pub(crate) fn value(kind: FieldKind, text: &str) -> Option<u32> {
    let named = kind.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match named {
        Some(at) => Some(kind.min + at as u32),
        None => number(text).filter(|value| (kind.min..=kind.max).contains(value)),
    }
}

/// Digits only, at most four.
pub(crate) fn number(text: &str) -> Option<u32> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}
