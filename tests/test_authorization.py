"""Every operation of every hosted service, asked for by those who may not.

`uncovered_operations.txt` lists what is not refused, and why. The list is exact:
an operation that comes to be refused must leave it."""

import datetime
import json
import re

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from server import REGION, ROOT, Server

MODELS = ROOT / "models"
EXCEPTIONS = ROOT / "tests" / "uncovered_operations.txt"
# Signing name -> botocore's name.
SERVICES = {
    "states": "stepfunctions",
    "lambda": "lambda",
    "sts": "sts",
    "iam": "iam",
    "s3": "s3",
    "sqs": "sqs",
    "sns": "sns",
    "events": "events",
    "scheduler": "scheduler",
    "pipes": "pipes",
    "logs": "logs",
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "kms": "kms",
}
OWNER = "111111111111"
OTHER = "222222222222"
SECRET = "the right secret"
CREDENTIALS = """
[[credentials]]
access_key_id = "AKIAOWNER"
secret_access_key = "%(secret)s"
account_id = "%(owner)s"

[[credentials]]
access_key_id = "AKIANOBODY"
secret_access_key = "%(secret)s"
account_id = "%(owner)s"
user = "nobody"

[[credentials]]
access_key_id = "AKIAOTHER"
secret_access_key = "%(secret)s"
account_id = "%(other)s"
""" % {"secret": SECRET, "owner": OWNER, "other": OTHER}
# Sessions last 15 minutes at least: this server's clock makes them old.
HOURS_BACK_MS = -2 * 3_600_000

MISSING = {"MissingAuthenticationToken", "MissingAuthenticationTokenException", "AccessDenied", "403"}
WRONG = {"InvalidSignatureException", "SignatureDoesNotMatch", "403"}
EXPIRED = {"ExpiredTokenException", "ExpiredToken", "403", "400"}
UNBUILT = {"NotImplementedException", "NoBackendConfigured"}
DENIED = {"AccessDeniedException", "AccessDenied", "AuthorizationError", "403"}


def operations():
    """(signing name, operation's model), of what both the tables and botocore have."""
    session = botocore.session.get_session()
    for service, name in SERVICES.items():
        table = json.loads((MODELS / (service + ".json")).read_text())["operations"]
        model = session.get_service_model(name)
        for operation in sorted(set(table) & set(model.operation_names)):
            yield service, model.operation_model(operation)


