"""Functions: create, get, list, update, invoke, versions, aliases, delete."""

import base64
import io
import json
import random
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.response import StreamingBody

from server import ACCOUNT, REGION
from workflows import create_function, eventually, refusal, unique, zipped

ECHO = "def handler(event, context):\n    return {'event': event, 'version': context.function_version}\n"


def invoke(awslambda, name, event=None, **settings):
    answer = awslambda.invoke(FunctionName=name, Payload=json.dumps(event), **settings)
    assert isinstance(answer["Payload"], StreamingBody)
    return answer, json.loads(answer["Payload"].read() or "null")


def test_life(awslambda):
    name = unique("life")
    made = create_function(awslambda, ECHO, name, Description="echoes")
    assert made["FunctionArn"] == "arn:aws:lambda:%s:%s:function:%s" % (REGION, ACCOUNT, name)
    assert (made["Version"], made["Runtime"], made["Description"]) == ("$LATEST", "python3.12", "echoes")
    got = awslambda.get_function(FunctionName=name)
    assert got["Configuration"]["CodeSha256"] == made["CodeSha256"]
    assert awslambda.get_function_configuration(FunctionName=made["FunctionArn"])["FunctionName"] == name
    awslambda.get_waiter("function_active_v2").wait(FunctionName=name)
    assert invoke(awslambda, name, [1, "é"])[1] == {"event": [1, "é"], "version": "$LATEST"}
    assert refusal(create_function, awslambda=awslambda, source=ECHO, name=name)[0] == "ResourceConflictException"
    awslambda.delete_function(FunctionName=name)
    assert refusal(awslambda.get_function, FunctionName=name)[0] == "ResourceNotFoundException"
    assert refusal(awslambda.invoke, FunctionName=name)[0] == "ResourceNotFoundException"


def test_list_in_pages(awslambda):
    made = {create_function(awslambda, ECHO)["FunctionArn"] for _ in range(5)}
    pages = awslambda.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    listed = [function["FunctionArn"] for page in pages for function in page["Functions"]]
    assert made <= set(listed) and len(listed) == len(set(listed))


def test_update(awslambda):
    name = create_function(awslambda, ECHO)["FunctionName"]
    invoke(awslambda, name)
    awslambda.update_function_code(
        FunctionName=name, ZipFile=zipped(handler_py="import os\ndef handler(e, c):\n    return os.environ.get('WORD')\n")
    )
    awslambda.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(awslambda, name)[1] is None
    awslambda.update_function_configuration(FunctionName=name, Environment={"Variables": {"WORD": "hello"}})
    awslambda.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(awslambda, name)[1] == "hello"


def test_versions_and_aliases(awslambda):
    name = create_function(awslambda, ECHO)["FunctionName"]
    first = awslambda.publish_version(FunctionName=name)["Version"]
    awslambda.update_function_code(FunctionName=name, ZipFile=zipped(handler_py=ECHO + "# 2\n"))
    second = awslambda.publish_version(FunctionName=name)["Version"]
    assert (first, second) == ("1", "2")
    versions = awslambda.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]

    alias = awslambda.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert invoke(awslambda, alias["AliasArn"])[1]["version"] == "1"
    awslambda.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    answer, found = invoke(awslambda, name, Qualifier="live")
    assert (found["version"], answer["ExecutedVersion"]) == ("2", "2")
    assert awslambda.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    assert [alias["Name"] for alias in awslambda.list_aliases(FunctionName=name)["Aliases"]] == ["live"]
    awslambda.delete_alias(FunctionName=name, Name="live")
    assert refusal(awslambda.get_alias, FunctionName=name, Name="live")[0] == "ResourceNotFoundException"
    awslambda.delete_function(FunctionName=name, Qualifier="1")
    assert refusal(awslambda.invoke, FunctionName=name, Qualifier="1")[0] == "ResourceNotFoundException"
    assert invoke(awslambda, name, Qualifier="2")[1]["version"] == "2"


def test_invocation_types(awslambda, tmp_path):
    name = create_function(
        awslambda, "def handler(event, context):\n    print('said')\n    open(event['file'], 'a').write('x')\n"
    )["FunctionName"]
    answer, _ = invoke(awslambda, name, {"file": str(tmp_path / "sync")}, LogType="Tail")
    assert answer["StatusCode"] == 200
    assert "said" in base64.b64decode(answer["LogResult"]).decode()
    file = tmp_path / "event"
    answer = awslambda.invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps({"file": str(file)})
    )
    assert answer["StatusCode"] == 202
    eventually(lambda: file.exists() and file.read_text() == "x")
    dry = tmp_path / "dry"
    answer = awslambda.invoke(FunctionName=name, InvocationType="DryRun", Payload=json.dumps({"file": str(dry)}))
    assert answer["StatusCode"] == 204 and not dry.exists()


def test_errors(awslambda):
    name = create_function(awslambda, "def handler(event, context):\n    raise KeyError(event)\n")["FunctionName"]
    answer, document = invoke(awslambda, name, "missing")
    assert answer["FunctionError"] == "Unhandled"
    assert (document["errorType"], document["errorMessage"]) == ("KeyError", "'missing'")
    assert refusal(awslambda.invoke, FunctionName=name, Payload="{no json")[0] == "InvalidRequestContentException"


def test_code_that_is_no_zip(awslambda):
    code, _ = refusal(
        awslambda.create_function,
        FunctionName=unique("bad"),
        Runtime="python3.12",
        Handler="handler.handler",
        Role="arn:aws:iam::%s:role/x" % ACCOUNT,
        Code={"ZipFile": b"no zip"},
    )
    assert code == "InvalidParameterValueException"


def test_runtime_that_is_none(awslambda):
    with pytest.raises(Exception, match="cobol85"):
        awslambda.create_function(
            FunctionName=unique("bad"),
            Runtime="cobol85",
            Handler="handler.handler",
            Role="arn:aws:iam::%s:role/x" % ACCOUNT,
            Code={"ZipFile": zipped(handler_py=ECHO)},
        )


@pytest.mark.parametrize("path", ["../outside.py", "/outside.py", "a/../../outside.py"])
def test_archives_cannot_write_elsewhere(awslambda, path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(path, "")
        archive.writestr("handler.py", ECHO)
    code, _ = refusal(
        awslambda.create_function,
        FunctionName=unique("bad"),
        Runtime="python3.12",
        Handler="handler.handler",
        Role="arn:aws:iam::%s:role/x" % ACCOUNT,
        Code={"ZipFile": buffer.getvalue()},
    )
    assert code == "InvalidParameterValueException"


def test_ten_megabytes_of_code(awslambda):
    ballast = random.Random(0).randbytes(10_000_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ballast", ballast)
        archive.writestr("handler.py", "def handler(event, context):\n    return len(open('ballast', 'rb').read())\n")
    name = unique("large")
    awslambda.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="handler.handler",
        Role="arn:aws:iam::%s:role/x" % ACCOUNT,
        Code={"ZipFile": buffer.getvalue()},
    )
    assert invoke(awslambda, name)[1] == len(ballast)


def test_many_at_once(awslambda):
    name = create_function(awslambda, "def handler(event, context):\n    return event\n")["FunctionName"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: invoke(awslambda, name, n)[1], range(60)))
    assert answers == list(range(60))
