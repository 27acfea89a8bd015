use std::io::{Read, Write};
use std::net::TcpStream;

use windlass_value::object;

use crate::fixture::{Fixture, has_node, open, timeout};

/// Asks a Runtime API for work with those further lines of the head, and answers the status.
fn status_of_next(address: &str, host: &str, lines: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head =
        format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

async fn address_of(fixture: &Fixture, payload: &str) -> String {
    let (address, failed, _) = fixture.invoke("f", payload).await;
    assert!(!failed, "{address}");
    address.trim_matches(['"', '\n']).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_own_process_of_an_environment_gets_work() {
    let python = "import os\ndef handler(event, context):\n    assert 'WINDLASS_RUNTIME_TOKEN' not in os.environ\n    return os.environ['AWS_LAMBDA_RUNTIME_API']\n";
    let node = "exports.handler = async () => { if (process.env.WINDLASS_RUNTIME_TOKEN !== undefined) throw new Error('told'); return process.env.AWS_LAMBDA_RUNTIME_API; };";
    let mut cases = vec![("python3.12", "handler.py", python)];
    if has_node() {
        cases.push(("nodejs22.x", "handler.js", node));
    }
    for (runtime, file, code) in cases {
        let fixture = open().await;
        fixture.create("f", runtime, "handler.handler", &[(file, code)], timeout(60)).await;
        let address = address_of(&fixture, "1").await;
        let port = address.rsplit(':').next().expect("a port").to_owned();
        for (host, lines) in [
            // Any process of the machine.
            (address.as_str(), ""),
            (address.as_str(), "Windlass-Runtime-Token: 8f9c1f5e-0000-4000-8000-000000000001\r\n"),
            // A page of the web, by a name that leads here or by the address.
            (&format!("rebound.example:{port}"), ""),
            (&format!("localhost:{port}"), ""),
            (address.as_str(), "Origin: http://example.com\r\n"),
            (address.as_str(), "Sec-Fetch-Site: cross-site\r\n"),
        ] {
            assert_eq!(status_of_next(&address, host, lines), 403, "{runtime} {host} {lines}");
        }
        // None of them took anything: the same process answers.
        assert_eq!(address_of(&fixture, "1").await, address);
    }
}

/// Waits for work with a plain HTTP client, and answers the API's address.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import http.client, json, os
address = os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    client = http.client.HTTPConnection(address)
    client.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = client.getresponse()
    answer.read()
    request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    client = http.client.HTTPConnection(address)
    client.request("POST", "/2018-06-01/runtime/invocation/%s/response" % request_id, json.dumps(address))
    client.getresponse().read()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_provided_runtime_is_kept_from_web_pages() {
    let fixture = open().await;
    fixture.create("f", "provided.al2023", "h", &[("bootstrap", BOOTSTRAP)], timeout(60)).await;
    let address = address_of(&fixture, "1").await;
    let port = address.rsplit(':').next().expect("a port").to_owned();
    for (host, lines) in [
        (format!("rebound.example:{port}"), ""),
        (format!("localhost:{port}"), ""),
        (address.clone(), "Origin: null\r\n"),
        (address.clone(), "Sec-Fetch-Site: none\r\n"),
    ] {
        assert_eq!(status_of_next(&address, &host, lines), 403, "{host} {lines}");
    }
    assert_eq!(address_of(&fixture, "1").await, address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_prints_for_ever_is_timed_out() {
    let fixture = open().await;
    let code = "import os\ndef handler(event, context):\n    if event == 'leave':\n        if os.fork():\n            os._exit(1)\n    if event == 1:\n        return 1\n    line = b'y' * 4095 + b'\\n'\n    for _ in range(7):\n        if not os.fork():\n            break\n    while True:\n        os.write(1, line * 4)\n";
    fixture
        .create(
            "f",
            "python3.12",
            "handler.handler",
            &[("handler.py", code)],
            object! { "Timeout" => 1, "MemorySize" => 512 },
        )
        .await;
    assert_eq!(fixture.invoke("f", "1").await.0, "1");
    let (answer, failed, _) = fixture.invoke("f", "2").await;
    assert!(failed && answer.contains("Task timed out after 1.00 seconds"), "{answer}");
    // What an ended process leaves behind prints on.
    let (answer, failed, _) = fixture.invoke("f", "\"leave\"").await;
    assert!(failed && answer.contains("exit status 1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initialisation_that_failed_and_lingers_is_told_as_such() {
    let fixture = crate::fixture::open_with(|config| config.init_timeout = std::time::Duration::from_secs(2)).await;
    let bootstrap = "#!/usr/bin/env python3\nimport http.client, os, time\nclient = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\nclient.request('POST', '/2018-06-01/runtime/init/error', '{\"errorType\":\"Mine\"}')\nclient.getresponse().read()\ntime.sleep(600)\n";
    fixture.create("f", "provided", "h", &[("bootstrap", bootstrap)], timeout(60)).await;
    let (answer, failed, _) = fixture.invoke("f", "1").await;
    assert_eq!((answer.as_str(), failed), (r#"{"errorType":"Mine"}"#, true));
}
