use windlass_value::{Text, Value};

use super::text::{self, Style};

/// A text with `{}` holes.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// The texts before each hole.
    parts: Vec<String>,
    /// The text after the last.
    tail: String,
}

impl Template {
    pub(super) fn push(&mut self, character: char) {
        self.tail.push(character);
    }

    pub(super) fn hole(&mut self) {
        self.parts.push(std::mem::take(&mut self.tail));
    }

    /// The text, if it has no holes and nothing that would read as one again.
    pub(super) fn plain(&self) -> Option<Text> {
        (self.parts.is_empty() && !self.tail.contains("{}")).then(|| Text::from(self.tail.as_str()))
    }

    /// The text with its holes written as `{}`, for every function but Format.
    pub(super) fn text(&self) -> String {
        let mut text = self.parts.join("{}");
        if !self.parts.is_empty() {
            text.push_str("{}");
        }
        text.push_str(&self.tail);
        text
    }

    /// A template that is only known when the function is called.
    pub(super) fn from_text(text: &str) -> Template {
        let mut template = Template::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{}") {
            template.tail.push_str(before);
            template.hole();
            rest = after;
        }
        template.tail.push_str(rest);
        template
    }

    /// Fills the holes in order.
    pub(super) fn fill(&self, values: &[Value]) -> Result<String, String> {
        if self.parts.len() != values.len() {
            return Err(format!(
                "The number of placeholders {} does not match the number of arguments {}",
                self.parts.len(),
                values.len()
            ));
        }
        let mut text = String::new();
        for (part, value) in self.parts.iter().zip(values) {
            text.push_str(part);
            text::write(value, Style::Java, &mut text)?;
        }
        text.push_str(&self.tail);
        Ok(text)
    }
}
