//! Fields that hold a path.

use windlass_value::{Text, Value};

use super::place::Place;
use super::record::Record;
use super::walk::Walk;
use crate::intrinsic::Intrinsic;
use crate::jsonpath::{Path, ReferencePath};
use crate::program::{PathField, ResultPath, StringField};

const NO_PATH_TEXT: &str = "Value must be a valid JSONPath.";

impl Walk {
    /// A path, and the variables it reads.
    pub(crate) fn path_text(&mut self, text: &Text) -> Option<Path> {
        let path = Path::parse(text).ok()?;
        for name in path.variables() {
            self.reads(&name);
        }
        Some(path)
    }

    /// An intrinsic call, and the variables it reads.
    pub(crate) fn intrinsic_text(&mut self, text: &Text) -> Option<Intrinsic> {
        let call = Intrinsic::parse(text).ok()?;
        for name in call.variables() {
            self.reads(&name);
        }
        Some(call)
    }

    /// A field that must hold a path.
    pub(crate) fn path<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<Path> {
        let text = self.string(record, name)?;
        self.path_at(text, &record.at(name))
    }

    fn path_at(&mut self, text: &Text, place: &Place<'_>) -> Option<Path> {
        let path = self.path_text(text);
        if path.is_none() {
            self.no_path(text, place);
        }
        path
    }

    fn no_path(&mut self, text: &Text, place: &Place<'_>) {
        let help = match Path::parse(text) {
            _ if !text.starts_with('$') => Some("a path starts with '$'".to_owned()),
            Err(error) => Some(error.to_string()),
            Ok(_) => None,
        };
        self.schema(NO_PATH_TEXT, place).help = help;
    }

    /// `InputPath`, `OutputPath`, `ItemsPath`.
    pub(crate) fn path_field<'r>(&mut self, record: &Record<'r>, name: &'r str) -> PathField {
        match record.get(name) {
            None => PathField::Whole,
            Some(Value::Null) => PathField::Discard,
            Some(_) => self.path(record, name).map_or(PathField::Whole, PathField::Path),
        }
    }

    /// `ResultPath`.
    pub(crate) fn result_path(&mut self, record: &Record<'_>) -> ResultPath {
        let name = "ResultPath";
        match record.get(name) {
            None => ResultPath::Replace,
            Some(Value::Null) => ResultPath::Discard,
            Some(_) => match self.string(record, name) {
                Some(text) if &**text == "$" => ResultPath::Replace,
                Some(text) if !text.starts_with('$') => {
                    self.no_path(text, &record.at(name));
                    ResultPath::Replace
                }
                Some(text) => match ReferencePath::parse(text) {
                    Ok(path) => ResultPath::At(path),
                    Err(error) => {
                        self.schema(format!("Value is not a Reference Path: {error}"), &record.at(name));
                        ResultPath::Replace
                    }
                },
                None => ResultPath::Replace,
            },
        }
    }

    /// `Variable` and the `…Path` operators of a Choice rule.
    pub(crate) fn variable_path<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<Path> {
        let text = self.string(record, name)?;
        if !text.starts_with('$') {
            self.schema(
                "Value is not a Reference Path: Reference path didn't start with '$'".to_owned(),
                &record.at(name),
            );
            return None;
        }
        let path = self.path_text(text);
        if path.is_none() {
            let reason = Path::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
            self.schema(format!("Value is not a Reference Path: {reason}"), &record.at(name));
        }
        path
    }

    /// `ErrorPath` and `CausePath`: a path or an intrinsic call.
    pub(crate) fn string_path<'r>(&mut self, record: &Record<'r>, name: &'r str) -> Option<StringField> {
        let text = self.string(record, name)?;
        if text.starts_with("States.") {
            let call = self.intrinsic_text(text);
            if call.is_none() {
                let help = Intrinsic::parse(text).err().map(|error| error.to_string());
                self.schema(
                    "Value must be a valid JSONPath or a valid intrinsic function call".to_owned(),
                    &record.at(name),
                )
                .help = help;
            }
            return call.map(StringField::Intrinsic);
        }
        self.path_at(text, &record.at(name)).map(StringField::Path)
    }
}

/// Whether a string looks as if it was meant as a path.
pub(crate) fn looks_like_path(text: &str) -> bool {
    (text.starts_with("$.") || text.starts_with("$$.") || text.starts_with("$[") || text == "$" || text == "$$")
        && Path::parse(text).is_ok()
}

/// Whether a string looks as if it was meant as an intrinsic call.
pub(crate) fn looks_like_intrinsic(text: &str) -> bool {
    text.starts_with("States.") && text.ends_with(')') && Intrinsic::parse(text).is_ok()
}
