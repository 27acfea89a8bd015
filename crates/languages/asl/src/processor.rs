use windlass_value::{Object, Text, Value, parse};

/// The definition of a Map's children, as their own executions run it: the
/// `ItemProcessor` (or `Iterator`) of the state of that name, wherever in the
/// definition it stands, with the language it inherits. `None` where the text is no
/// definition or has no such Map.
pub fn processor_definition(text: &str, state: &str) -> Option<Text> {
    let definition = parse(text).ok()?;
    let processor = find(&definition, state)?;
    let mut members = Object::new();
    if let Some(language) = definition.get("QueryLanguage") {
        members.insert("QueryLanguage", language);
    }
    members.extend(processor.as_object()?.iter().map(|(name, member)| (name.clone(), member.clone())));
    Some(Value::from(members).to_text().into())
}

/// Definitions are only as deep as the parser lets them be.
fn find<'a>(machine: &'a Value, name: &str) -> Option<&'a Value> {
    for (state_name, state) in machine.get("States")?.as_object()?.iter() {
        let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
        if &**state_name == name {
            return processor;
        }
        let branches = state.get("Branches").and_then(Value::as_array);
        let inner = branches.into_iter().flat_map(|branches| branches.iter()).chain(processor);
        if let Some(found) = inner.into_iter().find_map(|machine| find(machine, name)) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::processor_definition;

    #[test]
    fn a_maps_children_have_a_definition_of_their_own() {
        let inner = r#"{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}},"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}}"#;
        let map = format!(r#"{{"Type":"Map","ItemProcessor":{inner},"End":true}}"#);
        let nested = format!(
            r#"{{"QueryLanguage":"JSONata","StartAt":"P","States":{{"P":{{"Type":"Parallel","Branches":[{{"StartAt":"M","States":{{"M":{map}}}}}],"End":true}}}}}}"#
        );
        let own = processor_definition(&nested, "M").unwrap();
        assert_eq!(&*own, &*inner.replacen('{', r#"{"QueryLanguage":"JSONata","#, 1));
        let program = crate::load_definition(&own).unwrap();
        assert_eq!(&*program.start_at, "I");
        assert_eq!(program.query_language, crate::QueryLanguage::Jsonata);
        assert_eq!(processor_definition(&nested, "P"), None);
        assert_eq!(processor_definition(&nested, "I"), None);
        assert_eq!(processor_definition("[]", "M"), None);
    }
}
