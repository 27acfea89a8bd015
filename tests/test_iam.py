"""Users, roles and sessions, as tools use them; and what they may."""

import io
import json
import subprocess
import zipfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from server import REGION, STOP_SECONDS_MAX, binary, client, environment
from workflows import PASS, create_machine, ended, start

ACCOUNT = "000000000000"
ROOT_KEYS = """
[[credentials]]
access_key_id = "AKIAROOT"
secret_access_key = "the right secret"
"""


def trusting(service=None, principal=None):
    named = {"Service": service} if service else {"AWS": principal}
    statement = {"Effect": "Allow", "Principal": named, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allowing(*actions, resource="*"):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def keyed(make_server):
    return make_server(config=ROOT_KEYS).start()


def as_root(server, service):
    return client(service, server.endpoint, "AKIAROOT", "the right secret")


def with_keys(server, service, keys):
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )


def denied(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    assert error["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "AuthorizationError"), error
    return error


def user(server, name, *actions):
    iam = as_root(server, "iam")
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allowing(*actions))
    return iam.create_access_key(UserName=name)["AccessKey"]


def test_a_users_key_may_what_its_policies_say(keyed):
    keys = user(keyed, "ada", "sqs:*")
    assert with_keys(keyed, "sts", keys).get_caller_identity()["Arn"] == "arn:aws:iam::%s:user/ada" % ACCOUNT
    sqs = with_keys(keyed, "sqs", keys)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "m"
    states = with_keys(keyed, "stepfunctions", keys)
    message = denied(states.list_state_machines)["Error"]["Message"]
    assert message == (
        "User: arn:aws:iam::%s:user/ada is not authorized to perform: states:ListStateMachines on resource: * "
        "because no identity-based policy allows the states:ListStateMachines action" % ACCOUNT
    )
    # Keys and their users last.
    keyed.stop()
    keyed.start()
    assert with_keys(keyed, "sqs", keys).list_queues()["QueueUrls"]
    as_root(keyed, "iam").update_access_key(UserName="ada", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError) as caught:
        with_keys(keyed, "sqs", keys).list_queues()
    assert caught.value.response["Error"]["Code"] in ("InvalidClientTokenId", "UnrecognizedClientException")


def test_workflows_act_under_their_role(keyed):
    iam, states, sqs = (as_root(keyed, name) for name in ("iam", "stepfunctions", "sqs"))
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    machine = {
        "StartAt": "Send",
        "States": {
            "Send": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": queue, "MessageBody": "m"},
                "End": True,
            }
        },
    }
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))["Role"]["Arn"]
    message = denied(states.create_state_machine, name="m", definition=json.dumps(machine), roleArn=role)["Error"]["Message"]
    assert message.startswith("Neither the global service principal states.amazonaws.com"), message
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting("states.amazonaws.com"))
    arn = states.create_state_machine(name="m", definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
    failed = ended(states, start(states, arn))
    assert failed["status"] == "FAILED"
    assert "assumed-role/r/" in failed["cause"] and "is not authorized to perform: sqs:sendmessage" in failed["cause"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=allowing("sqs:SendMessage"))
    assert ended(states, start(states, arn))["status"] == "SUCCEEDED"


def test_roles_are_assumed(keyed):
    iam, sts = as_root(keyed, "iam"), as_root(keyed, "sts")
    keys = user(keyed, "ada")
    ada = "arn:aws:iam::%s:user/ada" % ACCOUNT
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting(principal=ada))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AWSStepFunctionsFullAccess")
    denied(sts.assume_role, RoleArn=role, RoleSessionName="session")
    made = with_keys(keyed, "sts", keys).assume_role(RoleArn=role, RoleSessionName="session")
    session = made["Credentials"]
    assert made["AssumedRoleUser"]["Arn"] == "arn:aws:sts::%s:assumed-role/r/session" % ACCOUNT
    who = with_keys(keyed, "sts", session).get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (made["AssumedRoleUser"]["Arn"], made["AssumedRoleUser"]["AssumedRoleId"])
    keyed.kill()
    keyed.start()
    states = with_keys(keyed, "stepfunctions", session)
    assert states.list_state_machines()["stateMachines"] == []
    denied(with_keys(keyed, "sqs", session).list_queues)
    stolen = {**session, "SessionToken": "x" + session["SessionToken"][1:]}
    with pytest.raises(ClientError) as caught:
        with_keys(keyed, "stepfunctions", stolen).list_state_machines()
    assert caught.value.response["Error"]["Code"] in ("UnrecognizedClientException", "InvalidSignatureException")


