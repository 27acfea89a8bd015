"""Calls that the configuration sends elsewhere, and webhooks that start workflows."""

import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from server import ACCOUNT, REGION, client
from workflows import PASS, create_machine, ended, one_state, start, unique

SECRET = "It's a Secret to Everybody"


@pytest.fixture
def web():
    """A web server that keeps what it was sent and answers as told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.server.received.append((dict(self.headers), json.loads(body)))
            status, answer = self.server.answer
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.answer = [], (200, {})
    server.url = "http://127.0.0.1:%d/" % server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def task(resource, **parameters):
    return one_state(Type="Task", Resource=resource, Parameters=parameters)


def run(states, definition):
    return ended(states, start(states, create_machine(states, definition)))


def test_nothing_configured_names_the_lines_to_write(states):
    found = run(states, task("arn:aws:states:::glue:startJobRun", JobName="nightly"))
    assert (found["status"], found["error"]) == ("FAILED", "States.TaskFailed")
    for line in ("[[backend]]", 'service = "glue"', 'kind = "endpoint"'):
        assert line in found["cause"]


def test_a_mock_answers_alike(make_server):
    config = """
[[backend]]
service = "glue"
operations = ["StartJobRun"]
kind = "mock"
output = '{"JobRunId": "jr_1"}'

[[backend]]
service = "glue"
kind = "mock"
error = { code = "EntityNotFoundException", message = "No such job." }
"""
    states = make_server(config=config).start().states()
    found = run(states, task("arn:aws:states:::glue:startJobRun", JobName="nightly"))
    assert json.loads(found["output"])["JobRunId"] == "jr_1"
    found = run(states, task("arn:aws:states:::aws-sdk:glue:getJob", JobName="nightly"))
    assert found["error"] == "Glue.EntityNotFoundException"
    assert found["cause"].startswith("No such job. (Service: Glue, Status Code: 400, Request ID: ")


def test_a_web_address_gets_the_input_with_its_payload(make_server, web):
    config = """
[[backend]]
service = "lambda"
resource = "arn:aws:lambda:*:*:function:elsewhere*"
kind = "http"
url = "%s"
headers = { X-Token = "secret" }
""" % web.url
    states = make_server(config=config).start().states()
    web.answer = (200, {"StatusCode": 200, "Payload": {"b": 2}})
    function = "arn:aws:lambda:%s:%s:function:elsewhere" % (REGION, ACCOUNT)
    found = run(states, task("arn:aws:states:::lambda:invoke", FunctionName=function, Payload={"a": 1}))
    assert json.loads(found["output"])["Payload"] == {"b": 2}
    [(headers, document)] = web.received
    assert document == {"FunctionName": function, "Payload": {"a": 1}}
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-token"] == "secret" and headers["x-windlass-operation"] == "Invoke"
    web.answer = (429, {"code": "TooManyRequestsException", "message": "Later."})
    found = run(states, task("arn:aws:states:::lambda:invoke", FunctionName=function, Payload={}))
    assert found["error"] == "Lambda.TooManyRequestsException"
    # Another function is not elsewhere.
    other = run(states, task("arn:aws:states:::lambda:invoke", FunctionName="here", Payload={}))
    assert other["error"] == "Lambda.ResourceNotFoundException"


def test_an_endpoint_answers_as_the_service_here_would(make_server):
    far = make_server().start()
    config = """
[[backend]]
service = "sqs"
kind = "endpoint"
url = "%s"
""" % far.endpoint
    states = make_server(config=config).start().states()
    there = client("sqs", far.endpoint)
    url = there.create_queue(QueueName="far")["QueueUrl"]
    found = run(states, task("arn:aws:states:::sqs:sendMessage", QueueUrl=url, MessageBody={"a": 1}))
    sent = json.loads(found["output"])["MessageId"]
    [message] = there.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert (message["MessageId"], json.loads(message["Body"])) == (sent, {"a": 1})
    found = run(states, task("arn:aws:states:::aws-sdk:sqs:listQueues"))
    assert json.loads(found["output"])["QueueUrls"] == [url]
    far.stop()
    found = run(states, task("arn:aws:states:::aws-sdk:sqs:listQueues"))
    assert found["error"] == "Sqs.SdkClientException"
    assert found["cause"].startswith("Unable to execute HTTP request: ")


def post(url, body, **headers):
    request = urllib.request.Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_plain_post_starts_a_workflow(server, states):
    name = unique("hooked")
    create_machine(states, PASS, name)
    url = "%s/_start/%s" % (server.endpoint, name)
    status, started = post(url, b'{"order": 1}', Idempotency_Key="delivery-1")
    assert status == 202
    found = ended(states, started["executionArn"])
    assert json.loads(found["output"]) == {"order": 1}
    # The same delivery again, also after its end.
    assert post(url, b'{"order": 1}', Idempotency_Key="delivery-1") == (status, started)
    assert post(url, b'{"order": 1}', Idempotency_Key="delivery-2")[1] != started
    assert post(url, b"not json")[0] == 400
    assert post(server.endpoint + "/_start/nowhere", b"{}")[0] == 400


def test_a_webhook_wants_its_secret(make_server):
    config = """
[[webhook]]
name = "orders"
state_machine = "arn:aws:states:%s:%s:stateMachine:orders"
secret = "%s"
""" % (REGION, ACCOUNT, SECRET)
    server = make_server(config=config).start()
    create_machine(server.states(), PASS, "orders")
    url, body = server.endpoint + "/_start/orders", b'{"a": 1}'
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert post(url, body)[0] == 403
    assert post(url, body, X_Hub_Signature_256=signature[:-1] + "0")[0] == 403
    assert post(url, body, X_Hub_Signature_256=signature)[0] == 202
    assert post(url, body, Authorization="Bearer " + SECRET)[0] == 202
