"""The real binary as a test sees it: started, asked, stopped, killed."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
# Bounds against hanging only: nothing is measured with them.
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROLE = "arn:aws:iam::%s:role/test" % ACCOUNT


def binary():
    """The windlass to test."""
    named = os.environ.get("WINDLASS_BIN")
    if named:
        return Path(named).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for profile in ("release", "debug"):
        candidate = target / profile / "windlass"
        if candidate.exists():
            return candidate
    raise FileNotFoundError("there is no windlass to test: build one, set WINDLASS_BIN or use tests/run.sh")


def free_port():
    """A port that nobody listens on, below those that systems give to outgoing
    connections: one of these could take it while a server is being restarted."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def environment(**more):
    """This process's environment without what would steer windlass or an SDK elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINDLASS_", "AWS_", "SFN_"))}
    return {**kept, **more}


def client(service, endpoint, key="test", secret="test", verify=None, **config):
    """A boto3 client that waits long and asks once."""
    settings = {
        "inject_host_prefix": False,
        "retries": {"total_max_attempts": 1},
        "connect_timeout": 10,
        "read_timeout": 120,
        "max_pool_connections": 64,
        **config,
    }
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        verify=verify,
        config=Config(**settings),
    )


class Server:
    """One data folder and the process that serves it, if any."""

    def __init__(self, folder, *, config="", env=None, listen=None):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.listen = listen or "127.0.0.1:%d" % free_port()
        self.env = env or {}
        self.process = None
        self.endpoint = None
        self.notices = self.folder / "notices"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "windlass.toml"
        self.config.write_text(config)

    def launch(self, **env):
        """Starts the process and waits for nothing."""
        self.notices.write_text("")
        with open(self.folder / "log", "ab") as log, open(self.notices, "wb") as notices:
            self.process = subprocess.Popen(
                [binary(), "serve", "--listen", self.listen, "--data", self.data, "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=notices,
                env=environment(WINDLASS_LOG_FORMAT="json", **{**self.env, **env}),
                cwd=self.folder,
            )
        return self

    def start(self, **env):
        """Starts the process and waits until it takes calls."""
        self.launch(**env)
        until = time.monotonic() + READY_SECONDS_MAX
        while True:
            said = self.notices.read_text()
            found = re.search(r"listens on +(\S+)", said)
            if found and "AWS_DISABLE_HOST_PREFIX_INJECTION" in said:
                self.endpoint = found[1]
                return self
            status = self.process.poll()
            assert status is None, "windlass ended with %s:\n%s" % (status, said)
            assert time.monotonic() < until, "windlass is not ready:\n%s" % said
            time.sleep(0.01)

    def stop(self):
        """Ends the process as an operator would; it must end well."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS_MAX)
        self.process = None
        assert status == 0, "windlass ended with %s:\n%s" % (status, self.notices.read_text())

    def kill(self):
        """Ends the process without a chance to do anything more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS_MAX)
            self.process = None

    def states(self, **config):
        return client("stepfunctions", self.endpoint, **config)

    def awslambda(self, **config):
        return client("lambda", self.endpoint, **config)
