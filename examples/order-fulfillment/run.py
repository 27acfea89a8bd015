"""Deploys the order workflow to a server and runs three orders through it.

    python3 run.py --endpoint http://127.0.0.1:4566

Needs nothing but Python. Run it as often as you like: what exists is updated.
"""

import argparse
import base64
import io
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from aws import ApiError, Client

HERE = Path(__file__).resolve().parent
WORKFLOW = "order-fulfillment"
FUNCTIONS = "/2015-03-31/functions"
READY_SECONDS_MAX = 60
RUN_SECONDS_MAX = 300
FAILURES = ("TaskFailed", "TaskTimedOut", "TaskSubmitFailed", "TaskStartFailed")
ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--endpoint", default="http://127.0.0.1:4566")
    arguments.add_argument("--outbox", type=Path, default=Path("outbox"), help="where letters to the approver go")
    options = arguments.parse_args()
    client = Client(options.endpoint)
    wait_until_ready(options.endpoint)

    print("Deploying")
    outbox = options.outbox.resolve()
    for folder in sorted((HERE / "functions").iterdir()):
        if folder.is_dir():
            deploy_function(client, folder, outbox)
    machine = deploy_workflow(client)

    executions = []
    for order, story in [
        ("small", "A small order. The bank is slow the first time; the workflow tries again."),
        ("large", "A large order. It waits until a person approves it."),
        ("declined", "An order with a card that is declined. What was reserved is given back."),
    ]:
        print("\n%s" % story)
        executions.append(run_order(client, machine, order, outbox))
    tell_what_is_next(options.endpoint, client.region, machine, executions[0])


def wait_until_ready(endpoint):
    until = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            urllib.request.urlopen(endpoint + "/_windlass/ready", timeout=5).close()
            return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > until:
                sys.exit("No server is ready at %s: %s" % (endpoint, error))
            time.sleep(0.1)


def deploy_function(client, folder, outbox):
    name = folder.name
    if (folder / "index.mjs").exists() and shutil.which("node"):
        runtime, handler, language = "nodejs20.x", "index.handler", "JavaScript"
    else:
        runtime, handler, language = "python3.12", "handler.handler", "Python"
    settings = {
        "Runtime": runtime,
        "Handler": handler,
        "Role": role("functions"),
        "Timeout": 10,
        "Environment": {"Variables": {"OUTBOX": str(outbox)}},
    }
    code = base64.b64encode(zipped(folder)).decode()
    try:
        client.awslambda("POST", FUNCTIONS, {"FunctionName": name, "Code": {"ZipFile": code}, **settings})
    except ApiError as error:
        if error.code != "ResourceConflictException":
            raise
        client.awslambda("PUT", "%s/%s/code" % (FUNCTIONS, name), {"ZipFile": code})
        client.awslambda("PUT", "%s/%s/configuration" % (FUNCTIONS, name), settings)
    print("  function  %-18s %s" % (name, language))


