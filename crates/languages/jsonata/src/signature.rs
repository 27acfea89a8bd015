//! Function signatures: `<s-nn?:s>`.

use crate::error::CompileError;
use crate::token::error;

/// A set of type letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Letters(u32);

impl Letters {
    pub(crate) fn of(letters: &str) -> Letters {
        Letters(letters.bytes().filter(u8::is_ascii_alphabetic).fold(0, |set, letter| set | 1 << (letter & 31)))
    }

    pub(crate) fn contains(self, letter: char) -> bool {
        self.0 & 1 << (letter as u32 & 31) != 0
    }
}

/// How many arguments a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    One,
    /// One or none.
    Optional,
    /// One or more.
    Many,
}

/// One parameter of a signature.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// The argument must be an array, or becomes one.
    pub(crate) is_array: bool,
    /// The type of an array's items.
    pub(crate) items: Option<char>,
    /// The context item stands in where the argument is missing, if it is one of
    /// these letters.
    pub(crate) context: Option<Letters>,
    pub(crate) letters: Letters,
    pub(crate) count: Count,
}

#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
}

/// Letters of a signature's text; longer ones are refused.
const LETTERS_MAX: usize = 200;

impl Signature {
    pub(crate) fn parse(text: &str, position: usize) -> Result<Signature, CompileError> {
        let letters: Vec<char> = text.chars().collect();
        if letters.len() > LETTERS_MAX {
            return Err(error("S0500", "Function signature is too long", position));
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        let parameter = |is_array, letters: &str| Parameter {
            is_array,
            items: None,
            context: None,
            letters: Letters::of(letters),
            count: Count::One,
        };
        let mut at = 1;
        while at < letters.len() {
            let letter = letters[at];
            match letter {
                ':' => break,
                's' | 'n' | 'b' | 'l' | 'o' => {
                    // Nothing is a value of each of these types.
                    let mut found = parameter(false, "m");
                    found.letters.0 |= Letters::of(letter.encode_utf8(&mut [0; 4])).0;
                    parameters.push(found);
                }
                'a' => parameters.push(parameter(true, "asnblfom")),
                'f' => parameters.push(parameter(false, "f")),
                'j' => parameters.push(parameter(false, "asnblom")),
                'x' => parameters.push(parameter(false, "asnblfom")),
                '-' => {
                    if let Some(last) = parameters.last_mut() {
                        last.context = Some(last.letters);
                        last.count = Count::Optional;
                    }
                }
                '?' | '+' => {
                    if let Some(last) = parameters.last_mut() {
                        last.count = if letter == '?' { Count::Optional } else { Count::Many };
                    }
                }
                '(' => {
                    let end = closing(&letters, at, '(', ')');
                    let choice: String = letters[at + 1..end.min(letters.len())].iter().collect();
                    if choice.contains('<') {
                        let message = "Choice groups containing parameterized types are not supported";
                        return Err(error("S0402", message, position));
                    }
                    if choice.is_empty() || !choice.chars().all(|c| c.is_ascii_alphabetic()) {
                        return Err(error("S0401", "Type choice is empty or malformed", position));
                    }
                    parameters.push(parameter(false, &format!("{choice}m")));
                    at = end;
                }
                '<' => {
                    let end = closing(&letters, at, '<', '>');
                    let Some(parameter) =
                        parameters.last_mut().filter(|last| last.is_array || last.letters == Letters::of("f"))
                    else {
                        let message = "Type parameters can only be applied to functions and arrays";
                        return Err(error("S0401", message, position));
                    };
                    parameter.items = letters.get(at + 1).copied();
                    at = end;
                }
                '>' => break,
                _ => {}
            }
            at += 1;
        }
        Ok(Signature { parameters })
    }

    /// How many of the letters each parameter takes: as many as it may, as long
    /// as those after it get theirs. `None` where the letters do not fit.
    pub(crate) fn fit(&self, letters: &[char]) -> Option<Vec<usize>> {
        fit(&self.parameters, letters, true)
    }

    /// How many of the letters fit before the first that does not.
    pub(crate) fn fitting(&self, letters: &[char]) -> usize {
        let taken = |count| fit(&self.parameters[..count], letters, false);
        (1..=self.parameters.len()).map_while(taken).last().map_or(0, |taken| taken.iter().sum())
    }
}

fn fit(parameters: &[Parameter], letters: &[char], all: bool) -> Option<Vec<usize>> {
    let width = letters.len() + 1;
    // possible[p][l]: parameters from p on can take the letters from l on.
    let mut possible = vec![false; (parameters.len() + 1) * width];
    (0..width).for_each(|at| possible[parameters.len() * width + at] = !all || at == letters.len());
    for (index, parameter) in parameters.iter().enumerate().rev() {
        for at in (0..width).rev() {
            let takes = letters.get(at).is_some_and(|letter| parameter.letters.contains(*letter));
            possible[index * width + at] = match parameter.count {
                _ if !takes => parameter.count == Count::Optional && possible[(index + 1) * width + at],
                Count::One => possible[(index + 1) * width + at + 1],
                Count::Optional => possible[(index + 1) * width + at + 1] || possible[(index + 1) * width + at],
                Count::Many => possible[(index + 1) * width + at + 1] || possible[index * width + at + 1],
            };
        }
    }
    if !possible[0] {
        return None;
    }
    let mut at = 0;
    let mut taken = Vec::with_capacity(parameters.len());
    for (index, parameter) in parameters.iter().enumerate() {
        let takes = |at: usize| letters.get(at).is_some_and(|letter| parameter.letters.contains(*letter));
        let rest = |at: usize| possible.get((index + 1) * width + at) == Some(&true);
        let mut count = 0;
        match parameter.count {
            Count::One => count = 1,
            Count::Optional => count = usize::from(takes(at) && rest(at + 1)),
            Count::Many => {
                // The longest run after which the rest still fits.
                let run = (at..letters.len()).take_while(|at| takes(*at)).count();
                count = (1..=run).rev().find(|count| rest(at + count)).unwrap_or(count);
            }
        }
        taken.push(count);
        at += count;
    }
    Some(taken)
}

fn closing(letters: &[char], start: usize, open: char, close: char) -> usize {
    let mut depth = 0;
    for (index, letter) in letters.iter().enumerate().skip(start) {
        if *letter == open {
            depth += 1;
        } else if *letter == close {
            depth -= 1;
            if depth == 0 {
                return index;
            }
        }
    }
    letters.len()
}
