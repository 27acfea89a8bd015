//! The batches of `cases/batches.json`, and where their items are read again.

use windlass_item_reader::{
    Batch, Batcher, Cursor, ItemReader, ObjectAddress, Read, ReaderConfig, ReaderFailure, Source,
};
use windlass_value::{Value, object, parse};

fn source() -> Source {
    Source::Object(ObjectAddress::new("bucket", "key"))
}

fn batches(case: &Value, text: &str, config: &ReaderConfig, from: Option<Cursor>) -> Result<Vec<Batch>, ReaderFailure> {
    let items_max = case["items_max"].as_i64().unwrap_or(0) as u64;
    let bytes_max = case["input_bytes_max"].as_i64().unwrap_or(262_144) as usize;
    let mut batcher = Batcher::new(items_max, bytes_max, case.get("batch_input").cloned())?;
    let mut batches = Vec::new();
    let mut reader = match from {
        None => ItemReader::new(config, source())?,
        Some(cursor) => ItemReader::resume(config, source(), cursor)?,
    };
    loop {
        let before = reader.cursor();
        match reader.next()? {
            Read::Item(item) => batches.extend(batcher.push(item.value, before)?),
            Read::Open(open) => reader.feed(&text.as_bytes()[open.offset as usize..]),
            Read::NeedsInput => reader.end_of_input(),
            Read::End => break,
            other => panic!("{other:?}"),
        }
    }
    batches.extend(batcher.finish());
    assert!(batcher.pending_from().is_none());
    Ok(batches)
}

#[test]
fn cases() {
    let config = ReaderConfig::from_value(&object! { "InputType" => "JSON" }, None).expect("a good configuration");
    for case in
        parse(include_str!("../cases/batches.json")).expect("the file is JSON").as_array().expect("an array").iter()
    {
        let text = case["items"].to_text();
        let found = batches(case, &text, &config, None);
        let inputs: Vec<Value> = found.iter().flatten().map(|batch| batch.input.clone()).collect();
        assert_eq!(Value::array(inputs).to_text(), case["batches"].to_text(), "{}", case["name"]);
        assert_eq!(found.as_ref().err().map(|failure| failure.cause.as_str()), case["error"].as_str());
        // Read again from any batch on, the batches are the same.
        let Ok(found) = found else { continue };
        for (index, batch) in found.iter().enumerate() {
            assert_eq!(batch.items as usize, batch.input["Items"].as_array().map_or(0, |items| items.len()));
            let again = batches(case, &text, &config, Some(batch.from.clone())).expect("what was read once");
            assert_eq!(again, found[index..], "{}", case["name"]);
        }
    }
}
