//! How large texts and gaps are.

/// Sizes: of texts, and of what lies between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Width of one character of a title.
    pub(crate) char_width: f64,
    /// Width of one character of a subtitle or a label.
    pub(crate) small_char_width: f64,
    /// Height of a line of a title.
    pub(crate) line_height: f64,
    /// Height of a line of a subtitle or a label.
    pub(crate) small_line_height: f64,
    /// Characters of a line of a title.
    pub(crate) title_chars_max: usize,
    /// Characters of a line of a subtitle.
    pub(crate) subtitle_chars_max: usize,
    /// Characters of a line of a label, and lines of one.
    pub(crate) label_chars_max: usize,
    pub(crate) label_lines_max: usize,
    /// Between a shape's border and its text.
    pub(crate) inset_x: f64,
    pub(crate) inset_y: f64,
    /// Between neighbours of one rank.
    pub(crate) gap_x: f64,
    /// Between neighbouring edges of one rank.
    pub(crate) edge_gap_x: f64,
    /// Between ranks.
    pub(crate) gap_y: f64,
    /// Between a container's border and what is in it.
    pub(crate) frame: f64,
    /// Width and height of the narrowest state.
    pub(crate) state_width_min: f64,
    /// Diameter of Start and End.
    pub(crate) dot: f64,
    /// Branches are put below each other beyond this width.
    pub(crate) branches_width_max: f64,
    /// Every length is a whole number: there are no half characters.
    pub(crate) whole: bool,
    /// Room that an icon takes left of a title.
    pub(crate) icon: f64,
}

impl Measure {
    /// Pixels, for a sans-serif font of 13 px.
    pub fn pixels() -> Measure {
        Measure {
            char_width: 8.3,
            small_char_width: 6.5,
            line_height: 18.0,
            small_line_height: 15.0,
            title_chars_max: 26,
            subtitle_chars_max: 32,
            label_chars_max: 28,
            label_lines_max: 3,
            inset_x: 14.0,
            inset_y: 9.0,
            gap_x: 36.0,
            edge_gap_x: 18.0,
            gap_y: 40.0,
            frame: 18.0,
            state_width_min: 120.0,
            dot: 22.0,
            branches_width_max: 2_600.0,
            whole: false,
            icon: 26.0,
        }
    }

    /// Characters of a terminal.
    pub fn cells() -> Measure {
        Measure {
            char_width: 1.0,
            small_char_width: 1.0,
            line_height: 1.0,
            small_line_height: 1.0,
            title_chars_max: 30,
            subtitle_chars_max: 36,
            label_chars_max: 24,
            label_lines_max: 2,
            inset_x: 2.0,
            inset_y: 1.0,
            gap_x: 3.0,
            edge_gap_x: 2.0,
            gap_y: 3.0,
            frame: 2.0,
            state_width_min: 9.0,
            dot: 1.0,
            branches_width_max: 160.0,
            whole: true,
            icon: 0.0,
        }
    }

    /// Width of the widest of `lines`.
    pub(crate) fn width(&self, lines: &[String], char_width: f64) -> f64 {
        lines
            .iter()
            .map(|line| line.chars().map(|letter| relative_width(letter, self.whole)).sum::<f64>() * char_width)
            .fold(0.0, f64::max)
    }
}

/// How wide a character is beside a common one.
fn relative_width(letter: char, whole: bool) -> f64 {
    match letter {
        // East Asian characters and pictures take two cells, and about two letters.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}' => 2.0,
        _ if whole => 1.0,
        'i' | 'l' | 'j' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' | '[' | ']' | 'f' | 't'
        | 'r' => 0.72,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.45,
        'A'..='Z' => 1.15,
        _ => 1.0,
    }
}

/// Breaks a text into at most `lines_max` lines of `chars_max` characters, at
/// spaces and between the words of a camel-cased name where it can.
pub(crate) fn broken(text: &str, chars_max: usize, lines_max: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut lines = Vec::new();
    let mut from = 0;
    while from < letters.len() {
        let left = letters.len() - from;
        if left <= chars_max {
            lines.push(letters[from..].iter().collect());
            break;
        }
        if lines.len() + 1 == lines_max {
            lines.push(letters[from..from + chars_max.saturating_sub(1)].iter().chain(&['…']).collect());
            break;
        }
        let breaks_before = |at: usize| {
            let (before, after) = (letters[at - 1], letters[at]);
            matches!(before, ' ' | '-' | '_' | '.' | ',' | '/' | ':') || (before.is_lowercase() && after.is_uppercase())
        };
        let end =
            (from + chars_max / 2..=from + chars_max).rev().find(|at| breaks_before(*at)).unwrap_or(from + chars_max);
        let line: String = letters[from..end].iter().collect();
        lines.push(line.trim_end().to_owned());
        from = end;
    }
    lines
}
