//! Paths of REST operations: templates with labels, and percent encoding.

/// `/2015-03-31/functions/{FunctionName}/code`, taken apart.
#[derive(Debug)]
pub(crate) struct UriTemplate {
    segments: Vec<Segment>,
    /// It ends with a slash.
    slash: bool,
    /// Pairs the query must hold: `?List=ALL`.
    query: Vec<(String, String)>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Label(String),
    /// `{Key+}`: takes the rest of the path.
    Greedy(String),
}

/// The values of a template's labels, decoded.
pub(crate) type Labels = Vec<(String, String)>;

/// A request's path and query, taken apart once for all templates.
#[derive(Debug)]
pub(crate) struct GivenPath<'a> {
    /// Still encoded, without the leading slash and one trailing slash.
    parts: Vec<&'a str>,
    slash: bool,
    query: Vec<(String, String)>,
}

impl<'a> GivenPath<'a> {
    pub(crate) fn new(path: &'a str, query: &str) -> GivenPath<'a> {
        GivenPath { parts: parts(path).collect(), slash: ends_with_slash(path), query: form_pairs(query).collect() }
    }

    pub(crate) fn has_query(&self, name: &str) -> bool {
        self.query.iter().any(|(key, _)| key == name)
    }
}

impl UriTemplate {
    pub(crate) fn new(text: &str) -> UriTemplate {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let segments = parts(path)
            .map(|part| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(label) => match label.strip_suffix('+') {
                    Some(greedy) => Segment::Greedy(greedy.to_owned()),
                    None => Segment::Label(label.to_owned()),
                },
                None => Segment::Literal(part.to_owned()),
            })
            .collect();
        UriTemplate { segments, slash: ends_with_slash(path), query: form_pairs(query).collect() }
    }

    /// The path (and fixed query) with the labels' values filled in; `None` where one is
    /// missing or empty.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for segment in &self.segments {
            out.push('/');
            match segment {
                Segment::Literal(text) => out.push_str(&percent_encode(text, "")),
                Segment::Label(name) => {
                    out.push_str(&percent_encode(&value(name).filter(|text| !text.is_empty())?, ""));
                }
                Segment::Greedy(name) => {
                    out.push_str(&percent_encode(&value(name).filter(|text| !text.is_empty())?, "/"));
                }
            }
        }
        if self.slash {
            out.push('/');
        }
        for (index, (key, value)) in self.query.iter().enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            out.push_str(&percent_encode(key, ""));
            if !value.is_empty() {
                out.push_str(&format!("={}", percent_encode(value, "")));
            }
        }
        Some(out)
    }

    /// How much is spelled out; of two templates that fit, the one with more wins.
    pub(crate) fn literals(&self) -> usize {
        self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count() + self.query.len()
    }

    /// The labels' values if path and query fit. A trailing slash matters only to a greedy
    /// label that takes the rest of the path: S3's keys may end with one.
    pub(crate) fn matches(&self, given: &GivenPath<'_>) -> Option<Labels> {
        if !self.query.iter().all(|needed| given.query.contains(needed)) {
            return None;
        }
        let mut labels = Labels::new();
        let mut at = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Literal(text) => {
                    let part = given.parts.get(at)?;
                    let same = *part == text || (part.contains('%') && percent_decode(part, false) == *text);
                    if !same {
                        return None;
                    }
                    at += 1;
                }
                Segment::Label(name) => {
                    let part = given.parts.get(at).filter(|part| !part.is_empty())?;
                    labels.push((name.clone(), percent_decode(part, false)));
                    at += 1;
                }
                Segment::Greedy(name) => {
                    let after = self.segments.len() - index - 1;
                    let end = given.parts.len().checked_sub(after).filter(|end| *end > at)?;
                    let mut rest = given.parts[at..end].join("/");
                    if after == 0 && given.slash {
                        rest.push('/');
                    }
                    labels.push((name.clone(), percent_decode(&rest, false)));
                    at = end;
                }
            }
        }
        (at == given.parts.len()).then_some(labels)
    }
}

fn ends_with_slash(path: &str) -> bool {
    path.len() > 1 && path.ends_with('/')
}

/// The segments of a path without its leading and trailing slash.
fn parts(path: &str) -> std::str::Split<'_, char> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path).split('/')
}

/// Undoes percent encoding; in forms (and query strings) `+` is a blank. What is no
/// encoding stays as it is.
pub(crate) fn percent_decode(text: &str, plus_is_blank: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'+', ..) if plus_is_blank => {
                out.push(b' ');
                at += 1;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Everything but RFC 3986's unreserved characters and some others as `%XX`.
pub(crate) fn percent_encode(text: &str, unchanged: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || unchanged.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The decoded pairs of a query string or form, in order.
pub fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(key, true), percent_decode(value, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_paths_apart() {
        type Found = Option<&'static [(&'static str, &'static str)]>;
        let cases: &[(&str, &str, Found)] = &[
            ("/functions/", "/functions", Some(&[])),
            ("/functions/", "/functions/", Some(&[])),
            ("/functions/", "/functions/x", None),
            ("/f/{Name}/code", "/f/a%3Ab%2Fc/code", Some(&[("Name", "a:b/c")])),
            ("/f/{Name}/code", "/f//code", None),
            ("/f/{Name}/code", "/f/a/b/code", None),
            ("/{Bucket}/{Key+}", "/b/x/y%20z", Some(&[("Bucket", "b"), ("Key", "x/y z")])),
            ("/{Bucket}/{Key+}", "/b", None),
            ("/{Bucket}/{Key+}", "/b/", None),
            ("/{Bucket}/{Key+}", "/b/x/", Some(&[("Bucket", "b"), ("Key", "x/")])),
            ("/{Bucket}/{Key+}", "/b//x", Some(&[("Bucket", "b"), ("Key", "/x")])),
            ("/{Bucket}/{Key+}", "/b//", Some(&[("Bucket", "b"), ("Key", "/")])),
            ("/{Bucket}/{Key+}?uploads", "/b/x?uploads", Some(&[("Bucket", "b"), ("Key", "x")])),
            ("/{Bucket}/{Key+}?uploads", "/b/x?uploads=", Some(&[("Bucket", "b"), ("Key", "x")])),
            ("/{Bucket}", "/b/?x-id=ListObjects", Some(&[("Bucket", "b")])),
            ("/", "/", Some(&[])),
            ("/{Key+}/end", "/x/y/end", Some(&[("Key", "x/y")])),
            ("/{Key+}/end", "/end", None),
            ("/layers?find=LayerVersion", "/layers?find=LayerVersion&Arn=x", Some(&[])),
            ("/layers?find=LayerVersion", "/layers?Arn=x", None),
        ];
        for (template, path, expected) in cases {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let found = UriTemplate::new(template).matches(&GivenPath::new(path, query));
            let expected = expected.map(|labels| {
                labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Labels>()
            });
            assert_eq!(found, expected, "{template} {path}");
        }
    }

    #[test]
    fn broken_percent_encoding_stays() {
        assert_eq!(percent_decode("a%2", false), "a%2");
        assert_eq!(percent_decode("%zz+", true), "%zz ");
        assert_eq!(percent_decode("%", false), "%");
    }
}