def zipped(folder):
    """The folder as a zip that is the same whenever the files are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                entry = zipfile.ZipInfo(path.name)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def deploy_workflow(client):
    definition = (HERE / "workflow.asl.json").read_text()
    try:
        made = client.states(
            "CreateStateMachine", name=WORKFLOW, definition=definition, roleArn=role("workflows"), type="STANDARD"
        )
        machine = made["stateMachineArn"]
    except ApiError as error:
        if error.code != "StateMachineAlreadyExists":
            raise
        machine = next(
            machine["stateMachineArn"]
            for machine in client.states("ListStateMachines")["stateMachines"]
            if machine["name"] == WORKFLOW
        )
        client.states("UpdateStateMachine", stateMachineArn=machine, definition=definition)
    print("  workflow  %s" % machine)
    return machine


def role(name):
    return "arn:aws:iam::000000000000:role/" + name


def run_order(client, machine, order, outbox):
    """Starts an order and prints what its history says, as it grows."""
    document = json.loads((HERE / "orders" / (order + ".json")).read_text())
    name = "%s-%d" % (document["orderId"], time.time_ns() // 1_000_000)
    letter = outbox / (document["orderId"] + ".json")
    letter.unlink(missing_ok=True)
    execution = client.states("StartExecution", stateMachineArn=machine, name=name, input=json.dumps(document))[
        "executionArn"
    ]
    events, started = {}, None
    until = time.monotonic() + RUN_SECONDS_MAX
    while time.monotonic() < until:
        page = client.states("GetExecutionHistory", executionArn=execution, maxResults=1000)
        for event in page["events"]:
            if event["id"] in events:
                continue
            events[event["id"]] = event
            started = started if started is not None else event["timestamp"]
            line = told(event, events)
            if line:
                print("  %6.2f s  %s" % (event["timestamp"] - started, line))
            if event["type"] in ENDS:
                return execution
        if letter.exists():
            approve(client, letter)
        time.sleep(0.05)
    sys.exit("%s did not end in %d s" % (execution, RUN_SECONDS_MAX))


def told(event, events):
    """One event in a few words, or nothing."""
    kind = event["type"]
    if kind.endswith("StateEntered"):
        return "  " * depth(event, events) + event["stateEnteredEventDetails"]["name"]
    if kind == "TaskSubmitted" and state_of(event, events) == "Ask a person":
        return "  waits for a person"
    if kind in FAILURES:
        details = next(value for key, value in event.items() if key.endswith("EventDetails"))
        state = state_of(event, events)
        return "! %s failed: %s %s" % (state, details.get("error", ""), message(details.get("cause", "")))
    if kind == "ExecutionSucceeded":
        return "SUCCEEDED " + event["executionSucceededEventDetails"]["output"]
    if kind in ENDS:
        details = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        return "%s %s: %s" % (kind[len("Execution") :].upper(), details.get("error", ""), details.get("cause", ""))
    return None


def before(event, events):
    """The events that led to this one, the nearest first."""
    while event := events.get(event["previousEventId"]):
        yield event


def state_of(event, events):
    return next(
        (past["stateEnteredEventDetails"]["name"] for past in before(event, events) if "stateEnteredEventDetails" in past),
        "?",
    )


def depth(event, events):
    """In how many Parallel and Map states an event lies."""
    kinds = [past["type"] for past in before(event, events)]
    starts = kinds.count("ParallelStateStarted") + kinds.count("MapStateStarted")
    return max(0, starts - kinds.count("ParallelStateExited") - kinds.count("MapStateExited"))


def message(cause):
    try:
        return "(%s)" % json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return cause


def approve(client, letter):
    """Does what the person would do who got the letter."""
    mail = json.loads(letter.read_text())
    letter.unlink()
    answer = json.dumps({"by": "ada", "note": "go ahead"})
    token = mail["taskToken"]
    print("            Letter: %s" % mail["subject"])
    print("            To approve it, a person would run")
    print("              aws stepfunctions send-task-success --endpoint-url %s \\" % client.endpoint)
    print("                --task-token %s... --task-output '%s'" % (token[:24], answer))
    client.states("SendTaskSuccess", taskToken=token, output=answer)
    print("            which is done for you now.")


def tell_what_is_next(endpoint, region, machine, execution):
    print(
        """
The server keeps running at %(endpoint)s. In another terminal:

  export AWS_ENDPOINT_URL=%(endpoint)s AWS_DEFAULT_REGION=%(region)s AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  aws stepfunctions list-executions --state-machine-arn %(machine)s
  aws stepfunctions describe-execution --execution-arn %(execution)s
  aws stepfunctions get-execution-history --execution-arn %(execution)s
  aws lambda invoke --function-name quote-shipping --cli-binary-format raw-in-base64-out \\
    --payload '{"country": "DE", "items": [{"quantity": 3}]}' quote.json && cat quote.json
  aws stepfunctions start-execution --state-machine-arn %(machine)s --input file://%(input)s

An AWS CLI of version 1 does not know --cli-binary-format: leave it out.

The workflow is in %(here)s/workflow.asl.json: change it, run this again, and see."""
        % {
            "endpoint": endpoint,
            "region": region,
            "machine": machine,
            "execution": execution,
            "input": shown(HERE / "orders" / "small.json"),
            "here": shown(HERE),
        },
        flush=True,
    )


def shown(path):
    """The path as seen from here, where it lies below; else the whole."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    try:
        main()
    except ApiError as error:
        sys.exit("The server refused a call: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
