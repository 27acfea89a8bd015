"""kill -9 at random moments under a mixed load: nothing acknowledged is lost,
nothing is done twice.

KILL_CYCLES says how often the server is killed, KILL_SEED repeats a run's
choices (not its timing).
"""

import json
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

import histories
from server import Server
from workflows import chain, create_function, create_machine, ended, history, one_state

CYCLES = int(os.environ.get("KILL_CYCLES", "50"))
SEED = int(os.environ.get("KILL_SEED", str(random.SystemRandom().randrange(2**32))))
# Executions of a machine that may be under way at once, so that two cores can keep up.
UNDER_WAY_MAX = 8
STARTERS = 3
INVOKE = "arn:aws:states:::lambda:invoke"
CUT_OFF = "Lambda.SdkClientException"

# Says in a file of its own that this attempt runs, then takes some time.
COUNTING = """
import os, random, time, uuid

def handler(event, context):
    answer = uuid.uuid4().hex
    file = os.open(os.path.join(os.environ["COUNTERS"], event["key"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, (answer + "\\n").encode())
    os.close(file)
    if "token" in event:
        part = os.path.join(os.environ["LETTERS"], answer)
        with open(part + ".part", "w") as letter:
            letter.write(event["token"])
        os.replace(part + ".part", part)
    time.sleep(random.random() * event.get("seconds", 0.05))
    return answer
"""

# Each attempt has its own key: execution, state, where in a Map, which retry.
KEY = (
    "{% $states.context.Execution.Name & '~' & $states.context.State.Name & '~' & "
    "$string($states.context.Map.Item.Index) & '~' & $string($states.context.State.RetryCount) %}"
)
PLAIN_KEY = KEY.replace("$string($states.context.Map.Item.Index)", "'-'")
RETRY = [{"ErrorEquals": [CUT_OFF], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 1000}]


def call(function, key=PLAIN_KEY):
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": function, "Payload": {"key": key}},
        "Output": "{% $states.result.Payload %}",
        "Retry": RETRY,
    }


def machines(function, activity):
    """The load: name to definition."""
    wait = {"Type": "Wait", "Seconds": "{% $states.context.Execution.Input.seconds %}"}
    passes = {
        "StartAt": "Count",
        "States": {
            "Count": {"Type": "Pass", "Assign": {"n": 0}, "Next": "Enough?"},
            "Enough?": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $n >= 20 %}", "Next": "Done"}],
                "Default": "More",
            },
            "More": {"Type": "Pass", "Assign": {"n": "{% $n + 1 %}"}, "Next": "Enough?"},
            "Done": {"Type": "Pass", "Output": "{% $n %}", "End": True},
        },
    }
    letter = {
        "Type": "Task",
        "Resource": INVOKE + ".waitForTaskToken",
        "Arguments": {
            "FunctionName": function,
            "Payload": {"key": PLAIN_KEY, "token": "{% $states.context.Task.Token %}"},
        },
        "TimeoutSeconds": 600,
        "Retry": RETRY,
    }
    # A task that a worker took and could not answer is given out again after its time.
    work = {
        "Type": "Task",
        "Resource": activity,
        "TimeoutSeconds": 4,
        "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 1000}],
    }
    each = {
        "Type": "Map",
        "Items": [1, 2, 3],
        "MaxConcurrency": 2,
        "ItemProcessor": chain(("Before", {"Type": "Pass"}), ("Call each", call(function, KEY))),
    }
    both = {
        "Type": "Parallel",
        "Branches": [
            chain(("Left wait", wait), ("Left call", call(function))),
            chain(("Right call", call(function)), ("Right pass", {"Type": "Pass"})),
            chain(("Inner map", {**each, "ItemProcessor": one_in("Inner pass", {"Type": "Pass"})})),
        ],
    }
    definitions = {
        "passes": passes,
        "waits": chain(("W1", wait), ("P", {"Type": "Pass"}), ("W2", wait)),
        "calls": chain(("C1", call(function)), ("C2", call(function)), ("C3", call(function))),
        "map": chain(("Each", each), ("After", {"Type": "Pass"})),
        "parallel": chain(("Both", both), ("After", {"Type": "Pass"})),
        "letter": chain(("Letter", letter), ("After", {"Type": "Pass"})),
        "activity": chain(("Work", work), ("After", {"Type": "Pass"})),
    }
    return {name: {"QueryLanguage": "JSONata", **definition} for name, definition in definitions.items()}


def one_in(name, state):
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


