//! The built-in functions: their names, signatures and how they are called.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::{Item, WRAPS_INPUT};
use crate::signature::{Count, Parameter, Signature};
use crate::token::quoted;
use crate::{arrays, aws, hof, numerics, objects, pictures, strings};

/// A function's arguments, checked against its signature.
pub(crate) struct Arguments<'v> {
    items: Vec<Item<'v>>,
}

impl<'v> Arguments<'v> {
    /// The argument at a place; undefined where there is none.
    pub(crate) fn take(&mut self, index: usize) -> Item<'v> {
        self.items.get_mut(index).map_or(Item::Undefined, |item| std::mem::replace(item, Item::Undefined))
    }

    pub(crate) fn all(&mut self) -> Vec<Item<'v>> {
        std::mem::take(&mut self.items)
    }
}

type Run = for<'a, 'v> fn(&'a mut Evaluator<'v>, &'a mut Arguments<'v>) -> Outcome<Item<'v>>;

pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) arity: usize,
    signature: Option<Signature>,
    run: Run,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}", self.name)
    }
}

/// Name, signature, parameters a callback would be given, implementation.
const TABLE: &[(&str, &str, usize, Run)] = &[
    ("sum", "<a<n>:n>", 1, numerics::sum),
    ("count", "<a:n>", 1, arrays::count),
    ("max", "<a<n>:n>", 1, numerics::max),
    ("min", "<a<n>:n>", 1, numerics::min),
    ("average", "<a<n>:n>", 1, numerics::average),
    ("string", "<x-b?:s>", 1, strings::string),
    ("substring", "<s-nn?:s>", 3, strings::substring),
    ("substringBefore", "<s-s:s>", 2, strings::substring_before),
    ("substringAfter", "<s-s:s>", 2, strings::substring_after),
    ("lowercase", "<s-:s>", 1, strings::lowercase),
    ("uppercase", "<s-:s>", 1, strings::uppercase),
    ("length", "<s-:n>", 1, strings::length),
    ("trim", "<s-:s>", 1, strings::trim),
    ("pad", "<s-ns?:s>", 3, strings::pad),
    ("match", "<s-f<s:o>n?:a<o>>", 3, strings::match_all),
    ("contains", "<s-(sf):b>", 2, strings::contains),
    ("replace", "<s-(sf)(sf)n?:s>", 4, strings::replace),
    ("split", "<s-(sf)n?:a<s>>", 3, strings::split),
    ("join", "<a<s>s?:s>", 2, strings::join),
    ("formatNumber", "<n-so?:s>", 3, pictures::format_number),
    ("formatBase", "<n-n?:s>", 2, numerics::format_base),
    ("formatInteger", "<n-s:s>", 2, pictures::format_integer),
    ("parseInteger", "<s-s:n>", 2, pictures::parse_integer),
    ("number", "<(nsb)-:n>", 1, numerics::number),
    ("floor", "<n-:n>", 1, numerics::floor),
    ("ceil", "<n-:n>", 1, numerics::ceil),
    ("round", "<n-n?:n>", 2, numerics::round),
    ("abs", "<n-:n>", 1, numerics::abs),
    ("sqrt", "<n-:n>", 1, numerics::sqrt),
    ("power", "<n-n:n>", 2, numerics::power),
    ("random", "<n?:n>", 0, aws::random),
    ("boolean", "<x-:b>", 1, objects::boolean),
    ("not", "<x-:b>", 1, objects::not),
    ("map", "<af>", 2, hof::map),
    ("zip", "<a+>", 0, arrays::zip),
    ("filter", "<af>", 2, hof::filter),
    ("single", "<af?>", 2, hof::single),
    ("reduce", "<afj?:j>", 3, hof::reduce),
    ("sift", "<o-f?:o>", 2, hof::sift),
    ("keys", "<x-:a<s>>", 1, objects::keys),
    ("lookup", "<x-s:x>", 2, objects::lookup),
    ("append", "<xx:a>", 2, arrays::append),
    ("exists", "<x:b>", 1, objects::exists),
    ("spread", "<x-:a<o>>", 1, objects::spread),
    ("merge", "<a<o>:o>", 1, objects::merge),
    ("reverse", "<a:a>", 1, arrays::reverse),
    ("each", "<o-f:a>", 2, hof::each),
    ("error", "<s?:x>", 1, objects::error),
    ("assert", "<bs?:x>", 2, objects::assert),
    ("type", "<x:s>", 1, objects::type_of),
    ("sort", "<af?:a>", 2, hof::sort),
    ("shuffle", "<a:a>", 1, arrays::shuffle),
    ("distinct", "<x:x>", 1, arrays::distinct),
    ("base64encode", "<s-:s>", 1, strings::base64_encode),
    ("base64decode", "<s-:s>", 1, strings::base64_decode),
    ("encodeUrlComponent", "<s-:s>", 1, strings::encode_url_component),
    ("encodeUrl", "<s-:s>", 1, strings::encode_url),
    ("decodeUrlComponent", "<s-:s>", 1, strings::decode_url_component),
    ("decodeUrl", "<s-:s>", 1, strings::decode_url),
    ("toMillis", "<s-s?:n>", 2, pictures::to_millis),
    ("fromMillis", "<n-s?s?:s>", 3, pictures::from_millis),
    ("clone", "<(oa)-:o>", 1, objects::clone),
    ("now", "<s?s?:s>", 2, pictures::now),
    ("millis", "<:n>", 0, pictures::millis),
    ("partition", "<an:a>", 2, aws::partition),
    ("range", "<nnn?:a>", 3, aws::range),
    ("hash", "<ss?:s>", 2, aws::hash),
    ("uuid", "<:s>", 0, aws::uuid),
    ("parse", "<s-:x>", 1, aws::parse),
];

