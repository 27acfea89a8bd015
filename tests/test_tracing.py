"""Traces: what a collector gets, and what calls carry."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from server import client
from workflows import PASS, chain, create_function, create_machine, ended, eventually, history, one_state, output, start

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
TRACE = "5759e988bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


class Collector:
    """A small OTLP/HTTP collector, and an address that notes the headers it gets."""

    def __init__(self):
        self.requests = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector.requests.append((self.path, headers, body))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self):
        found = []
        for path, headers, body in self.requests:
            if path != "/v1/traces" or headers["content-type"] != "application/json":
                continue
            for resource in json.loads(body)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    found.extend(scope["spans"])
        return found

    def close(self):
        self.server.shutdown()


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


TRACED = {"tracingConfiguration": {"enabled": True}}
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


def config(collector, **more):
    lines = ['endpoint = "%s"' % collector.address, 'protocol = "http/json"']
    lines += ["%s = %s" % (name, json.dumps(value)) for name, value in more.items()]
    return "[tracing]\n" + "\n".join(lines) + "\n"


def attributes(span):
    return {pair["key"]: next(iter(pair["value"].values())) for pair in span["attributes"]}


def named(spans):
    found = {}
    for span in spans:
        found.setdefault(span["name"], []).append(span)
    return found


def of_execution(collector, execution):
    """Waits for the whole trace of an execution: its own span is the last."""

    def check():
        spans = collector.spans()
        whole = [span for span in spans if attributes(span).get("aws.step_functions.execution.arn") == execution]
        return [span for span in spans if span["traceId"] == whole[0]["traceId"]] if whole else None

    return eventually(check)


def test_spans_of_states_iterations_and_attempts(make_server, collector):
    server = make_server(config=config(collector, service_name="mine"), env=QUICK).start()
    states, functions = server.states(), server.awslambda()
    function = create_function(functions, "def handler(event, context):\n    return event")["FunctionArn"]
    inner = {"StartAt": "In", "States": {"In": {"Type": "Task", "Resource": function, "End": True}}}
    machine = create_machine(
        states,
        chain(("Each", {"Type": "Map", "ItemProcessor": inner}), ("Last", {"Type": "Pass"})),
        **TRACED,
    )
    execution = start(states, machine, [1, 2])
    ended(states, execution)
    spans = of_execution(collector, execution)
    found = named(spans)
    name = machine.rsplit(":", 1)[1]
    assert {key: len(value) for key, value in found.items()} == {
        name: 1, "Each": 1, "Last": 1, "Each[0]": 1, "Each[1]": 1, "In": 2, function.rsplit(":", 1)[1]: 2,
    }
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans)

    def above(span):
        return by_id[span["parentSpanId"]]["name"] if "parentSpanId" in span else None

    assert [above(found[one][0]) for one in (name, "Each", "Last", "Each[0]")] == [None, name, name, "Each"]
    assert sorted(above(span) for span in found["In"]) == ["Each[0]", "Each[1]"]
    assert {above(span) for span in found[function.rsplit(":", 1)[1]]} == {"In"}
    assert (found[name][0]["kind"], found["Each"][0]["kind"], found[function.rsplit(":", 1)[1]][0]["kind"]) == (2, 1, 3)
    for span in spans:
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert "status" not in span
    resource = json.loads(collector.requests[0][2])["resourceSpans"][0]["resource"]
    assert attributes(resource)["service.name"] == "mine"


def test_failures_and_retries(make_server, collector):
    server = make_server(config=config(collector), env=QUICK).start()
    states, functions = server.states(), server.awslambda()
    function = create_function(functions, "def handler(event, context):\n    raise ValueError('no')")["FunctionArn"]
    retry = [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    machine = create_machine(
        states,
        {
            "StartAt": "Try",
            "States": {
                "Try": {"Type": "Task", "Resource": function, "Retry": retry, "Catch": catch, "End": True},
                "After": {"Type": "Fail", "Error": "E", "Cause": "c"},
            },
        },
        **TRACED,
    )
    execution = start(states, machine)
    ended(states, execution)
    found = named(of_execution(collector, execution))
    attempts = found[function.rsplit(":", 1)[1]]
    assert len(attempts) == 2
    assert all(attempt["status"]["code"] == 2 and "ValueError" in attempt["status"]["message"] for attempt in attempts)
    assert "status" not in found["Try"][0]
    assert found[machine.rsplit(":", 1)[1]][0]["status"] == {"code": 2, "message": "E: c"}


def test_traces_come_in_and_go_out(make_server, collector):
    allowed = '[outgoing]\nallow = ["127.0.0.1"]\nplain_http = true\n' + config(collector)
    server = make_server(config=allowed, env=QUICK).start()
    states, functions = server.states(), server.awslambda()
    source = "import os\ndef handler(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')"
    function = create_function(functions, source)["FunctionArn"]
    nested = create_machine(states, PASS, **TRACED)
    events = client("events", server.endpoint)
    connection = events.create_connection(
        Name="c", AuthorizationType="API_KEY", AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}}
    )["ConnectionArn"]
    machine = create_machine(
        states,
        chain(
            ("Function", {"Type": "Task", "Resource": function, "ResultPath": "$.header"}),
            (
                "Nested",
                {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::states:startExecution.sync:2",
                    "Parameters": {"StateMachineArn": nested},
                    "ResultPath": "$.nested",
                },
            ),
            (
                "Http",
                {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::http:invoke",
                    "Parameters": {
                        "ApiEndpoint": collector.address + "/api",
                        "Method": "POST",
                        "InvocationConfig": {"ConnectionArn": connection},
                        "RequestBody": {},
                    },
                    "ResultPath": None,
                },
            ),
        ),
        **TRACED,
    )
    header = "Root=%s;Parent=%s;Sampled=1" % (ROOT, PARENT)
    execution = start(states, machine, traceHeader=header)
    found = output(ended(states, execution))
    spans = named(of_execution(collector, execution))
    [whole] = spans[machine.rsplit(":", 1)[1]]
    assert (whole["traceId"], whole["parentSpanId"]) == (TRACE, PARENT)
    [attempt] = spans[function.rsplit(":", 1)[1]]
    assert found["header"] == "Root=%s;Parent=%s;Sampled=1" % (ROOT, attempt["spanId"])
    spans = named(of_execution(collector, found["nested"]["ExecutionArn"]))
    [attempt] = spans["states:startExecution.sync:2"]
    [inner] = spans[nested.rsplit(":", 1)[1]]
    assert inner["parentSpanId"] == attempt["spanId"]
    [headers] = [headers for path, headers, _ in collector.requests if path == "/api"]
    [attempt] = spans["http:invoke"]
    assert headers["traceparent"] == "00-%s-%s-01" % (TRACE, attempt["spanId"])


def test_w3cs_header_comes_in(make_server, collector):
    server = make_server(config=config(collector), env=QUICK).start()
    states = server.states()
    machine = create_machine(states, PASS, type="EXPRESS", **TRACED)

    def add(request, **_):
        request.headers["traceparent"] = "00-%s-%s-01" % (TRACE, PARENT)

    states.meta.events.register("before-send.sfn.StartSyncExecution", add)
    execution = states.start_sync_execution(stateMachineArn=machine)["executionArn"]
    spans = of_execution(collector, execution)
    assert {span["traceId"] for span in spans} == {TRACE}
    assert len(spans) == 2


def test_who_is_traced(make_server, collector):
    server = make_server(config=config(collector, sample_ratio=0.0), env=QUICK).start()
    states = server.states()
    untraced, traced = create_machine(states, PASS), create_machine(states, PASS, **TRACED)
    header = "Root=%s;Sampled=%s"
    for machine in (untraced, traced):
        ended(states, start(states, machine))
        ended(states, start(states, machine, traceHeader=header % (ROOT, "0")))
    ended(states, start(states, untraced, traceHeader=header % (ROOT, "1")))
    last = start(states, traced, traceHeader=header % (ROOT, "1"))
    spans = of_execution(collector, last)
    assert len(spans) == len(collector.spans()) == 2


def test_a_restart_goes_on_with_the_trace(make_server, collector):
    server = make_server(config=config(collector), env=QUICK).start()
    states = server.states()
    machine = create_machine(
        states, chain(("First", {"Type": "Wait", "Seconds": 2}), ("Second", {"Type": "Pass"})), **TRACED
    )
    execution = start(states, machine)
    server.kill()
    server.start()
    states = server.states()
    ended(states, execution)
    found = named(of_execution(collector, execution))
    name = machine.rsplit(":", 1)[1]
    assert sorted(found) == sorted([name, "First", "Second"])
    entered = next(event for event in history(states, execution) if event["type"] == "WaitStateEntered")
    began = int(found["First"][0]["startTimeUnixNano"]) // 1_000_000
    assert began == round(entered["timestamp"].timestamp() * 1000)
    assert found["First"][0]["parentSpanId"] == found[name][0]["spanId"]


def test_opentelemetrys_own_variables(make_server, collector):
    env = {
        **QUICK,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b",
        "OTEL_SERVICE_NAME": "named",
    }
    server = make_server(env=env).start()
    states = server.states()
    ended(states, start(states, create_machine(states, one_state(Type="Pass"), **TRACED)))
    path, headers, body = eventually(lambda: collector.requests)[0]
    assert (path, headers["content-type"], headers["x-key"]) == ("/v1/traces", "application/x-protobuf", "a b")
    assert b"service.name" in body and b"named" in body


def test_nothing_is_sent_unasked(make_server, collector):
    server = make_server(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_TRACES_EXPORTER": "none"}).start()
    states = server.states()
    found = ended(states, start(states, create_machine(states, PASS, **TRACED)))
    assert found["status"] == "SUCCEEDED"
    server.stop()
    assert collector.requests == []
