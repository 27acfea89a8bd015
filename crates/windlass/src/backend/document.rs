//! Calls and answers as one JSON document each, their payloads among the members.

use windlass_protocol::{Body, Call, Fault, Models, Reply};
use windlass_value::{Object, Value, parse};

use super::endpoint::REQUEST_BYTES_MAX;

/// The input with the operation's payload under its member's name, as JSON where it is.
pub(super) async fn with_payload(call: &Call) -> Result<Value, Fault> {
    let model = Models::embedded().service(&call.service);
    let member = model.and_then(|model| model.input_payload(model.operation(&call.operation)?));
    let (Some(member), false) = (member, call.body.is_empty()) else { return Ok(call.input.clone()) };
    let body = call.body.clone();
    let bytes = tokio::task::spawn_blocking(move || body.read(REQUEST_BYTES_MAX)).await;
    let bytes = bytes.map_err(|error| Fault::internal(error.to_string()))?;
    let bytes = bytes.map_err(|error| Fault::internal(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut document = call.input.as_object().map_or_else(Object::new, |members| Object::clone(members));
    document.insert(member, parse(&text).unwrap_or_else(|_| Value::from(&*text)));
    Ok(document.into())
}

/// The answer with the operation's payload, if it has one, as its body.
pub(super) fn without_payload(call: &Call, output: Value) -> Reply {
    let model = Models::embedded().service(&call.service);
    let member = model.and_then(|model| model.output_payload(model.operation(&call.operation)?));
    let Some((member, Value::Object(members))) = member.map(|member| (member, &output)) else {
        return Reply::from(output);
    };
    let body = match members.get(member) {
        None | Some(Value::Null) => Body::empty(),
        Some(Value::String(text)) if parse(text).is_ok() => Body::from(text.to_string()),
        Some(value) => Body::from(value.to_text()),
    };
    let rest = members.iter().filter(|(name, _)| &***name != member).map(|(name, value)| (name.clone(), value.clone()));
    Reply { output: rest.collect::<Object>().into(), body }
}
