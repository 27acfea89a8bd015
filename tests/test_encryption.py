"""Customer keys: what they seal is nowhere to be read, whoever reads needs kms:Decrypt,
and an execution whose key is gone fails."""

import json

import pytest

from server import ROLE, client
from workflows import create_machine, ended, eventually, history, one_state, refusal, unique

SECRET = "THE-CUSTOMERS-OWN-WORDS"
REUSE_SECONDS = 60
HOUR_MS = 3_600_000


def configuration(key):
    return {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key, "kmsDataKeyReusePeriodSeconds": REUSE_SECONDS}


def make_key(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


def definition(**state):
    return {"Comment": SECRET, **one_state(**state)}


def is_on_disk(server, text=SECRET):
    """Whether a text is in any file of the data folder."""
    wanted = text.encode()
    return any(wanted in path.read_bytes() for path in server.data.rglob("*") if path.is_file())


def test_sealed_data_is_nowhere_on_disk(make_server):
    server = make_server().start()
    states, kms = server.states(), client("kms", server.endpoint)
    key = make_key(kms)
    machine = create_machine(
        states,
        definition(Type="Pass", Assign={"v.$": "$.a"}),
        encryptionConfiguration=configuration(key),
    )
    document = {"a": SECRET, "large": SECRET * 20_000}
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(document))["executionArn"]
    found = ended(states, execution)
    assert found["status"] == "SUCCEEDED"
    assert json.loads(found["output"]) == document
    assert SECRET in json.dumps(history(states, execution), default=str)
    assert SECRET in states.describe_state_machine(stateMachineArn=machine)["definition"]
    assert SECRET in states.describe_state_machine_for_execution(executionArn=execution)["definition"]
    failing = create_machine(
        states,
        definition(Type="Fail", Error=SECRET, Cause=SECRET),
        encryptionConfiguration=configuration(key),
    )
    failed = ended(states, states.start_execution(stateMachineArn=failing)["executionArn"])
    assert (failed["error"], failed["cause"]) == (SECRET, SECRET)
    assert not is_on_disk(server)
    # The same without a key is there: the test looks in the right places.
    create_machine(states, definition(Type="Pass"))
    assert is_on_disk(server)


def test_a_restart_needs_no_caller(make_server):
    server = make_server().start()
    states, kms = server.states(), client("kms", server.endpoint)
    machine = create_machine(
        states, definition(Type="Wait", Seconds=3), encryptionConfiguration=configuration(make_key(kms))
    )
    execution = states.start_execution(stateMachineArn=machine, input='"%s"' % SECRET)["executionArn"]
    server.kill()
    server.start()
    states = server.states()
    found = ended(states, execution)
    assert (found["status"], found["output"]) == ("SUCCEEDED", '"%s"' % SECRET)
    # A machine that was read from the store runs too.
    again = ended(states, states.start_execution(stateMachineArn=machine, input="1")["executionArn"])
    assert again["status"] == "SUCCEEDED"
    assert not is_on_disk(server)


def test_a_disabled_key(make_server):
    server = make_server().start()
    states, kms = server.states(), client("kms", server.endpoint)
    key = make_key(kms)
    machine = create_machine(
        states, definition(Type="Wait", Seconds=900), encryptionConfiguration=configuration(key)
    )
    execution = states.start_execution(stateMachineArn=machine, input="1")["executionArn"]
    kms.disable_key(KeyId=key)
    asks = [
        (states.describe_execution, {"executionArn": execution}),
        (states.get_execution_history, {"executionArn": execution}),
        (states.describe_state_machine, {"stateMachineArn": machine}),
        (states.describe_state_machine_for_execution, {"executionArn": execution}),
    ]
    for ask, named in asks:
        with pytest.raises(states.exceptions.KmsInvalidStateException) as refused:
            ask(**named)
        assert refused.value.response["kmsKeyState"] == "DISABLED"
    for ask in (states.describe_execution, states.describe_state_machine_for_execution):
        assert ask(executionArn=execution, includedData="METADATA_ONLY")
    assert states.describe_state_machine(stateMachineArn=machine, includedData="METADATA_ONLY")["definition"] == "{}"
    bare = states.get_execution_history(executionArn=execution, includeExecutionData=False)["events"]
    assert [event["type"] for event in bare] == ["ExecutionStarted", "WaitStateEntered"]
    # Once its data key is used up the execution cannot go on.
    server.stop()
    server.start(WINDLASS_TEST_CLOCK_OFFSET_MS=str(HOUR_MS))
    states, kms = server.states(), client("kms", server.endpoint)
    found = {}

    def failed():
        found.update(states.describe_execution(executionArn=execution, includedData="METADATA_ONLY"))
        return found["status"] != "RUNNING"

    eventually(failed)
    assert found["status"] == "FAILED"
    assert refusal(states.start_execution, stateMachineArn=machine)[0] == "KmsInvalidStateException"
    kms.enable_key(KeyId=key)
    found = states.describe_execution(executionArn=execution)
    assert found["error"] == "States.Runtime"
    assert found["cause"].startswith("KmsInvalidStateException: ")
    assert history(states, execution)[-1]["type"] == "ExecutionFailed"
    assert states.start_execution(stateMachineArn=machine)["executionArn"]


