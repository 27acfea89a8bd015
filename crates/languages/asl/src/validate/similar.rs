//! The name a writer may have meant.

/// Longest word that is compared, in characters; longer ones are no slips.
const WORD_CHARS_MAX: usize = 100;

/// Most edits between two words that are still taken for one.
const EDITS_MAX: usize = 3;

/// How many edits make one word of the other; `None` above `edits_max`.
fn distance(from: &[char], to: &[char], edits_max: usize) -> Option<usize> {
    if from.len().abs_diff(to.len()) > edits_max {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut next = Vec::with_capacity(to.len() + 1);
        next.push(row + 1);
        for (column, b) in to.iter().enumerate() {
            let mut best = (last[column] + usize::from(a != b)).min(last[column + 1] + 1).min(next[column] + 1);
            // Two letters the wrong way round are one slip.
            if row > 0 && column > 0 && from[row - 1] == *b && *a == to[column - 1] {
                best = best.min(before_last[column - 1] + 1);
            }
            next.push(best);
        }
        if next.iter().min().is_some_and(|least| *least > edits_max) {
            return None;
        }
        before_last = std::mem::replace(&mut last, next);
    }
    last.last().copied().filter(|edits| *edits <= edits_max)
}

/// The candidate nearest to a word, when one is near enough: the same but for
/// case, or at most a third of its letters apart.
pub(crate) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let lower: Vec<char> = word.to_lowercase().chars().collect();
    if lower.is_empty() || lower.len() > WORD_CHARS_MAX {
        return None;
    }
    let edits_max = (lower.len() / 3).min(EDITS_MAX);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.filter(|candidate| *candidate != word) {
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        if let Some(edits) = distance(&lower, &other, edits_max)
            && best.is_none_or(|(least, _)| edits < least)
        {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let fields = ["Parameters", "ResultPath", "Resource", "Next", "End"];
        for (word, meant) in [
            ("parameters", Some("Parameters")),
            ("Paramters", Some("Parameters")),
            ("ResultPaht", Some("ResultPath")),
            ("Nxet", Some("Next")),
            ("Resuorce", Some("Resource")),
            ("Colour", None),
            ("Ne", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, fields.into_iter()), meant, "{word}");
        }
    }
}
