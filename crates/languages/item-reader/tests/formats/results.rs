//! The files of `cases/results.json`, written at once and taken up again after every child.

use windlass_item_reader::{
    ChildResult, ResultGroup, ResultWriter, WriterConfig, WriterFailure, manifest, manifest_key, result_key,
    state_output, written_output,
};
use windlass_value::{Text, Timestamp, Value, parse};

fn child(described: &Value) -> ChildResult {
    let text = |member: &str| described[member].as_str().map(Text::from);
    let name = text("name").unwrap_or_else(|| "c".into());
    ChildResult {
        execution_arn: format!("arn:execution:{name}").into(),
        name,
        state_machine_arn: "arn:stateMachine:m/Map".into(),
        status: text("status").unwrap_or_else(|| "SUCCEEDED".into()),
        input: text("input").unwrap_or_else(|| "{}".into()),
        output: text("output"),
        error: text("error"),
        cause: text("cause"),
        redrive_count: 0,
        redrive_status: "NOT_REDRIVABLE".into(),
        redrive_status_reason: Some("Execution is SUCCEEDED and cannot be redriven".into()),
        start_date: Some(Timestamp::parse_rfc3339("2025-02-04T01:49:28.609Z").expect("a date")),
        stop_date: Some(Timestamp::parse_rfc3339("2025-02-04T01:49:28.875Z").expect("a date")),
    }
}

fn write(case: &Value, children: &[ChildResult], suspended: bool) -> Result<Vec<String>, WriterFailure> {
    let config = WriterConfig::from_value(Some(&case["config"]), true)?;
    let group = match case["group"].as_str() {
        Some("FAILED") => ResultGroup::Failed,
        _ => ResultGroup::Succeeded,
    };
    let file_bytes_max = case["file_bytes_max"].as_i64().unwrap_or(i64::MAX) as u64;
    let writer = |files| ResultWriter::new(group, config, files).with_file_bytes_max(file_bytes_max);
    let mut results = writer(Default::default());
    let mut files: Vec<String> = Vec::new();
    let mut pieces = Vec::new();
    for child in children {
        pieces.extend(results.entry(child)?);
        if suspended {
            let stored = serde_json::to_string(results.files()).expect("serializable");
            results = writer(serde_json::from_str(&stored).expect("its own form"));
        }
    }
    pieces.extend(results.close());
    assert!(results.close().is_none());
    let mut open = None;
    for piece in pieces {
        if open != Some(piece.file) {
            assert_eq!(piece.file as usize, files.len(), "the file before was closed");
            files.push(String::new());
            open = Some(piece.file);
        }
        files[piece.file as usize].push_str(std::str::from_utf8(&piece.bytes).expect("text"));
        if piece.closes {
            open = None;
        }
    }
    assert_eq!(open, None);
    let lengths: Vec<u64> = files.iter().map(|file| file.len() as u64).collect();
    assert_eq!(results.files().closed_bytes, lengths);
    Ok(files)
}

#[test]
fn cases() {
    for case in
        parse(include_str!("../cases/results.json")).expect("the file is JSON").as_array().expect("an array").iter()
    {
        let children: Vec<ChildResult> = case["children"].as_array().expect("children").iter().map(child).collect();
        for suspended in [false, true] {
            let found = write(case, &children, suspended);
            let expected: Vec<&str> =
                case["files"].as_array().into_iter().flat_map(|files| files.iter().filter_map(Value::as_str)).collect();
            let files = found.as_ref().map_or(Vec::new(), |files| files.iter().map(String::as_str).collect());
            assert_eq!(files, expected, "{}", case["name"]);
            assert_eq!(found.err().map(|failure| failure.cause), case["error"].as_str().map(str::to_owned));
        }
        if let Some(expected) = case.get("state_output") {
            let config = WriterConfig::from_value(Some(&case["config"]), false).expect("a good configuration");
            let found = state_output(&children, config).expect("good outputs");
            assert_eq!(found.to_text(), expected.to_text(), "{}", case["name"]);
        }
    }
}

#[test]
fn a_manifest_names_the_files() {
    let run = "arn:aws:states:us-east-1:111111111111:mapRun:m/Map:ad9b5f27-090b-3ac6-9beb-243cd77144a7";
    let id = "ad9b5f27-090b-3ac6-9beb-243cd77144a7";
    let config = WriterConfig::from_value(None, true).expect("none is a good configuration");
    let files = |group| match group {
        ResultGroup::Succeeded => vec![(result_key("csvJobs", id, group, 0, config.output_type), 16638)],
        _ => vec![],
    };
    assert_eq!(
        manifest("bucket", run, files).to_text(),
        r#"{"DestinationBucket":"bucket","MapRunArn":"arn:aws:states:us-east-1:111111111111:mapRun:m/Map:ad9b5f27-090b-3ac6-9beb-243cd77144a7","ResultFiles":{"FAILED":[],"PENDING":[],"SUCCEEDED":[{"Key":"csvJobs/ad9b5f27-090b-3ac6-9beb-243cd77144a7/SUCCEEDED_0.json","Size":16638}]}}"#
    );
    assert_eq!(
        written_output(run, "bucket", &manifest_key("csvJobs/", id)).to_text(),
        format!(
            r#"{{"MapRunArn":"{run}","ResultWriterDetails":{{"Bucket":"bucket","Key":"csvJobs/{id}/manifest.json"}}}}"#
        )
    );
    assert_eq!(manifest_key("", id), format!("{id}/manifest.json"));
}
