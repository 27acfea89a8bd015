//! XML documents as trees, and text as XML writes it.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// How deep elements may lie in each other.
const DEPTH_MAX: usize = 64;
/// How many elements a document may have.
const ELEMENTS_MAX: usize = 250_000;

/// An element with all that is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    /// Without a namespace's prefix.
    pub(crate) name: String,
    /// By the name as it is written.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    /// Of all texts directly in it; blanks between elements are left out.
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// An attribute by its written name or without its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let same = |written: &str| written == name || local(written) == local(name);
        self.attributes.iter().find(|(written, _)| same(written)).map(|(_, value)| value.as_str())
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it: not well formed, a document type, too deep, too many elements.
pub(crate) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    // What is open, the outermost first.
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) | Event::Empty(start) if root.is_some() && open.is_empty() => {
                return Err(format!("a second root element '{}'", start.name().as_ref()));
            }
            Event::Start(start) => {
                elements += 1;
                if open.len() >= DEPTH_MAX || elements > ELEMENTS_MAX {
                    return Err("too many elements".to_owned());
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err("too many elements".to_owned());
                }
                close(element(&start)?, &mut open, &mut root);
            }
            Event::End(_) => {
                // The reader itself refuses ends without a start.
                let Some(element) = open.pop() else { return Err("an end without a start".to_owned()) };
                close(element, &mut open, &mut root);
            }
            Event::Text(text) => add_text(&text.xml10_content(), &mut open)?,
            Event::CData(text) => add_text(&text.xml10_content(), &mut open)?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(c) => c,
                    None => entity(&reference.xml10_content())?,
                };
                add_text(resolved.encode_utf8(&mut [0; 4]), &mut open)?;
            }
            Event::DocType(_) => return Err("a document type".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if open.is_empty() => return root.ok_or_else(|| "no element".to_owned()),
            Event::Eof => return Err("the document breaks off".to_owned()),
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    let name = local(start.name().as_ref()).to_owned();
    Ok(Element { name, attributes, children: Vec::new(), text: String::new() })
}

fn close(mut element: Element, open: &mut [Element], root: &mut Option<Element>) {
    if !element.children.is_empty() && element.text.trim().is_empty() {
        element.text.clear();
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn add_text(text: &str, open: &mut [Element]) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
        None => return Err("text outside the root element".to_owned()),
    }
    Ok(())
}

fn entity(name: &str) -> Result<char, String> {
    Ok(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        other => return Err(format!("an unknown entity '{other}'")),
    })
}

/// Writes a text so that a reader finds it unchanged, in an element or in an attribute.
pub(crate) fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            // A reader takes line ends for one another; other controls have no place in a text.
            c if c.is_ascii_control() => out.push_str(&format!("&#x{:X};", u32::from(c))),
            c => out.push(c),
        }
    }
}

/// The same as a text of its own.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_as_trees() {
        let text = "<?xml version=\"1.0\"?>\n<a xmlns=\"u\" xmlns:x='v'>\n <!-- no --> <b x:type=\"T&amp;U\"> 1 &lt;&#x41;<![CDATA[<&>]]></b><x:c/>\n</a>\n";
        let root = read(text).expect("well formed");
        assert_eq!((root.name.as_str(), root.children.len(), root.text.as_str()), ("a", 2, ""));
        let b = root.child("b").expect("a child");
        assert_eq!(b.text, " 1 <A<&>");
        assert_eq!(
            (b.attribute("xsi:type"), b.attribute("x:type"), b.attribute("z")),
            (Some("T&U"), Some("T&U"), None)
        );
        assert!(root.child("c").is_some());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(DEPTH_MAX + 1), "</a>".repeat(DEPTH_MAX + 1));
        let many = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
        let cases = [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a>&nope;</a>",
            "<a b='&nope;'/>",
            "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
            deep.as_str(),
            many.as_str(),
        ];
        for text in cases {
            assert!(read(text).is_err(), "{}", &text[..text.len().min(60)]);
        }
    }

    #[test]
    fn escaped_text_comes_back() {
        let text = "a<b>&\"c\"\r\n\u{1}é\t";
        let root = read(&format!("<a>{}</a>", escape(text))).expect("well formed");
        assert_eq!(root.text, text);
    }
}
