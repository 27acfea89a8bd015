"""What is refused: strangers, pages, wrong signatures, broken requests."""

import http.client
import json
import subprocess
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, SSLError

from server import REGION, ROLE, ROOT, STOP_SECONDS_MAX, binary, client, environment, free_port
from workflows import PASS, create_machine, ended, start, unique

TARGET = "AWSStepFunctions.ListStateMachines"


def headers_for(endpoint, body=b"{}", target=TARGET, key="test", secret="test", **more):
    """Signed headers of a call."""
    request = AWSRequest("POST", endpoint + "/", data=body)
    request.headers["Content-Type"] = "application/x-amz-json-1.0"
    request.headers["X-Amz-Target"] = target
    SigV4Auth(Credentials(key, secret), "states", REGION).add_auth(request)
    return {**dict(request.headers), **more}


def post(endpoint, headers, body=b"{}", method="POST", path="/"):
    """Sends a request just as it is; status, headers and document of the answer."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint).netloc, timeout=60)
    try:
        try:
            connection.request(method, path, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused while we were still sending: the answer is there to be read.
        answer = connection.getresponse()
        text = answer.read()
        try:
            return answer.status, answer, json.loads(text)
        except ValueError:
            return answer.status, answer, {"text": text.decode(errors="replace")}
    finally:
        connection.close()


def code_of(document):
    return document.get("__type", "").split("#")[-1]


def test_a_signed_call_is_answered(server):
    status, _, document = post(server.endpoint, headers_for(server.endpoint))
    assert (status, "stateMachines" in document) == (200, True)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null", "http://127.0.0.1:1"])
def test_pages_of_other_origins_are_refused(server, origin):
    status, answer, document = post(server.endpoint, headers_for(server.endpoint, Origin=origin))
    assert (status, code_of(document)) == (403, "AccessDeniedException")
    assert answer.headers.get("Access-Control-Allow-Origin") is None


def test_preflights_are_refused(server):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    status, answer, _ = post(server.endpoint, headers, b"", "OPTIONS")
    assert status in (400, 403, 405)
    assert answer.headers.get("Access-Control-Allow-Origin") is None


def test_rebound_names_are_refused(server):
    status, _, document = post(server.endpoint, headers_for(server.endpoint, Host="evil.example"))
    assert (status, code_of(document)) == (403, "AccessDeniedException")


def test_unsigned_calls_are_refused(server):
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": TARGET}
    status, _, document = post(server.endpoint, headers)
    assert (status, code_of(document)) == (403, "MissingAuthenticationTokenException")
    for authorization in ["Basic dGVzdDp0ZXN0", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x"]:
        status, _, document = post(server.endpoint, {**headers, "Authorization": authorization})
        assert status in (400, 403), (authorization, document)
    # Such as a form of a page sends without asking.
    status, _, _ = post(server.endpoint, {"Content-Type": "text/plain"}, b"x", path="/2015-03-31/functions")
    assert status in (400, 403)


CREDENTIALS = """
[[credentials]]
access_key_id = "AKIAWINDLASSTEST"
secret_access_key = "the right secret"
"""


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def make_role(endpoint, **config):
    """The role that machines of these tests are made with: where keys are checked, it must be there."""
    iam = client("iam", endpoint, "AKIAWINDLASSTEST", "the right secret", **config)
    iam.create_role(RoleName=ROLE.split("/")[1], AssumeRolePolicyDocument=json.dumps(TRUST))


def test_keys(make_server):
    server = make_server(config=CREDENTIALS).start()
    right = client("stepfunctions", server.endpoint, "AKIAWINDLASSTEST", "the right secret")
    make_role(server.endpoint)
    machine = create_machine(right, PASS)
    assert ended(right, start(right, machine))["status"] == "SUCCEEDED"
    who = client("sts", server.endpoint, "AKIAWINDLASSTEST", "the right secret").get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::000000000000:root"
    for key, secret, code in [
        ("AKIAWINDLASSTEST", "a wrong secret", "InvalidSignatureException"),
        ("AKIASTRANGER", "the right secret", "UnrecognizedClientException"),
        ("test", "test", "UnrecognizedClientException"),
    ]:
        stranger = client("stepfunctions", server.endpoint, key, secret)
        with pytest.raises(ClientError) as caught:
            stranger.list_state_machines()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    # The signature covers the body.
    headers = headers_for(server.endpoint, b"{}", key="AKIAWINDLASSTEST", secret="the right secret")
    assert post(server.endpoint, headers)[0] == 200
    status, _, document = post(server.endpoint, headers, b'{"maxResults": 1}')
    assert (status, code_of(document)) == (403, "InvalidSignatureException")


@pytest.mark.parametrize("config,needs", [("", "access key"), (CREDENTIALS, "TLS")])
def test_other_machines_need_keys_and_tls(tmp_path, config, needs):
    (tmp_path / "windlass.toml").write_text(config)
    done = subprocess.run(
        [binary(), "serve", "--listen", "0.0.0.0:0", "--data", tmp_path, "--config", tmp_path / "windlass.toml"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=STOP_SECONDS_MAX,
    )
    assert done.returncode == 1
    assert "0.0.0.0:0" in done.stderr and needs.lower() in done.stderr.lower(), done.stderr


def test_keys_and_tls_for_other_machines(make_server):
    folder = ROOT / "crates/windlass/tests/server/tls"
    tls = '[tls]\ncert = "%s"\nkey = "%s"\n' % (folder / "cert.pem", folder / "key.pem")
    server = make_server(config=CREDENTIALS + tls, listen="0.0.0.0:%d" % free_port()).start()
    assert server.endpoint.startswith("https://0.0.0.0:")
    endpoint = server.endpoint.replace("0.0.0.0", "localhost")
    states = client("stepfunctions", endpoint, "AKIAWINDLASSTEST", "the right secret", verify=str(folder / "cert.pem"))
    make_role(endpoint, verify=str(folder / "cert.pem"))
    machine = create_machine(states, PASS)
    assert ended(states, start(states, machine))["status"] == "SUCCEEDED"
    with pytest.raises(SSLError):
        client("stepfunctions", endpoint, "AKIAWINDLASSTEST", "the right secret").list_state_machines()
    server.stop()


def test_large_bodies_are_refused(make_server):
    server = make_server(config="[executions]\naws_limits = true\n").start()
    body = json.dumps({"input": "x" * 10_000_000}).encode()
    headers = headers_for(server.endpoint, body, "AWSStepFunctions.StartExecution")
    status, _, document = post(server.endpoint, headers, body)
    assert status == 413, document
    assert post(server.endpoint, headers_for(server.endpoint))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}{}", b'{"a":' * 20_000, b"\0"])
def test_broken_documents_are_refused(server, body):
    target = "AWSStepFunctions.DescribeExecution"
    status, _, document = post(server.endpoint, headers_for(server.endpoint, body, target), body)
    assert status == 400, document
    assert code_of(document) in ("SerializationException", "ValidationException"), document


@pytest.mark.parametrize("target", ["AWSStepFunctions.Nothing", "Nothing", "DynamoDB_20120810.ListTables", ""])
def test_unknown_operations_are_refused(server, target):
    status, _, document = post(server.endpoint, headers_for(server.endpoint, target=target))
    assert status in (400, 404, 501), document
    assert "Exception" in code_of(document), document


def test_broken_heads_are_refused(server):
    for headers in [{"Host": ""}, {"Transfer-Encoding": "gzip, chunked"}]:
        status, _, _ = post(server.endpoint, {**headers_for(server.endpoint), **headers}, b"")
        assert status == 400, headers
    for path in ["/../x", "/%2e%2e/x", "/a%zz"]:
        assert post(server.endpoint, headers_for(server.endpoint), path=path)[0] == 400, path
    status, _, _ = post(server.endpoint, headers_for(server.endpoint, Filler="x" * 100_000))
    assert status in (400, 431)
    assert post(server.endpoint, headers_for(server.endpoint))[0] == 200


def test_errors_tell_nothing_of_the_inside(server):
    status, _, document = post(server.endpoint, headers_for(server.endpoint, b"{", TARGET), b"{")
    text = json.dumps(document)
    assert status == 400
    for secret in ("/src/", ".rs", str(server.data), "panicked", "sqlite"):
        assert secret not in text


def test_roles_must_be_roles(states):
    with pytest.raises(ClientError) as caught:
        states.create_state_machine(name=unique("role"), definition=json.dumps(PASS), roleArn=ROLE.replace("role", "user"))
    assert caught.value.response["Error"]["Code"] == "InvalidArn"
