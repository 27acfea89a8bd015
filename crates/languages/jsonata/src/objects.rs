//! Functions on objects and on any value, and the transform operator.

use std::collections::HashMap;
use std::rc::Rc;

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::{Frame, Item, Members, OwnRecord, Record};
use crate::tree::Transform;

pub(crate) fn boolean<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(match arguments.take(0) {
        Item::Undefined => Item::Undefined,
        other => Item::Bool(other.truth()),
    })
}

pub(crate) fn not<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(match arguments.take(0) {
        Item::Undefined => Item::Undefined,
        other => Item::Bool(!other.truth()),
    })
}

pub(crate) fn exists<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(Item::Bool(!arguments.take(0).is_undefined()))
}

fn collect_keys<'v>(evaluator: &mut Evaluator<'v>, item: &Item<'v>, found: &mut Members<'v>) -> Outcome<()> {
    match item {
        Item::Array(array) => array.iter().try_for_each(|item| collect_keys(evaluator, &item, found)),
        Item::Object(record) => {
            evaluator.spend(record.len())?;
            for (key, _) in record.iter() {
                if found.place(&key).is_none() {
                    found.push(key, Item::Null);
                }
            }
            Ok(())
        }
        _ => evaluator.spend(1),
    }
}

pub(crate) fn keys<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let mut found = Members::default();
    collect_keys(evaluator, &arguments.take(0), &mut found)?;
    evaluator.sequence(found.entries().iter().map(|(key, _)| Item::String(key.clone())).collect())
}

fn look_up<'v>(evaluator: &mut Evaluator<'v>, item: &Item<'v>, key: &str) -> Outcome<Item<'v>> {
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

pub(crate) fn lookup<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let item = arguments.take(0);
    match arguments.take(1) {
        Item::String(key) => look_up(evaluator, &item, &key),
        _ => Ok(Item::Undefined),
    }
}

pub(crate) fn spread<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let item = arguments.take(0);
    spread_item(evaluator, item)
}

fn spread_item<'v>(evaluator: &mut Evaluator<'v>, item: Item<'v>) -> Outcome<Item<'v>> {
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

pub(crate) fn merge<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
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

pub(crate) fn error<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    match arguments.take(0) {
        Item::String(message) => fail("D3137", &*message),
        _ => fail("D3137", "$error() function evaluated"),
    }
}

pub(crate) fn assert<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    if arguments.take(0).truth() {
        return Ok(Item::Undefined);
    }
    match arguments.take(1) {
        Item::String(message) => fail("D3141", &*message),
        _ => fail("D3141", "$assert() statement failed"),
    }
}

pub(crate) fn type_of<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
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

pub(crate) fn clone<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(arguments.take(0))
}

/// Changes a transform makes: a record of the copy and what it becomes.
type Changes<'v> = HashMap<*const OwnRecord<'v>, Members<'v>>;

impl<'v> Evaluator<'v> {
    /// `|pattern|update, delete|` applied to a value.
    pub(crate) fn transform(
        &mut self,
        transform: &'v Transform,
        frame: &Rc<Frame<'v>>,
        target: Item<'v>,
    ) -> Outcome<Item<'v>> {
        match target {
            Item::Undefined => return Ok(Item::Undefined),
            Item::Array(_) | Item::Object(_) => {}
            _ => return fail("T0410", "Argument 1 of function \"undefined\" does not match function signature"),
        }
        let clone = self.program.symbol("clone").and_then(|symbol| self.bound(symbol, frame));
        if !matches!(clone, Some(Item::Function(_)) | None) {
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
            let Item::Object(Record::Own(own)) = &item else { continue };
            let identity = Rc::as_ptr(own);
            let mut changed = changes.get(&identity).unwrap_or(&own.members).clone();
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
                    changed.remove(name);
                }
            }
            changes.insert(identity, changed);
        }
        self.with_changes(&copy, &changes)
    }

    fn own_copy(&mut self, item: &Item<'v>) -> Outcome<Item<'v>> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || match item {
            Item::Array(array) => {
                let items = array.iter().map(|item| self.own_copy(&item)).collect::<Outcome<Vec<_>>>()?;
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

    fn with_changes(&mut self, item: &Item<'v>, changes: &Changes<'v>) -> Outcome<Item<'v>> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || match item {
            Item::Array(array) => {
                let items = array.iter().map(|item| self.with_changes(&item, changes)).collect::<Outcome<Vec<_>>>()?;
                self.list(items)
            }
            Item::Object(Record::Own(own)) => {
                let members = changes.get(&Rc::as_ptr(own)).unwrap_or(&own.members);
                let mut made = Members::with_capacity(members.len());
                for (key, item) in members.entries() {
                    made.push(key.clone(), self.with_changes(item, changes)?);
                }
                self.record(made)
            }
            other => Ok(other.clone()),
        })
    }
}
