"""The AWS SDK for JavaScript v3, as `npm ci` in tests/javascript installs it (.ci/run does)."""

import shutil
import subprocess
from pathlib import Path

import pytest

from server import environment

FOLDER = Path(__file__).parent / "javascript"
SECONDS_MAX = 300

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (FOLDER / "node_modules" / "@aws-sdk" / "client-sfn").is_dir(),
    reason="SKIPPED: node and the packages of tests/javascript are not installed: npm ci --prefix tests/javascript",
)


def test_step_functions(make_server):
    server = make_server().start()
    ended = subprocess.run(
        ["node", "sfn.mjs", server.endpoint],
        cwd=FOLDER,
        env=environment(AWS_REGION="us-east-1"),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )
    assert (ended.returncode, ended.stdout) == (0, "ok\n"), ended.stderr