def test_configurations_that_cannot_be(states, server):
    kms = client("kms", server.endpoint)
    hmac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    disabled = make_key(kms)
    kms.disable_key(KeyId=disabled)
    cases = [
        ({"type": "CUSTOMER_MANAGED_KMS_KEY"}, "InvalidEncryptionConfiguration"),
        ({"type": "AWS_OWNED_KEY", "kmsKeyId": make_key(kms)}, "InvalidEncryptionConfiguration"),
        (configuration(hmac), "InvalidEncryptionConfiguration"),
        (configuration(disabled), "InvalidEncryptionConfiguration"),
        (configuration("alias/gone"), "KmsAccessDeniedException"),
    ]
    for given, expected in cases:
        code, _ = refusal(
            states.create_state_machine,
            name=unique("refused"),
            definition=json.dumps(one_state(Type="Pass")),
            roleArn=ROLE,
            encryptionConfiguration=given,
        )
        assert code == expected, given
        assert refusal(states.create_activity, name=unique("a"), encryptionConfiguration=given)[0] == expected, given


def test_updates_seal_and_unseal(make_server):
    server = make_server().start()
    states, kms = server.states(), client("kms", server.endpoint)
    first, second = make_key(kms), make_key(kms)
    machine = create_machine(
        states, definition(Type="Pass"), encryptionConfiguration=configuration(first), publish=True
    )
    shown = states.describe_state_machine(stateMachineArn=machine)
    assert shown["encryptionConfiguration"] == configuration(first)
    states.update_state_machine(stateMachineArn=machine, encryptionConfiguration=configuration(second), publish=True)
    assert SECRET in states.describe_state_machine(stateMachineArn=machine)["definition"]
    # The first version is still sealed with the first key.
    kms.disable_key(KeyId=first)
    assert SECRET in states.describe_state_machine(stateMachineArn=machine + ":2")["definition"]
    with pytest.raises(states.exceptions.KmsInvalidStateException):
        states.describe_state_machine(stateMachineArn=machine + ":1")
    assert not is_on_disk(server)
    states.update_state_machine(stateMachineArn=machine, encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    kms.disable_key(KeyId=second)
    assert SECRET in states.describe_state_machine(stateMachineArn=machine)["definition"]
    assert states.start_execution(stateMachineArn=machine)["executionArn"]


def test_activities(states, server):
    kms = client("kms", server.endpoint)
    key = make_key(kms)
    name = unique("sealed")
    activity = states.create_activity(name=name, encryptionConfiguration=configuration(key))["activityArn"]
    assert states.describe_activity(activityArn=activity)["encryptionConfiguration"] == configuration(key)
    assert refusal(states.create_activity, name=name)[0] == "ActivityAlreadyExists"
    machine = create_machine(states, one_state(Type="Task", Resource=activity))
    execution = states.start_execution(stateMachineArn=machine, input="1")["executionArn"]
    kms.disable_key(KeyId=key)
    with pytest.raises(states.exceptions.KmsInvalidStateException):
        states.get_activity_task(activityArn=activity)
    kms.enable_key(KeyId=key)
    task = states.get_activity_task(activityArn=activity)
    states.send_task_success(taskToken=task["taskToken"], output=task["input"])
    assert ended(states, execution)["status"] == "SUCCEEDED"


CREDENTIALS = """
[[credentials]]
access_key_id = "AKIAOWNER"
secret_access_key = "the secret"
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def policy(action, resource="*", **condition):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    if condition:
        statement["Condition"] = {"StringEquals": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_callers_need_leave_to_decrypt(make_server):
    server = make_server(config=CREDENTIALS).start()
    owner = {"key": "AKIAOWNER", "secret": "the secret"}
    states, kms, iam = (client(service, server.endpoint, **owner) for service in ("stepfunctions", "kms", "iam"))
    key = make_key(kms)
    role = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    machine_arn = role.replace(":iam::", ":states:us-east-1:").replace(":role/runner", ":stateMachine:sealed")
    # The role may use the key for this machine only: the encryption context says so.
    allowed = {"kms:EncryptionContext:aws:states:stateMachineArn": machine_arn}
    iam.put_role_policy(
        RoleName="runner",
        PolicyName="key",
        PolicyDocument=policy(["kms:GenerateDataKey", "kms:Decrypt"], key, **allowed),
    )
    text = json.dumps(one_state(Type="Pass"))
    for name in ("sealed", "other"):
        made = states.create_state_machine(
            name=name, definition=text, roleArn=role, encryptionConfiguration=configuration(key)
        )
    machine = made["stateMachineArn"].replace("other", "sealed")
    assert machine == machine_arn
    execution = states.start_execution(stateMachineArn=machine, input='"%s"' % SECRET)["executionArn"]
    assert ended(states, execution)["output"] == '"%s"' % SECRET
    code, _ = refusal(states.start_execution, stateMachineArn=made["stateMachineArn"])
    assert code == "KmsAccessDeniedException"

    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="states", PolicyDocument=policy("states:*"))
    keys = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = client("stepfunctions", server.endpoint, key=keys["AccessKeyId"], secret=keys["SecretAccessKey"])
    asks = [
        (reader.describe_execution, {"executionArn": execution}),
        (reader.get_execution_history, {"executionArn": execution}),
        (reader.describe_state_machine, {"stateMachineArn": machine}),
    ]
    for ask, named in asks:
        assert refusal(ask, **named)[0] == "KmsAccessDeniedException"
    assert reader.describe_execution(executionArn=execution, includedData="METADATA_ONLY")["status"] == "SUCCEEDED"
    # Who may start needs no leave to read: the execution's role uses the key.
    assert reader.start_execution(stateMachineArn=machine, input="1")["executionArn"]
    iam.put_user_policy(UserName="reader", PolicyName="key", PolicyDocument=policy("kms:Decrypt", key))
    for ask, named in asks:
        eventually(lambda: ask(**named))
