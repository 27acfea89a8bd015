use windlass_value::Value;

/// What a template's placeholder stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// No placeholder: the text stays as it is.
    Text,
    /// A placeholder whose value is not there.
    Missing,
    /// Its value.
    Value(Value),
}

/// Fills a template's placeholders `<name>`.
///
/// Outside of a JSON string a value is written as JSON, and a missing one as
/// `""`. Within one, a string is written by its characters, and anything else as
/// JSON without its quotation marks, so that the string around it stays one; a
/// missing one leaves nothing.
pub fn render(template: &str, resolve: impl Fn(&str) -> Resolved) -> String {
    let mut out = String::with_capacity(template.len());
    let mut is_quoted = false;
    let mut rest = template;
    while let Some(at) = rest.find(['<', '"', '\\']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match from.as_bytes()[0] {
            b'"' => {
                is_quoted = !is_quoted;
                out.push('"');
                rest = &from[1..];
            }
            // An escaped character neither opens nor closes a string.
            b'\\' => {
                let escaped = from[1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&from[..1 + escaped]);
                rest = &from[1 + escaped..];
            }
            _ => {
                let found = placeholder(from).map(|name| (name, resolve(name)));
                rest = match found {
                    Some((name, resolved)) if resolved != Resolved::Text => {
                        write(&resolved, is_quoted, &mut out);
                        &from[name.len() + 2..]
                    }
                    _ => {
                        out.push('<');
                        &from[1..]
                    }
                };
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name between `<` and the next `>`, where there is one.
fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = !name.is_empty() && !name.contains(['<', ' ', '\n', '\t']);
    is_name.then_some(name)
}

fn write(resolved: &Resolved, is_quoted: bool, out: &mut String) {
    match (resolved, is_quoted) {
        (Resolved::Value(Value::String(text)), true) => {
            let quoted = Value::String(text.clone()).to_text();
            out.push_str(&quoted[1..quoted.len() - 1]);
        }
        (Resolved::Value(value), true) => {
            out.extend(value.to_text().chars().filter(|character| !matches!(character, '"' | '\\')));
        }
        (Resolved::Value(value), false) => value.write_to(out),
        (_, true) => {}
        (_, false) => out.push_str("\"\""),
    }
}
