"""Tests all workflows: pinned actions, few permissions, no code injection, and timeouts."""

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
    *sorted((ROOT / "examples/workflows").glob("*/*.yml")),
]
FILES = [path for path in FILES if path.parent.name != "gitlab"]
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
every_workflow = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
OWN = "OWNER/kubevirt-memory-reconciler/.github/actions/"
WHEEL = (
    r"https://github\.com/OWNER/kubevirt-memory-reconciler/releases/download/v(\d+\.\d+\.\d+)"
    r"/kubevirt_memory_reconciler-\1-py3-none-any\.whl"
)
WRITES = {
    "github/comment.yml": {"pull-requests", "statuses"},
    "github/apply.yml": {"statuses"},
    "workflows/release.yml": {"attestations", "contents", "id-token", "packages"},
}
"""The write permissions that the jobs of a workflow are allowed to have."""


def load(path: Path) -> dict:
    return YAML(typ="safe").load(path)


def uses_of(path: Path) -> list[str]:
    """Return the lines of a workflow file that use an action."""
    return re.findall(r"(?m)^ +(?:- )?(uses: .*)$", path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_list_of_checked_workflows_contains_every_workflow_file():
    github = {f"github/{name}.yml" for name in ("plan", "comment", "snapshot", "apply", "drift")}
    forgejo = {f"forgejo/{name}.yml" for name in ("plan", "snapshot", "apply", "drift")}
    ours = {"workflows/ci.yml", "workflows/release.yml"}
    assert {name_of(path) for path in FILES} == github | forgejo | ours


@every_workflow
def test_action_that_a_workflow_uses_is_pinned_by_commit_with_its_version_in_a_comment(path):
    assert uses_of(path)
    for line in uses_of(path):
        assert re.search(r"uses: [\w./:-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_action_that_workflows_use_has_the_same_version_in_all_workflows_and_actions():
    pins = {
        tuple(re.sub(r"https://[\w.]+/", "", line.split("uses: ")[1]).split("@"))
        for path in (*FILES, *ACTIONS)
        for line in uses_of(path)
    }
    actions = [action for action, _ in pins]
    assert sorted(actions) == sorted(set(actions))


@every_workflow
def test_workflow_example_uses_placeholders_for_the_owner_commit_and_hash_of_reconciler_actions(
    path,
):
    for step in steps(load(path)):
        uses = re.sub(r"https://github\.com/", "", step.get("uses", ""))
        if "kubevirt-memory-reconciler" in uses:
            assert re.fullmatch(rf"{OWN}[a-z]+@0{{40}}", uses)
            assert step["with"]["sha256"] == "0" * 64
            assert re.fullmatch(WHEEL, step["with"]["wheel"])


@every_workflow
def test_workflow_grants_permissions_only_per_job(path):
    workflow = load(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        written = {scope for scope, right in job["permissions"].items() if right == "write"}
        assert written <= WRITES.get(name_of(path), set())
        clones = any("actions/checkout@" in step.get("uses", "") for step in job["steps"])
        assert clones == (job["permissions"].get("contents") == "read") or "contents" in written


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
def test_workflow_command_in_a_step_contains_no_variables(path):
    for step in steps(load(path)):
        for line in re.findall(r"(?:echo|printf) .*::.*", step.get("run", "")):
            assert "$" not in line


@every_workflow
def test_workflow_checkout_does_not_persist_credentials(path):
    checkouts = [s for s in steps(load(path)) if "actions/checkout@" in s.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every_workflow
def test_workflow_job_has_a_timeout(path):
    assert all(job["timeout-minutes"] <= 60 for job in load(path)["jobs"].values())


@every_workflow
def test_workflow_for_pull_requests_has_no_cluster_credentials(path):
    workflow, text = load(path), path.read_text()
    assert "pull_request_target" not in workflow["on"]
    if "pull_request" in workflow["on"]:
        secrets = set(re.findall(r"secrets\.(\w+)", text))
        # Forgejo gives no secrets to forks, and the step checks that again.
        assert secrets <= ({"RECONCILER_FORGE_TOKEN"} if path.parent.name == "forgejo" else set())


def test_comment_workflow_neither_checks_out_code_nor_executes_files_from_the_artifact():
    workflow = load(ROOT / "examples/workflows/github/comment.yml")
    [plan] = workflow["on"]["workflow_run"]["workflows"]
    assert plan == load(ROOT / "examples/workflows/github/plan.yml")["name"]
    [install, download, comment] = workflow["jobs"]["comment"]["steps"]
    assert install["uses"].startswith(f"{OWN}install@")
    assert download["uses"].startswith("actions/download-artifact@")
    assert comment["run"].split()[:2] == ["reconciler", "comment"]
    assert "--pull-request" not in comment["run"]


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