static BUILTINS: LazyLock<HashMap<&'static str, Builtin, foldhash::fast::RandomState>> = LazyLock::new(|| {
    TABLE
        .iter()
        .map(|&(name, signature, arity, run)| {
            let signature = Signature::parse(signature, 0).ok();
            (name, Builtin { name, arity, signature, run })
        })
        .collect()
});

pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.get(name)
}

pub(crate) fn call<'v>(
    evaluator: &mut Evaluator<'v>,
    builtin: &'static Builtin,
    arguments: Vec<Item<'v>>,
    input: &Item<'v>,
    name: Option<&str>,
) -> Outcome<Item<'v>> {
    let items = match &builtin.signature {
        Some(signature) => validate(evaluator, signature, arguments, input, Some(name.unwrap_or(builtin.name)))?,
        None => arguments,
    };
    let mut arguments = Arguments { items };
    let result = (builtin.run)(evaluator, &mut arguments);
    evaluator.release_list(arguments.items);
    result
}

fn items_name(letter: char) -> &'static str {
    match letter {
        'a' => "arrays",
        'b' => "booleans",
        'f' => "functions",
        'n' => "numbers",
        'o' => "objects",
        's' => "strings",
        _ => "values",
    }
}

/// Checks arguments against a signature: fills in the context, wraps single
/// values where an array is asked for.
pub(crate) fn validate<'v>(
    evaluator: &mut Evaluator<'v>,
    signature: &Signature,
    mut arguments: Vec<Item<'v>>,
    input: &Item<'v>,
    name: Option<&str>,
) -> Outcome<Vec<Item<'v>>> {
    let parameters = &signature.parameters;
    // As most calls are: each argument in its parameter's place.
    let in_place = arguments.len() <= parameters.len()
        && parameters.iter().enumerate().all(|(index, parameter)| match arguments.get(index) {
            Some(argument) => parameter.count != Count::Many && parameter.letters.contains(argument.letter()),
            None => parameter.count == Count::Optional && parameter.context.is_none(),
        });
    if in_place {
        for (index, parameter) in parameters.iter().enumerate() {
            let Some(argument) = arguments.get_mut(index) else { break };
            if !parameter.is_array || argument.is_undefined() {
                continue;
            }
            let item = std::mem::replace(argument, Item::Undefined);
            arguments[index] = as_array(evaluator, parameter, item, index + 1, name)?;
        }
        return Ok(arguments);
    }
    let letters: Vec<char> = arguments.iter().map(Item::letter).collect();
    let Some(taken) = signature.fit(&letters) else {
        let good = signature.fitting(&letters);
        return fail(
            "T0410",
            format!("Argument {} of function {} does not match function signature", good + 1, called(name)),
        );
    };
    let mut checked = Vec::with_capacity(parameters.len());
    let mut next = 0;
    for (parameter, taken) in parameters.iter().zip(taken) {
        if taken == 0 {
            match parameter.context {
                Some(letters) => {
                    let context = match input {
                        Item::Array(array) if array.is(WRAPS_INPUT) => array.get(0).unwrap_or(Item::Undefined),
                        other => other.clone(),
                    };
                    let letter = context.letter();
                    // A choice or a typed letter takes "no context" as well.
                    if !letters.contains(letter) && letter != 'm' {
                        let message = format!(
                            "Context value is not a compatible type with argument {} of function {}",
                            next + 1,
                            called(name)
                        );
                        return fail("T0411", message);
                    }
                    checked.push(context);
                }
                None => {
                    checked.push(arguments.get(next).cloned().unwrap_or(Item::Undefined));
                    next += 1;
                }
            }
            continue;
        }
        for _ in 0..taken {
            let argument = arguments.get(next).cloned().unwrap_or(Item::Undefined);
            next += 1;
            checked.push(if parameter.is_array && !argument.is_undefined() {
                as_array(evaluator, parameter, argument, next, name)?
            } else {
                argument
            });
        }
    }
    Ok(checked)
}

fn called(name: Option<&str>) -> String {
    name.map_or_else(|| "undefined".to_owned(), quoted)
}

/// An argument where an array is asked for; `place` counts from 1.
fn as_array<'v>(
    evaluator: &mut Evaluator<'v>,
    parameter: &Parameter,
    argument: Item<'v>,
    place: usize,
    name: Option<&str>,
) -> Outcome<Item<'v>> {
    if let Some(wanted) = parameter.items {
        let fits = match &argument {
            Item::Array(array) => {
                evaluator.spend(array.len())?;
                array.iter().all(|item| item.letter() == wanted)
            }
            other => other.letter() == wanted,
        };
        if !fits {
            let kind = quoted(items_name(wanted));
            let message = format!("Argument {place} of function {} must be an array of {kind}", called(name));
            return fail("T0412", message);
        }
    }
    match argument {
        array @ Item::Array(_) => Ok(array),
        other => evaluator.list(vec![other]),
    }
}
