"""Rules for all workflows: pinned actions, few permissions, no injection, and timeouts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(
    not (ROOT / ".github" / "adr").is_dir(), reason="this is not a checkout"
)
FILES = [
    *sorted((ROOT / ".github/workflows").glob("*.yml")),
    *sorted((ROOT / "examples/workflows").glob("*.yml")),
]
every_workflow = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def load(path: Path) -> dict:
    return YAML(typ="safe").load(path)


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_workflow_checks_find_all_github_workflows():
    assert {path.name for path in FILES} >= {"ci.yml", "plan.yml", "apply.yml"}


@every_workflow
def test_workflow_action_is_pinned_by_commit_with_its_version(path):
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_workflow_action_has_the_same_version_in_all_workflows():
    pins = {
        tuple(line.split("uses: ")[1].split("@"))
        for path in FILES
        for line in path.read_text().splitlines()
        if "uses:" in line
    }
    actions = [action for action, _ in pins]
    assert sorted(actions) == sorted(set(actions))


@every_workflow
def test_workflow_grants_permissions_only_per_job(path):
    workflow = load(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]["contents"] == "read"
        written = {scope for scope, right in job["permissions"].items() if right == "write"}
        assert written <= {"pull-requests"}


@every_workflow
def test_workflow_script_has_no_interpolated_expression(path):
    for step in steps(load(path)):
        assert "${{" not in step.get("run", "")


@every_workflow
def test_workflow_script_is_valid_bash(path):
    for step in steps(load(path)):
        if "run" in step:
            subprocess.run(["bash", "-n"], input=step["run"].encode(), check=True)


@every_workflow
def test_workflow_checkout_does_not_persist_credentials(path):
    checkouts = [s for s in steps(load(path)) if s.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every_workflow
def test_workflow_job_has_a_timeout(path):
    assert all(job["timeout-minutes"] <= 60 for job in load(path)["jobs"].values())


@every_workflow
def test_workflow_with_a_secret_never_runs_code_from_a_fork(path):
    workflow = load(path)
    assert "pull_request_target" not in workflow["on"]
    if "pull_request" in workflow["on"]:
        assert "secrets." not in path.read_text()


def test_ci_workflow_runs_the_makefile_targets():
    runs = "\n".join(
        step.get("run", "") for step in steps(load(ROOT / ".github/workflows/ci.yml"))
    )
    for target in ("check", "test", "demo", "wheel", "envtest"):
        assert f"make {target}" in runs


def test_ci_workflow_tests_every_python_version_of_the_package():
    matrix = load(ROOT / ".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    claimed = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text())
    assert matrix["python"] == claimed
