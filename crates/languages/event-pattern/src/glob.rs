//! `*` stands for any characters, `\*` and `\\` for themselves.

use std::collections::{BTreeSet, HashSet};

/// A wildcard pattern: literal pieces with a star between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    pieces: Vec<String>,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Two stars in a row, or a backslash before anything else. Positions count bytes
    /// from 1, as the matcher counts the opening quote.
    pub(crate) fn parse(text: &str) -> Result<Glob, String> {
        let mut pieces = vec![String::new()];
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let literal = match character {
                '*' if matches!(characters.peek(), Some((_, '*'))) => {
                    return Err(format!("Consecutive wildcard characters at pos {}", at + 1));
                }
                '*' => {
                    pieces.push(String::new());
                    continue;
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => escaped,
                    _ => return Err(format!("Invalid escape character at pos {}", at + 1)),
                },
                other => other,
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(literal);
            }
        }
        Ok(Glob { pieces })
    }

    /// Whether the whole text matches. Each piece is sought once, leftmost: stars
    /// being free in length, an earlier place never spoils a later piece.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

/// How many beginnings of one pattern some text may match at once. AWS does not name
/// its bound; this is the least that refuses the pattern its documentation's examples
/// say is too complex.
const BEGINNINGS_MAX: usize = 9;
/// How far the search for such a text goes.
const COMPLEXITY_STEPS_MAX: usize = 200_000;

impl Glob {
    /// Whether some text matches too many beginnings of the pattern at once, which
    /// EventBridge refuses because of what matching would cost it.
    pub(crate) fn is_too_complex(&self) -> bool {
        // `None` is a star.
        let mut symbols: Vec<Option<char>> = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                symbols.push(None);
            }
            symbols.extend(piece.chars().map(Some));
        }
        if self.pieces.len() <= 1 {
            return false;
        }
        let start = past_stars(&symbols, vec![0]);
        let mut seen = HashSet::from([start.clone()]);
        let mut open = vec![start];
        let mut steps = 0;
        while let Some(beginnings) = open.pop() {
            if beginnings.len() > BEGINNINGS_MAX {
                return true;
            }
            let next: BTreeSet<char> = beginnings.iter().filter_map(|at| *symbols.get(*at)?).collect();
            for character in next {
                steps += 1;
                if steps > COMPLEXITY_STEPS_MAX {
                    return false;
                }
                let mut after = Vec::new();
                for at in &beginnings {
                    if at.checked_sub(1).is_some_and(|before| symbols[before].is_none()) {
                        after.push(*at);
                    }
                    if symbols.get(*at) == Some(&Some(character)) {
                        after.push(at + 1);
                    }
                }
                let after = past_stars(&symbols, after);
                if seen.insert(after.clone()) {
                    open.push(after);
                }
            }
        }
        false
    }
}

/// The beginnings and those that go on with a star, which may be empty.
fn past_stars(symbols: &[Option<char>], mut beginnings: Vec<usize>) -> Vec<usize> {
    let more: Vec<usize> = beginnings.iter().filter(|at| symbols.get(**at) == Some(&None)).map(|at| at + 1).collect();
    beginnings.extend(more);
    beginnings.sort_unstable();
    beginnings.dedup();
    beginnings
}