def test_functions_have_the_credentials_of_their_role(keyed):
    iam, functions = as_root(keyed, "iam"), as_root(keyed, "lambda")
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="f", PolicyName="p", PolicyDocument=allowing("sqs:ListQueues"))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(
            "main.py",
            "import os\ndef handler(event, context):\n"
            "    return {name: os.environ[name] for name in os.environ if name.startswith('AWS_')}\n",
        )
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Role=role, Handler="main.handler", Code={"ZipFile": code.getvalue()}
    )
    found = json.loads(functions.invoke(FunctionName="f")["Payload"].read())
    keys = {
        "AccessKeyId": found["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": found["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": found["AWS_SESSION_TOKEN"],
    }
    who = with_keys(keyed, "sts", keys).get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::%s:assumed-role/f/f" % ACCOUNT
    with_keys(keyed, "sqs", keys).list_queues()
    denied(with_keys(keyed, "stepfunctions", keys).list_state_machines)
    other = iam.create_role(RoleName="s", AssumeRolePolicyDocument=trusting("states.amazonaws.com"))["Role"]["Arn"]
    with pytest.raises(ClientError) as caught:
        functions.update_function_configuration(FunctionName="f", Role=other)
    assert caught.value.response["Error"]["Message"] == "The role defined for the function cannot be assumed by Lambda."


def test_a_command_explains_why_a_call_was_refused(keyed):
    keys = user(keyed, "ada", "sqs:ReceiveMessage")
    refused = denied(with_keys(keyed, "sqs", keys).create_queue, QueueName="q")
    request_id = refused["ResponseMetadata"]["RequestId"]

    def explain(*arguments, key="AKIAROOT", secret="the right secret"):
        return subprocess.run(
            [binary(), "explain-access", "--endpoint", keyed.endpoint, *arguments],
            capture_output=True,
            text=True,
            timeout=STOP_SECONDS_MAX,
            env=environment(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret),
        )

    own = {"key": keys["AccessKeyId"], "secret": keys["SecretAccessKey"]}
    for asked in (explain(request_id), explain(request_id, **own)):
        assert asked.returncode == 0, asked.stderr
        for part in (request_id, "sqs:CreateQueue", "its Action (sqs:ReceiveMessage) does not match", "Attach a policy"):
            assert part in asked.stdout, asked.stdout
    assert request_id in explain().stdout
    ada = "arn:aws:iam::%s:user/ada" % ACCOUNT
    queue = "arn:aws:sqs:us-east-1:%s:q" % ACCOUNT
    asked = explain("--principal", ada, "--action", "sqs:ReceiveMessage", "--resource", queue)
    assert "outcome    allowed" in asked.stdout, asked.stdout + asked.stderr
    asked = explain("--principal", ada, "--action", "sqs:SendMessage", "--resource", queue)
    assert "outcome    refused" in asked.stdout, asked.stdout
    other = user(keyed, "bob")
    asked = explain(request_id, key=other["AccessKeyId"], secret=other["SecretAccessKey"])
    assert asked.returncode == 1 and "not yours to know" in asked.stderr, asked.stderr
    assert explain(request_id, secret="wrong").returncode == 1


def test_logged_mode_lets_calls_through(make_server):
    server = make_server(config=ROOT_KEYS + '\n[authorization]\nmode = "logged"\n').start()
    keys = user(server, "ada")
    assert "QueueUrls" not in with_keys(server, "sqs", keys).list_queues()
    server.stop()
    assert "a call would be refused" in (server.folder / "log").read_text()


def test_open_mode_refuses_nobody(server):
    sts = client("sts", server.endpoint)
    made = sts.assume_role(RoleArn="arn:aws:iam::%s:role/nobody-made-it" % ACCOUNT, RoleSessionName="session")
    states = with_keys(server, "stepfunctions", made["Credentials"])
    assert ended(states, start(states, create_machine(states, PASS)))["status"] == "SUCCEEDED"
    iam = client("iam", server.endpoint)
    role = iam.create_role(RoleName="open", AssumeRolePolicyDocument=trusting("states.amazonaws.com"))["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "states.amazonaws.com"}
    assert iam.get_role(RoleName="open")["Role"]["Arn"] == role["Arn"]