def minimal(shape, name="", depth=0):
    """The least that a shape takes, naming the owner's things."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 8:
            return {}
        members = shape.members.items()
        if getattr(shape, "is_tagged_union", False):
            members = list(members)[:1]
            return {key: minimal(member, key, depth + 1) for key, member in members}
        return {key: minimal(member, key, depth + 1) for key, member in members if key in shape.required_members}
    if kind == "list":
        return [minimal(shape.member, name, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if kind == "map":
        return {"key": minimal(shape.value, name, depth + 1)} if shape.metadata.get("min") else {}
    if kind == "boolean":
        return True
    if kind in ("integer", "long", "float", "double"):
        return shape.metadata.get("min") or 1
    if kind == "timestamp":
        return datetime.datetime(2026, 11, 22, tzinfo=datetime.timezone.utc)
    if kind == "blob":
        return b"{}"
    return text(shape, name)


KNOWN = {
    "Bucket": "bucket",
    "Key": "key",
    "CopySource": "bucket/key",
    "QueueUrl": "http://localhost/%s/queue" % OWNER,
    "SourceArn": "arn:aws:sqs:%s:%s:queue" % (REGION, OWNER),
    "TaskHandle": "x" * 20,
    "stateMachineArn": "arn:aws:states:%s:%s:stateMachine:m" % (REGION, OWNER),
    "stateMachineVersionArn": "arn:aws:states:%s:%s:stateMachine:m:1" % (REGION, OWNER),
    "stateMachineAliasArn": "arn:aws:states:%s:%s:stateMachine:m:a" % (REGION, OWNER),
    "executionArn": "arn:aws:states:%s:%s:execution:m:e" % (REGION, OWNER),
    "activityArn": "arn:aws:states:%s:%s:activity:a" % (REGION, OWNER),
    "mapRunArn": "arn:aws:states:%s:%s:mapRun:m/l:r" % (REGION, OWNER),
    "roleArn": "arn:aws:iam::%s:role/r" % OWNER,
    "RoleArn": "arn:aws:iam::%s:role/r" % OWNER,
    "Role": "arn:aws:iam::%s:role/r" % OWNER,
    "PolicyArn": "arn:aws:iam::%s:policy/p" % OWNER,
    "FunctionName": "arn:aws:lambda:%s:%s:function:f" % (REGION, OWNER),
    "Resource": "arn:aws:lambda:%s:%s:function:f" % (REGION, OWNER),
    "TopicArn": "arn:aws:sns:%s:%s:topic" % (REGION, OWNER),
    "SubscriptionArn": "arn:aws:sns:%s:%s:topic:6b0e71bd-7e97-4d97-80ce-4a0994e55286" % (REGION, OWNER),
    "CodeSigningConfigArn": "arn:aws:lambda:%s:%s:code-signing-config:csc-0123456789abcdef0" % (REGION, OWNER),
    "UUID": "6b0e71bd-7e97-4d97-80ce-4a0994e55286",
    "Runtime": "python3.12",
    "definition": "{}",
    "Policy": "{}",
    "policyDocument": "{}",
    "AliasName": "alias/a",
}
ARNS = {
    "lambda": "arn:aws:lambda:%s:%s:function:f" % (REGION, OWNER),
    "states": "arn:aws:states:%s:%s:stateMachine:m" % (REGION, OWNER),
    "sns": "arn:aws:sns:%s:%s:topic" % (REGION, OWNER),
    "events": "arn:aws:events:%s:%s:event-bus/b" % (REGION, OWNER),
    "scheduler": "arn:aws:scheduler:%s:%s:schedule-group/g" % (REGION, OWNER),
    "pipes": "arn:aws:pipes:%s:%s:pipe/p" % (REGION, OWNER),
    "logs": "arn:aws:logs:%s:%s:log-group:g" % (REGION, OWNER),
    "iam": "arn:aws:iam::%s:role/r" % OWNER,
}


# Texts that satisfy the patterns of ids.
CANDIDATES = [
    "x",
    "1",
    "v1",
    "$LATEST.PUBLISHED",
    "lambda:InvokeFunction",
    "lambda:GetLayerVersion",
    "123456",
    OWNER,
    "us-east-1",
    "2026-11-22T00:00:00Z",
    "6b0e71bd-7e97-4d97-80ce-4a0994e55286",
    "aws.partner/example.com/x",
    "https://example.com/x",
    "https://abc.example.com/x",
    "arn:aws:events:%s:%s:event-bus/b" % (REGION, OWNER),
    "arn:aws:events:%s:%s:connection/c/6b0e71bd-7e97-4d97-80ce-4a0994e55286" % (REGION, OWNER),
    "arn:aws:lambda:%s:%s:layer:l:1" % (REGION, OWNER),
    "arn:aws:lambda:%s:%s:function:f:1/durable-execution/e/6b0e71bd-7e97-4d97-80ce-4a0994e55286" % (REGION, OWNER),
    "arn:aws:sqs:%s:%s:queue" % (REGION, OWNER),
    "arn:aws:iam::%s:role/r" % OWNER,
    "arn:aws:signer:%s:%s:/signing-profiles/p/abcdefghij" % (REGION, OWNER),
    "arn:aws:ec2:%s:%s:x/y" % (REGION, OWNER),
    "arn:aws:ssm:%s:%s:opsmetadata/aws/ssm/x/y" % (REGION, OWNER),
    "o-abcdefghij/r-abcd",
    "%(p)s-0123456789abcdef0",
    "%(p)s-0123456789ab",
    "%(p)s0123456789abcdef0",
]
PREFIXES = ["mw", "pb", "oi", "a", "i", "mi", "cc", "sc", "sg", "subnet", "csc", "vpc"]


def text(shape, name):
    if shape.enum:
        return shape.enum[0]
    if name in KNOWN and fits(shape, KNOWN[name]):
        return KNOWN[name]
    if "arn" in name.lower() and fits(shape, ARNS.get(CURRENT["service"], "")):
        return ARNS[CURRENT["service"]]
    if name.lower().endswith("date") or name.lower().endswith("time"):
        return "2026-11-22T00:00:00Z"
    for candidate in CANDIDATES:
        for prefix in PREFIXES if "%(p)s" in candidate else [""]:
            whole = candidate.replace("%(p)s", prefix)
            if fits(shape, whole):
                return whole
    return "x" * max(1, shape.metadata.get("min", 1))


def fits(shape, candidate):
    """Whether a text satisfies a shape; patterns that Python cannot read are not looked at."""
    size = shape.metadata.get("min", 0) <= len(candidate) <= shape.metadata.get("max", 1 << 20)
    try:
        return bool(candidate) and size and bool(re.fullmatch(shape.metadata.get("pattern", "(?s).*"), candidate))
    except re.error:
        return size


# What the texts are for.
CURRENT = {"service": ""}


def input_of(service, operation):
    CURRENT["service"] = service
    return minimal(operation.input_shape) if operation.input_shape else {}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("authorization"), config="access_log = false\n" + CREDENTIALS)
    server.start(WINDLASS_TEST_CLOCK_OFFSET_MS=str(HOURS_BACK_MS))
    yield server
    server.stop()


def clients(server, key=None, secret=SECRET, token=None):
    """A client of each service, in botocore's names, that sends what it is given."""
    session = botocore.session.get_session()
    made = {}
    for service, name in SERVICES.items():
        config = Config(
            inject_host_prefix=False,
            retries={"total_max_attempts": 1},
            parameter_validation=False,
            signature_version=None if key else botocore.UNSIGNED,
            s3={"addressing_style": "path"},
        )
        made[service] = session.create_client(
            name,
            endpoint_url=server.endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret if key else None,
            aws_session_token=token,
            config=config,
        )
    return made


