"""Terraform itself: apply, plan without drift, update, destroy."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "terraform"

# Where a mirror of providers may lie; Terraform's own places among them.
MIRRORS = [
    *([Path(os.environ["WINDLASS_TEST_TERRAFORM_MIRROR"])] if "WINDLASS_TEST_TERRAFORM_MIRROR" in os.environ else []),
    Path.home() / ".terraform.d" / "plugins",
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
    *sorted(Path("/opt").glob("*")),
]

FUNCTION = """
import os

def handler(event, context):
    return {"greeting": os.environ["GREETING"]}
"""


def mirror():
    aws = Path("registry.terraform.io") / "hashicorp" / "aws"
    return next((folder for folder in MIRRORS if (folder / aws).is_dir()), None)


pytestmark = pytest.mark.skipif(
    shutil.which("terraform") is None or mirror() is None,
    reason="SKIPPED: terraform and a folder registry.terraform.io with the AWS provider are not installed",
)


class Terraform:
    def __init__(self, folder, endpoint, access_key="test", secret_key="test"):
        self.folder = folder
        (folder / "terraformrc").write_text(
            'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' % mirror()
        )
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))},
            "TF_CLI_CONFIG_FILE": str(folder / "terraformrc"),
            "TF_VAR_endpoint": endpoint,
            "TF_VAR_access_key": access_key,
            "TF_VAR_secret_key": secret_key,
            "TF_VAR_prefix": "tf",
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *arguments, expected=(0,)):
        ended = subprocess.run(
            ["terraform", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert ended.returncode in expected, f"terraform {' '.join(arguments)}\n{ended.stdout[-6000:]}\n{ended.stderr[-6000:]}"
        return ended

    def drift(self, *arguments):
        """The changes that a plan would make; none when the answers are those that were written."""
        ended = self.run("plan", "-input=false", "-no-color", "-detailed-exitcode", *arguments, expected=(0, 2))
        return ended.stdout if ended.returncode == 2 else None


@pytest.fixture
def terraform(tmp_path, server):
    for file in HERE.glob("*.tf"):
        shutil.copy(file, tmp_path)
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as archive:
        # The same bytes every time: a zip holds the time otherwise.
        archive.writestr(zipfile.ZipInfo("index.py", (2026, 1, 1, 0, 0, 0)), FUNCTION)
    terraform = Terraform(tmp_path, server.endpoint)
    terraform.run("init", "-input=false", "-no-color")
    return terraform


def test_apply_plan_update_destroy(terraform, server):
    terraform.run("apply", "-auto-approve", "-input=false", "-no-color")
    assert terraform.drift() is None
    outputs = json.loads(terraform.run("output", "-json").stdout)
    assert outputs["account"]["value"] == "000000000000"
    assert [arn.rsplit(":", 1)[1] for arn in outputs["published_versions"]["value"]] == ["1"]
    states = server.states()
    alias = outputs["live_alias_arn"]["value"]
    assert states.start_sync_execution(stateMachineArn=alias)["output"] == '"hello"'

    changes = [
        "-var=visibility_timeout_seconds=45",
        "-var=greeting=good morning",
        "-var=schedule=cron(0 3 * * ? *)",
        "-var=stable_weight=90",
    ]
    assert terraform.drift(*changes) is not None
    terraform.run("apply", "-auto-approve", "-input=false", "-no-color", *changes)
    assert terraform.drift(*changes) is None
    # The alias leads to the new version; the old one stays.
    assert states.start_sync_execution(stateMachineArn=alias)["output"] == '"good morning"'
    outputs = json.loads(terraform.run("output", "-json").stdout)
    versions = sorted(arn.rsplit(":", 1)[1] for arn in outputs["published_versions"]["value"])
    assert versions[-1] == "2", versions

    terraform.run("destroy", "-auto-approve", "-input=false", "-no-color", *changes)
    assert json.loads((terraform.folder / "terraform.tfstate").read_text())["resources"] == []