@dataclass
class Load:
    """What the clients did and what they were told."""

    server: Server
    states: object
    machines: dict
    activity: str
    letters: os.PathLike
    stopping: threading.Event = field(default_factory=threading.Event)
    finishing: threading.Event = field(default_factory=threading.Event)
    tried: dict = field(default_factory=dict)
    acknowledged: dict = field(default_factory=dict)
    answered: dict = field(default_factory=dict)
    refused: Counter = field(default_factory=Counter)
    running: dict = field(default_factory=dict)
    failures: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def guarded(self, work, *arguments):
        def loop():
            try:
                work(*arguments)
            except BaseException as error:
                self.failures.append(error)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread

    def persist(self, call, until=None, **arguments):
        """Repeats a call until the server, whichever it is by then, answers it."""
        while not (until or self.stopping).is_set():
            try:
                return call(**arguments)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status != 503:
                    raise
            except BotoCoreError:
                pass
            time.sleep(0.01)
        return None

    def start_executions(self, number):
        choice = random.Random("%d/%d" % (SEED, number))
        count = 0
        while not self.finishing.is_set():
            kind = choice.choice(list(self.machines))
            if self.running.get(kind, 0) >= UNDER_WAY_MAX:
                time.sleep(0.01)
                continue
            name = "%s-%d-%d" % (kind, number, count)
            count += 1
            document = json.dumps({"seconds": choice.choice([0, 1, 2]), "name": name})
            with self.lock:
                self.tried[name] = kind
            try:
                started = self.persist(
                    self.states.start_execution, stateMachineArn=self.machines[kind], name=name, input=document
                )
            except self.states.exceptions.ExecutionAlreadyExists:
                # An earlier try came through, unheard; it has ended since.
                started = {"executionArn": self.machines[kind].replace(":stateMachine:", ":execution:") + ":" + name}
            if started is not None:
                with self.lock:
                    self.acknowledged[name] = started["executionArn"]
            time.sleep(choice.random() * 0.05)

    def count_running(self):
        """Follows the executions, to keep the load even; nothing is judged by it."""
        while not self.stopping.is_set():
            for kind, machine in self.machines.items():
                found = self.persist(
                    self.states.list_executions, stateMachineArn=machine, statusFilter="RUNNING", maxResults=100
                )
                if found:
                    self.running[kind] = len(found["executions"])
            time.sleep(0.1)

    def work(self, number):
        while not self.stopping.is_set():
            try:
                task = self.states.get_activity_task(activityArn=self.activity, workerName="worker-%d" % number)
            except (BotoCoreError, ClientError):
                time.sleep(0.01)
                continue
            if task.get("taskToken"):
                time.sleep(random.random() * 0.05)
                self.answer(task["taskToken"], "activity-%d-%d" % (number, time.time_ns()))

    def answer_letters(self):
        while not self.stopping.is_set():
            for letter in list(self.letters.iterdir()):
                if letter.suffix == ".part":
                    continue
                token = letter.read_text()
                letter.unlink()
                self.answer(token, "letter-%s" % letter.name)
            time.sleep(0.02)

    def answer(self, token, value):
        """Answers a task; remembers whether the server took it."""
        tries = 0
        while not self.stopping.is_set():
            tries += 1
            try:
                self.states.send_task_success(taskToken=token, output=json.dumps(value))
                self.answered[value] = "taken"
                return
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 503:
                    continue
                # A task that timed out, was cut off, or took an earlier, unheard try.
                assert code in ("TaskTimedOut", "InvalidToken", "TaskDoesNotExist"), error
                self.refused[code] += 1
                self.answered[value] = "refused" if tries == 1 else "unheard"
                return
            except BotoCoreError:
                time.sleep(0.01)
        self.answered[value] = "unheard"