def refusal(client, operation, params):
    """The code a call is refused with; what it is answered with otherwise."""
    try:
        client._make_api_call(operation.name, params)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "OK"


def expired(server):
    sts = clients(server, "AKIAOWNER")["sts"]
    made = sts.get_session_token(DurationSeconds=900)["Credentials"]
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def exceptions(case):
    """(service, operation) pairs that the list excepts from a case."""
    listed = set()
    for line in EXCEPTIONS.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            cases, service, names = line.split(None, 2)
            if case in cases.split(","):
                listed |= {(service, name.strip()) for name in names.split(",")}
    return listed


def names_owner(params):
    return OWNER in json.dumps(params, default=str)


CASES = {
    "none": (lambda server: clients(server), MISSING, lambda params: True),
    "wrong": (lambda server: clients(server, "AKIAOWNER", "a wrong secret"), WRONG, lambda params: True),
    "expired": (lambda server: clients(server, *expired(server)), EXPIRED, lambda params: True),
    # Root of another account may do what it likes in its own; what is not built reaches nobody.
    "other": (lambda server: clients(server, "AKIAOTHER"), DENIED | UNBUILT, names_owner),
    "nobody": (lambda server: clients(server, "AKIANOBODY"), DENIED, lambda params: True),
}


@pytest.mark.parametrize("case", CASES)
def test_every_operation_is_refused(server, case):
    make, codes, concerns = CASES[case]
    asking = make(server)
    excepted = exceptions(case)
    wrong, refused, asked = [], set(), 0
    for service, operation in operations():
        params = input_of(service, operation)
        if not concerns(params):
            continue
        asked += 1
        code = refusal(asking[service], operation, params)
        # These are never signed; a token in their input says who asks.
        unsigned = operation.auth_type == "none"
        if code in codes or unsigned and code in MISSING:
            refused.add((service, operation.name))
        elif (service, operation.name) not in excepted:
            wrong.append("%s %s: %s" % (service, operation.name, code))
    assert asked > 100, "only %d operations were asked for" % asked
    assert not wrong, "not refused, or otherwise than they should be:\n" + "\n".join(wrong)
    assert not refused & excepted, "refused, so no exceptions any more: %s" % sorted(refused & excepted)
