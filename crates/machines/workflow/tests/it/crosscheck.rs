use windlass_asl::load_definition;
use windlass_value::{Value, parse, object, Payload};
use windlass_workflow::Limits;
use crate::{script::Script, world::run};
#[test]
fn crosscheck() {
    let text = std::fs::read_to_string("/tmp/cross/in.json").unwrap();
    let mut out = Vec::new();
    for case in parse(&text).unwrap().as_array().unwrap().iter() {
        let id = case["id"].as_str().unwrap().to_owned();
        let result = std::panic::catch_unwind(|| {
            let program = load_definition(case["definition"].as_str().unwrap()).map_err(|e| e.message).unwrap();
            let r = run(&program, Payload::from_text(case["input"].as_str().unwrap()).unwrap(), Script::read(&case["tasks"]), &Limits::aws(), 1, vec![]);
            let events: Vec<Value> = r.events.iter().map(|e| e.to_value(true)).collect();
            object!{"id" => &id, "events" => events, "status" => r.execution.status.as_str()}
        });
        out.push(match result { Ok(v) => v, Err(p) => object!{"id" => &id, "panic" => p.downcast_ref::<String>().cloned().or_else(|| p.downcast_ref::<&str>().map(|t| (*t).to_owned()))} });
    }
    std::fs::write("/tmp/cross/out.json", Value::array(out).to_text()).unwrap();
}
