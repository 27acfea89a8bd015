use std::fmt;

/// Why a text is no JSON document, in the words of the parser that AWS uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Jackson's text, without the location.
    pub message: String,
    /// Where reading stopped, in bytes from the start.
    pub offset: usize,
    /// 1-based line, as Jackson counts.
    pub line: usize,
    /// 1-based column after the offending character or token, as Jackson counts.
    pub column: usize,
}

impl JsonError {
    /// Jackson's location: `[Source: (String)"…"; line: 1, column: 4]`, the
    /// source cut after 500 characters.
    pub fn source_location(&self, source: &str) -> String {
        const SOURCE_CHARS_MAX: usize = 500;
        let count = source.chars().count();
        let shown: String = source.chars().take(SOURCE_CHARS_MAX).collect();
        let cut = match count.checked_sub(SOURCE_CHARS_MAX) {
            Some(left) if left > 0 => format!("[truncated {left} chars]"),
            _ => String::new(),
        };
        format!("[Source: (String)\"{shown}\"{cut}; line: {}, column: {}]", self.line, self.column)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for JsonError {}
