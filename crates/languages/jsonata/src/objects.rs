//! Functions on objects and on any value, and the transform operator.

use std::collections::HashMap;
use std::rc::Rc;

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::{Frame, Item, Members, Record};
use crate::tree::Transform;

pub(crate) fn boolean(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    Ok(match arguments.take(0) {
        Item::Undefined => Item::Undefined,
        other => Item::Bool(other.truth()),
    })
}

pub(crate) fn not(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    Ok(match arguments.take(0) {
        Item::Undefined => Item::Undefined,
        other => Item::Bool(!other.truth()),
    })
}

pub(crate) fn exists(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    Ok(Item::Bool(!arguments.take(0).is_undefined()))
}

fn collect_keys(evaluator: &mut Evaluator<'_>, item: &Item, found: &mut Members) -> Outcome<()> {
    match item {
        Item::Array(array) => array.iter().try_for_each(|item| collect_keys(evaluator, &item, found)),
        Item::Object(record) => {
            evaluator.spend(record.len())?;
            for (key, _) in record.iter() {
                found.entry(key).or_insert(Item::Null);
            }
            Ok(())
        }
        _ => evaluator.spend(1),
    }
}

pub(crate) fn keys(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let mut found = Members::default();
    collect_keys(evaluator, &arguments.take(0), &mut found)?;
    evaluator.sequence(found.into_keys().map(Item::String).collect())
}

fn look_up(evaluator: &mut Evaluator<'_>, item: &Item, key: &str) -> Outcome<Item> {
    match item {
        Item::Array(array) => {
            let mut found = Vec::new();
            for item in array.iter() {
                evaluator.spend(1)?;
                match look_up(evaluator, &item, key)? {
                    Item::Undefined => {}
                    Item::Array(inner) => found.extend(inner.iter()),
                    other => found.push(other),
                }
            }
            evaluator.sequence(found)
        }
        Item::Object(record) => Ok(record.get(key).unwrap_or(Item::Undefined)),
        _ => Ok(Item::Undefined),
    }
}

pub(crate) fn lookup(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let item = arguments.take(0);
    match arguments.take(1) {
        Item::String(key) => look_up(evaluator, &item, &key),
        _ => Ok(Item::Undefined),
    }
}

pub(crate) fn spread(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let item = arguments.take(0);
    spread_item(evaluator, item)
}

fn spread_item(evaluator: &mut Evaluator<'_>, item: Item) -> Outcome<Item> {
    match item {
        Item::Array(array) => {
            let mut found = Vec::new();
            for item in array.iter() {
                match spread_item(evaluator, item)? {
                    Item::Array(inner) => found.extend(inner.iter()),
                    Item::Undefined => {}
                    other => found.push(other),
                }
            }
            evaluator.sequence(found)
        }
        Item::Object(record) => {
            let mut found = Vec::with_capacity(record.len());
            for (key, value) in record.iter() {
                let mut members = Members::default();
                members.insert(key, value);
                found.push(evaluator.record(members)?);
            }
            evaluator.sequence(found)
        }
        other => Ok(other),
    }
}

pub(crate) fn merge(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    let mut members = Members::default();
    for item in array.iter() {
        if let Item::Object(record) = item {
            evaluator.spend(record.len())?;
            members.extend(record.iter());
        }
    }
    evaluator.record(members)
}

pub(crate) fn error(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    match arguments.take(0) {
        Item::String(message) => fail("D3137", &*message),
        _ => fail("D3137", "$error() function evaluated"),
    }
}

pub(crate) fn assert(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    if arguments.take(0).truth() {
        return Ok(Item::Undefined);
    }
    match arguments.take(1) {
        Item::String(message) => fail("D3141", &*message),
        _ => fail("D3141", "$assert() statement failed"),
    }
}

pub(crate) fn type_of(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    Ok(Item::string(match arguments.take(0) {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Null => "null",
        Item::Bool(_) => "boolean",
        Item::Number(_) => "number",
        Item::String(_) => "string",
        Item::Array(_) => "array",
        Item::Object(_) | Item::Tuple(_) => "object",
        Item::Function(_) => "function",
    }))
}

