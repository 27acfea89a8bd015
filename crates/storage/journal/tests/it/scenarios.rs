//! Workflows that come to the same end wherever the server is cut off.

/// One workflow.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) definition: String,
    pub(crate) input: &'static str,
    pub(crate) status: &'static str,
    pub(crate) output: Option<&'static str>,
    /// Whether a slot for a call is free at once.
    pub(crate) admits: bool,
}

const FUNCTION: &str = r#""Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f""#;
const ACTIVITY: &str = r#""Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a""#;
/// A worker whose answer to its poll was lost is only noticed by a time-out.
const PATIENCE: &str = r#""TimeoutSeconds":30,"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":3}]"#;
const CALLBACK: &str = r#""Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"q","MessageBody":"m"},"ResultPath":null"#;
const JOB: &str = r#""Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync","Parameters":{"JobName":"j","JobQueue":"q","JobDefinition":"d"},"ResultPath":null"#;
/// What AWS's consoles put on functions: a call that was cut off is made again.
const RETRY: &str =
    r#""Retry":[{"ErrorEquals":["Lambda.SdkClientException","E"],"IntervalSeconds":1,"MaxAttempts":3}]"#;

fn machine(start: &str, states: &str) -> String {
    format!(r#"{{"StartAt":"{start}","States":{{{states}}}}}"#)
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut add = |name, definition, input, status, output, admits| {
        all.push(Scenario { name, definition, input, status, output, admits })
    };
    let ok = "SUCCEEDED";
    let end = r#""End":true"#;
    add(
        "passes",
        machine("A", &format!(r#""A":{{"Type":"Pass","Next":"B"}},"B":{{"Type":"Pass",{end}}}"#)),
        "[1]",
        ok,
        Some("[1]"),
        true,
    );
    add(
        "wait",
        machine(
            "A",
            &format!(r#""A":{{"Type":"Wait","Seconds":5,"Next":"B"}},"B":{{"Type":"Wait","Seconds":90,{end}}}"#),
        ),
        "1",
        ok,
        Some("1"),
        true,
    );
    for admits in [true, false] {
        add(
            "function",
            machine("A", &format!(r#""A":{{{FUNCTION},{RETRY},{end}}}"#)),
            r#"{"x":1}"#,
            ok,
            Some(r#"{"x":1}"#),
            admits,
        );
        add(
            "fails once",
            machine("Once", &format!(r#""Once":{{{FUNCTION},{RETRY},{end}}}"#)),
            "2",
            ok,
            Some("2"),
            admits,
        );
        add("job", machine("A", &format!(r#""A":{{{JOB},{end}}}"#)), "7", ok, Some("7"), admits);
        add(
            "jobs in branches",
            machine(
                "P",
                &format!(
                    r#""P":{{"Type":"Parallel","Branches":[{},{}],{end}}}"#,
                    machine("A", &format!(r#""A":{{{JOB},{end}}}"#)),
                    machine("B", &format!(r#""B":{{{JOB},"Next":"C"}},"C":{{{FUNCTION},{RETRY},{end}}}"#))
                ),
            ),
            "8",
            ok,
            Some("[8,8]"),
            admits,
        );
        add("activity", machine("A", &format!(r#""A":{{{ACTIVITY},{PATIENCE},{end}}}"#)), "3", ok, Some("3"), admits);
        add("callback", machine("A", &format!(r#""A":{{{CALLBACK},{RETRY},{end}}}"#)), "4", ok, Some("4"), admits);
        add(
            "branches",
            machine(
                "P",
                &format!(
                    r#""P":{{"Type":"Parallel",{end},"Branches":[{},{},{}]}}"#,
                    machine("X", &format!(r#""X":{{{FUNCTION},{RETRY},{end}}}"#)),
                    machine(
                        "Y",
                        &format!(r#""Y":{{"Type":"Wait","Seconds":2,"Next":"Z"}},"Z":{{{FUNCTION},{RETRY},{end}}}"#)
                    ),
                    machine("W", &format!(r#""W":{{{ACTIVITY},{PATIENCE},{end}}}"#))
                ),
            ),
            "5",
            ok,
            Some("[5,5,5]"),
            admits,
        );
    }
    add(
        "caught",
        machine(
            "Fails",
            &format!(
                r#""Fails":{{{FUNCTION},"Retry":[{{"ErrorEquals":["Lambda.SdkClientException"],"MaxAttempts":3}}],"Catch":[{{"ErrorEquals":["E"],"ResultPath":"$.e","Next":"B"}}],{end}}},"B":{{"Type":"Pass",{end}}}"#
            ),
        ),
        r#"{"x":1}"#,
        ok,
        Some(r#"{"x":1,"e":{"Error":"E","Cause":"as scripted"}}"#),
        true,
    );
    add(
        "uncaught",
        machine(
            "Fails",
            &format!(
                r#""Fails":{{{FUNCTION},"Retry":[{{"ErrorEquals":["Lambda.SdkClientException"],"MaxAttempts":3}}],{end}}}"#
            ),
        ),
        "1",
        "FAILED",
        None,
        true,
    );
    add(
        "map one by one",
        machine(
            "M",
            &format!(
                r#""M":{{"Type":"Map","MaxConcurrency":1,{end},"ItemProcessor":{}}}"#,
                machine("I", &format!(r#""I":{{{FUNCTION},{RETRY},{end}}}"#))
            ),
        ),
        "[1,2,3]",
        ok,
        Some("[1,2,3]"),
        true,
    );
    add(
        "map of functions and waits",
        machine(
            "M",
            &format!(
                r#""M":{{"Type":"Map","MaxConcurrency":2,{end},"ItemProcessor":{}}}"#,
                machine(
                    "I",
                    &format!(r#""I":{{"Type":"Wait","SecondsPath":"$","Next":"J"}},"J":{{{FUNCTION},{RETRY},{end}}}"#)
                )
            ),
        ),
        "[3,1,2,0]",
        ok,
        Some("[3,1,2,0]"),
        true,
    );
    add(
        "map in a branch, retried",
        machine(
            "P",
            &format!(
                r#""P":{{"Type":"Parallel",{RETRY},{end},"Branches":[{},{}]}}"#,
                machine(
                    "M",
                    &format!(
                        r#""M":{{"Type":"Map",{end},"ItemProcessor":{}}}"#,
                        machine(
                            "I",
                            &format!(
                                r#""I":{{{FUNCTION},"Retry":[{{"ErrorEquals":["Lambda.SdkClientException"],"MaxAttempts":3}}],{end}}}"#
                            )
                        )
                    )
                ),
                machine(
                    "Once",
                    &format!(
                        r#""Once":{{{FUNCTION},"Retry":[{{"ErrorEquals":["Lambda.SdkClientException"],"MaxAttempts":3}}],{end}}}"#
                    )
                )
            ),
        ),
        "[7,8]",
        ok,
        Some("[[7,8],[7,8]]"),
        true,
    );
    add(
        "a heartbeat that stops",
        machine(
            "Silent",
            &format!(
                r#""Silent":{{{ACTIVITY},"TimeoutSeconds":100,"HeartbeatSeconds":10,"Retry":[{{"ErrorEquals":["States.HeartbeatTimeout"],"MaxAttempts":5}}],{end}}}"#
            ),
        ),
        "6",
        ok,
        Some("6"),
        true,
    );
    add(
        "a callback that times out",
        machine(
            "Silent",
            &format!(
                r#""Silent":{{{CALLBACK},"TimeoutSeconds":10,"Retry":[{{"ErrorEquals":["States.ALL"],"MaxAttempts":5}}],{end}}}"#
            ),
        ),
        "6",
        ok,
        Some("6"),
        true,
    );
    add(
        "a failing branch takes the others along",
        machine(
            "P",
            &format!(
                r#""P":{{"Type":"Parallel","Catch":[{{"ErrorEquals":["E"],"ResultPath":null,"Next":"B"}}],"Next":"B","Branches":[{},{}]}},"B":{{"Type":"Pass",{end}}}"#,
                machine(
                    "Fails",
                    &format!(
                        r#""Fails":{{{FUNCTION},"Retry":[{{"ErrorEquals":["Lambda.SdkClientException"],"MaxAttempts":3}}],{end}}}"#
                    )
                ),
                machine("W", &format!(r#""W":{{"Type":"Wait","Seconds":1000,{end}}}"#))
            ),
        ),
        "1",
        ok,
        Some("1"),
        true,
    );
    let count = r#""C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":12,"Next":"S"}],"Default":"D"},"D":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"C"},"S":{"Type":"Succeed"}"#;
    add("a loop over many turns", machine("C", count), r#"{"n":0}"#, ok, Some(r#"{"n":12}"#), true);
    let waits = count
        .replace(r#""Next":"C"}"#, r#""Next":"W"},"W":{"Type":"Wait","Seconds":1,"Next":"C"}"#)
        .replace("12", "70");
    add("enough turns for a snapshot", machine("C", &waits), r#"{"n":0}"#, ok, Some(r#"{"n":70}"#), true);
    add(
        "variables",
        machine(
            "A",
            &format!(
                r#""A":{{"Type":"Pass","Assign":{{"x.$":"$.v","y":2}},"Next":"B"}},"B":{{"Type":"Wait","Seconds":3,"Next":"P"}},"P":{{"Type":"Parallel","Next":"C","ResultPath":"$.r","Branches":[{}]}},"C":{{"Type":"Pass","Parameters":{{"x.$":"$x","y.$":"$y","r.$":"$.r"}},{end}}}"#,
                machine(
                    "I",
                    &format!(
                        r#""I":{{"Type":"Pass","Assign":{{"z":3}},"Next":"J"}},"J":{{"Type":"Wait","Seconds":1,"Next":"K"}},"K":{{"Type":"Pass","Parameters":{{"s.$":"States.Array($x, $z)"}},{end}}}"#
                    )
                )
            ),
        ),
        r#"{"v":"one"}"#,
        ok,
        Some(r#"{"x":"one","y":2,"r":[{"s":["one",3]}]}"#),
        true,
    );
    // A child waits, then fails where its item says so; one may.
    let child = r#""StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.fails","IsPresent":true,"Next":"F"}],"Default":"S"},"F":{"Type":"Fail","Error":"E"},"S":{"Type":"Pass","End":true}}"#;
    let items = r#"[{"n":0},{"n":1,"fails":1},{"n":2},{"n":3},{"n":4}]"#;
    for (kind, name, lost) in [
        ("STANDARD", "distributed", "distributed and lost"),
        ("EXPRESS", "distributed, Express", "distributed, Express and lost"),
    ] {
        let map = |more: &str| {
            let processor =
                format!(r#"{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{kind}"}},{child}}}"#);
            machine(
                "M",
                &format!(r#""M":{{"Type":"Map","MaxConcurrency":2,"ItemProcessor":{processor},{more},{end}}}"#),
            )
        };
        let counted = r#""ToleratedFailureCount":1,"ResultSelector":{"n.$":"States.ArrayLength($)"}"#;
        add(name, map(counted), items, ok, Some(r#"{"n":5}"#), true);
        add(lost, map(r#""ToleratedFailureCount":0"#), items, "FAILED", None, true);
        let batched = r#""ItemBatcher":{"MaxItemsPerBatch":2},"ItemSelector":{"v.$":"$$.Map.Item.Value.n"}"#;
        let output = r#"[{"Items":[{"v":0},{"v":1}]},{"Items":[{"v":2},{"v":3}]},{"Items":[{"v":4}]}]"#;
        add(
            if kind == "EXPRESS" { "batches, Express" } else { "batches" },
            map(batched),
            items,
            ok,
            Some(output),
            true,
        );
        let timed = map(r#""ToleratedFailureCount":1"#)
            .replacen('{', r#"{"TimeoutSeconds":3,"#, 1)
            .replace(r#""Seconds":1,"#, r#""Seconds":250,"#);
        add(
            if kind == "EXPRESS" { "aborted, Express" } else { "aborted children" },
            timed,
            items,
            "TIMED_OUT",
            None,
            true,
        );
    }
    let timed = machine("A", &format!(r#""A":{{"Type":"Wait","Seconds":600,{end}}}"#)).replacen(
        '{',
        r#"{"TimeoutSeconds":30,"#,
        1,
    );
    add("the execution times out", timed, "1", "TIMED_OUT", None, true);
    all
}
