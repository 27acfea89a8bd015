//! Function signatures: `<s-nn?:s>`.

use regex::Regex;

use crate::error::CompileError;
use crate::token::error;

/// One parameter of a signature.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// The type letter; `a` for arrays, `f` for functions, `(` for a choice.
    pub(crate) kind: char,
    /// The type of an array's items, or the letters of a choice.
    pub(crate) items: Option<char>,
    /// The context item stands in where the argument is missing, if it is one of
    /// these letters.
    pub(crate) context: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
    /// Matches the letters of all arguments; one group for each parameter.
    pub(crate) pattern: Regex,
    /// Matches the letters of the first n arguments, to name the wrong one.
    pub(crate) prefixes: Vec<Regex>,
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
        let mut patterns: Vec<String> = Vec::new();
        let mut at = 1;
        while at < letters.len() {
            let letter = letters[at];
            match letter {
                ':' => break,
                's' | 'n' | 'b' | 'l' | 'o' => {
                    parameters.push(Parameter { kind: letter, items: None, context: None });
                    patterns.push(format!("[{letter}m]"));
                }
                'a' => {
                    parameters.push(Parameter { kind: 'a', items: None, context: None });
                    patterns.push("[asnblfom]".to_owned());
                }
                'f' => {
                    parameters.push(Parameter { kind: 'f', items: None, context: None });
                    patterns.push("f".to_owned());
                }
                'j' | 'x' => {
                    parameters.push(Parameter { kind: letter, items: None, context: None });
                    patterns.push(if letter == 'j' { "[asnblom]" } else { "[asnblfom]" }.to_owned());
                }
                '-' => {
                    if let (Some(parameter), Some(pattern)) = (parameters.last_mut(), patterns.last_mut()) {
                        parameter.context = Some(pattern.trim_matches(['[', ']']).to_owned());
                        pattern.push('?');
                    }
                }
                '?' | '+' => {
                    if let Some(pattern) = patterns.last_mut() {
                        pattern.push(letter);
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
                    parameters.push(Parameter { kind: '(', items: None, context: None });
                    patterns.push(format!("[{choice}m]"));
                    at = end;
                }
                '<' => {
                    let end = closing(&letters, at, '<', '>');
                    let Some(parameter) = parameters.last_mut().filter(|p| matches!(p.kind, 'a' | 'f')) else {
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
        let compile = |body: &str| {
            Regex::new(&format!("^{body}")).map_err(|_| error("S0500", "Function signature is malformed", position))
        };
        let groups: String = patterns.iter().map(|pattern| format!("({pattern})")).collect();
        let mut prefixes = Vec::with_capacity(patterns.len());
        let mut body = String::new();
        for pattern in &patterns {
            body.push_str(pattern);
            prefixes.push(compile(&body)?);
        }
        Ok(Signature { parameters, pattern: compile(&format!("{groups}$"))?, prefixes })
    }
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