pub(crate) fn clone(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    Ok(arguments.take(0))
}

/// Changes a transform makes: a record of the copy and what it becomes.
type Changes = HashMap<*const Members, Rc<Members>>;

impl Evaluator<'_> {
    /// `|pattern|update, delete|` applied to a value.
    pub(crate) fn transform(&mut self, transform: &Transform, frame: &Rc<Frame>, target: Item) -> Outcome<Item> {
        match target {
            Item::Undefined => return Ok(Item::Undefined),
            Item::Array(_) | Item::Object(_) => {}
            _ => return fail("T0410", "Argument 1 of function \"undefined\" does not match function signature"),
        }
        if let Some(Item::Function(_)) | None = frame.lookup("clone") {
        } else {
            let message = "The transform expression clones the input object using the $clone() function.  This has been overridden in the current scope by a non-function.";
            return fail("T2013", message);
        }
        // Every record of the copy is its own allocation: that is its identity.
        let copy = self.own_copy(&target)?;
        let matches = match self.evaluate(&transform.pattern, &copy, frame)? {
            Item::Undefined => return Ok(copy),
            Item::Array(array) => array.to_vec(),
            other => vec![other],
        };
        let mut changes = Changes::new();
        for item in matches {
            let Item::Object(Record::Own(members, _)) = &item else { continue };
            let identity = Rc::as_ptr(members);
            let mut changed = changes.get(&identity).map_or_else(|| (**members).clone(), |known| (**known).clone());
            self.spend(changed.len())?;
            let update = self.evaluate(&transform.update, &item, frame)?;
            match &update {
                Item::Undefined => {}
                Item::Object(record) => changed.extend(record.iter()),
                other => {
                    let shown = self.shown(other);
                    let message = format!(
                        "The insert/update clause of the transform expression must evaluate to an object: {shown}"
                    );
                    return fail("T2011", message);
                }
            }
            if let Some(delete) = &transform.delete {
                let names = self.evaluate(delete, &item, frame)?;
                let list = match &names {
                    Item::Undefined => Vec::new(),
                    Item::Array(array) => array.to_vec(),
                    other => vec![other.clone()],
                };
                if list.iter().any(|name| name.as_text().is_none()) {
                    let shown = self.shown(&names);
                    let message = format!(
                        "The delete clause of the transform expression must evaluate to a string or array of strings: {shown}"
                    );
                    return fail("T2012", message);
                }
                for name in list.iter().filter_map(Item::as_text) {
                    changed.shift_remove(name);
                }
            }
            changes.insert(identity, Rc::new(changed));
        }
        self.with_changes(&copy, &changes)
    }

    fn own_copy(&mut self, item: &Item) -> Outcome<Item> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || match item {
            Item::Array(array) => {
                let items = array.iter().map(|item| self.own_copy(&item)).collect::<Outcome<Vec<Item>>>()?;
                self.list(items)
            }
            Item::Object(record) => {
                let mut members = Members::default();
                for (key, item) in record.iter() {
                    members.insert(key, self.own_copy(&item)?);
                }
                self.record(members)
            }
            other => Ok(other.clone()),
        })
    }

    fn with_changes(&mut self, item: &Item, changes: &Changes) -> Outcome<Item> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || match item {
            Item::Array(array) => {
                let items =
                    array.iter().map(|item| self.with_changes(&item, changes)).collect::<Outcome<Vec<Item>>>()?;
                self.list(items)
            }
            Item::Object(Record::Own(members, _)) => {
                let members = changes.get(&Rc::as_ptr(members)).unwrap_or(members).clone();
                let mut made = Members::default();
                for (key, item) in members.iter() {
                    made.insert(key.clone(), self.with_changes(item, changes)?);
                }
                self.record(made)
            }
            other => Ok(other.clone()),
        })
    }
}
