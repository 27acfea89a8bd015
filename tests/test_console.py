"""The console: its files, who gets in, and a walk through it in a real browser."""

import http.client
import json
import pathlib
import shutil
import subprocess
import urllib.parse

import pytest

from server import ROOT

KEYS = """
[[credentials]]
access_key_id = "AKIACONSOLE"
secret_access_key = "a-secret-of-the-console"
"""
HEADER = {"x-windlass-console": "states/us-east-1"}
CONSOLE = pathlib.Path(ROOT) / "console"


def ask(server, method, path, headers=None, body=None):
    """Sends one request; status, headers and text of the answer."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.endpoint).netloc, timeout=60)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def list_machines(server, headers):
    headers = {
        **headers,
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AWSStepFunctions.ListStateMachines",
    }
    return ask(server, "POST", "/", headers, {})


def test_files_come_with_a_strict_policy(server):
    status, headers, _ = ask(server, "GET", "/console")
    assert (status, headers["location"]) == (308, "/console/")
    for path in ["/console/", "/console/machines/anything"]:
        status, headers, text = ask(server, "GET", path)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "Windlass" in text
    assert ask(server, "GET", "/console/assets/nothing.js")[0] in (200, 404)
    assert ask(server, "POST", "/console/", body={})[0] == 405


def test_in_open_mode_only_our_own_pages_get_in(server):
    status, _, text = ask(server, "GET", "/_windlass/session", HEADER)
    assert (status, json.loads(text)["mode"]) == (200, "open")
    assert list_machines(server, HEADER)[0] == 200
    own = {"Origin": server.endpoint, "Sec-Fetch-Site": "same-origin"}
    assert list_machines(server, {**HEADER, **own})[0] == 200
    for foreign in [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]:
        assert list_machines(server, {**HEADER, **foreign})[0] == 403
    # Without the header it is a call without a signature.
    assert list_machines(server, {})[0] == 403
    assert ask(server, "POST", "/_windlass/session", HEADER, {"accessKeyId": "a", "secretAccessKey": "b"})[0] == 400


def test_with_keys_one_signs_in_first(make_server):
    server = make_server(config=KEYS)
    server.start()
    assert ask(server, "GET", "/_windlass/session", HEADER)[0] == 401
    assert list_machines(server, HEADER)[0] == 401
    key = {"accessKeyId": "AKIACONSOLE", "secretAccessKey": "a-secret-of-the-console"}
    refused = [{**key, "secretAccessKey": "wrong"}, {**key, "accessKeyId": "AKIANOBODY"}, {**key, "sessionToken": "t"}]
    answers = {ask(server, "POST", "/_windlass/session", HEADER, body)[2] for body in refused}
    assert len(answers) == 1, "nobody learns whether the key or the secret was wrong"
    assert ask(server, "POST", "/_windlass/session", {**HEADER, "Origin": "http://evil.example"}, key)[0] == 403

    status, headers, text = ask(server, "POST", "/_windlass/session", HEADER, key)
    assert (status, json.loads(text)["mode"]) == (200, "keys")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    signed_in = {"Cookie": cookie.split(";")[0]}
    assert list_machines(server, {**HEADER, **signed_in})[0] == 200
    # A page elsewhere may make a browser send the cookie, but not the header, and it is of another origin.
    assert list_machines(server, signed_in)[0] == 403
    assert list_machines(server, {**HEADER, **signed_in, "Origin": "http://evil.example"})[0] == 403
    assert list_machines(server, {**HEADER, **signed_in, "Sec-Fetch-Site": "same-site"})[0] == 403
    status, _, _ = ask(server, "POST", "/_windlass/overview", {**HEADER, **signed_in}, {})
    assert status == 200
    assert ask(server, "DELETE", "/_windlass/session", {**HEADER, **signed_in})[0] == 200
    assert list_machines(server, {**HEADER, **signed_in})[0] == 401


def test_guesses_are_bounded(make_server):
    server = make_server(config=KEYS)
    server.start()
    wrong = {"accessKeyId": "AKIACONSOLE", "secretAccessKey": "guess"}
    # Thirty a minute: a minute may end while we guess.
    statuses = [ask(server, "POST", "/_windlass/session", HEADER, wrong)[0] for _ in range(70)]
    assert 429 in statuses and set(statuses) == {403, 429}


def test_a_person_walks_through_it(make_server, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium or not (CONSOLE / "node_modules").is_dir() or not shutil.which("node"):
        pytest.skip("needs Node.js, chromium and make console")
    server = make_server()
    server.start()
    if "built without the console" in ask(server, "GET", "/console/")[2]:
        pytest.skip("this binary was built without the console")
    walk = subprocess.run(
        ["node", "walk/walk.mjs", server.endpoint, str(tmp_path)],
        cwd=CONSOLE,
        env={"PATH": "/usr/bin:/bin:" + str(pathlib.Path(shutil.which("node")).parent), "HOME": str(tmp_path), "CHROMIUM": chromium},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert walk.returncode == 0, walk.stdout + walk.stderr