def test_kill(tmp_path):
    print("KILL_SEED=%d KILL_CYCLES=%d" % (SEED, CYCLES))
    choice = random.Random(SEED)
    counters, letters = tmp_path / "counters", tmp_path / "letters"
    counters.mkdir()
    letters.mkdir()
    server = Server(tmp_path / "server").start()
    try:
        states = server.states(read_timeout=70, connect_timeout=5)
        variables = {"COUNTERS": str(counters), "LETTERS": str(letters)}
        function = create_function(server.awslambda(), COUNTING, "counting", variables=variables)["FunctionName"]
        activity = states.create_activity(name="work")["activityArn"]
        made = {
            name: create_machine(states, definition, name) for name, definition in machines(function, activity).items()
        }
        load = Load(server, states, made, activity, letters)
        threads = [load.guarded(load.start_executions, number) for number in range(STARTERS)]
        workers = [load.guarded(load.work, number) for number in range(2)]
        workers += [load.guarded(load.answer_letters), load.guarded(load.count_running)]
        try:
            for _ in range(CYCLES):
                # Mostly soon, at times late enough for functions to come through.
                time.sleep(choice.random() ** 2 * 3)
                server.kill()
                if choice.random() < 0.2:
                    # Killed while it starts, before it takes calls or just after.
                    server.launch()
                    time.sleep(choice.random() * 0.3)
                    server.kill()
                server.start()
            load.finishing.set()
            for thread in threads:
                thread.join(60)
            assert not load.failures, load.failures
            # Whatever was acknowledged ends, now that nobody is in its way.
            found = {name: ended(states, arn) for name, arn in sorted(load.acknowledged.items())}
        finally:
            load.finishing.set()
            load.stopping.set()
        assert not load.failures, load.failures
        judge(load, states, found, counters)
        server.stop()
        # A folder that was closed well says the same.
        server.start()
        again = server.states()
        for name, arn in choice.sample(sorted(load.acknowledged.items()), min(20, len(load.acknowledged))):
            assert again.describe_execution(executionArn=arn)["status"] == found[name]["status"]
        for worker in workers:
            worker.join(0.1)
    finally:
        server.kill()


def judge(load, states, found, counters):
    """Compares what the clients were told, what the functions did, and what the histories say."""
    failed = {name: (one["status"], one.get("error"), one.get("cause")) for name, one in found.items() if one["status"] != "SUCCEEDED"}
    assert not failed, failed
    assert len(found) > CYCLES, "the load was too small to say anything"

    calls = {path.name: path.read_text().split() for path in counters.iterdir()}
    twice = {key: answers for key, answers in calls.items() if len(answers) > 1}
    assert not twice, "attempts that called their function more than once: %s" % twice
    caller = {answers[0]: key for key, answers in calls.items() if answers}

    applied = Counter()
    retried = 0
    for name, one in found.items():
        events = history(states, one["executionArn"])
        histories.check(events, name)
        retried += sum(1 for event in events if histories.details(event).get("error") == CUT_OFF)
        for event in events:
            if event["type"] == "TaskFailed" or event["type"] == "TaskSubmitFailed":
                assert histories.details(event)["error"] == CUT_OFF, (name, event)
            if event["type"] in ("TaskSucceeded", "ActivitySucceeded"):
                answer = json.loads(histories.details(event)["output"])
                answer = answer["Payload"] if isinstance(answer, dict) else answer
                applied[answer] += 1
                if answer in caller:
                    # The result is that of this very execution and state.
                    entered = histories.nearest(event, events, {"TaskStateEntered"})
                    key = "%s~%s~" % (name, histories.details(entered)["name"])
                    assert caller[answer].startswith(key), (caller[answer], key)
        # The result came through to the output.
        document = json.loads(one["output"])
        if load.tried[name] == "passes":
            assert document == 20, one
        if load.tried[name] == "map":
            assert len(document) == 3 and all(applied[answer] == 1 for answer in document), one
        if load.tried[name] in ("letter", "activity", "calls"):
            assert applied[document] == 1, one
    assert all(count == 1 for count in applied.values()), applied.most_common(3)
    for answer, heard in load.answered.items():
        if heard == "taken":
            assert applied[answer] == 1, "an acknowledged answer is not in any history: %s" % answer
        if heard == "refused":
            assert applied[answer] == 0, "a refused answer was applied: %s" % answer
    taken = sum(heard == "taken" for heard in load.answered.values())
    assert calls and taken, "no function was called or no answer taken, so nothing was shown"
    assert retried or CYCLES < 10, "no call was cut off, so nothing was shown"
    # A start that nobody heard of happened wholly or not at all.
    for name in load.tried.keys() - found.keys():
        arn = load.machines[load.tried[name]].replace(":stateMachine:", ":execution:") + ":" + name
        try:
            states.describe_execution(executionArn=arn)
        except states.exceptions.ExecutionDoesNotExist:
            continue
        ended(states, arn)
        histories.check(history(states, arn), name)
    # Every execution that is listed was asked for.
    for kind, machine in load.machines.items():
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        names = [one["name"] for page in pages for one in page["executions"]]
        assert len(names) == len(set(names))
        assert set(names) <= set(load.tried), kind
    print(
        "%d executions, %d function calls, %d cut off and retried, %d answers taken, %s refused"
        % (len(found), len(calls), retried, taken, dict(load.refused))
    )
