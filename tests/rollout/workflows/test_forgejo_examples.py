"""Runs the workflows in examples/workflows/forgejo with a simulated cluster and a fake Forgejo."""

from __future__ import annotations

import json
import subprocess

import pytest
from support.forges.fake_forge import HEAD, TOKEN, FakeGitea
from support.simulated import vm_yaml


@pytest.fixture
def bare(project):
    """A bare repository with the commits of the project, as on a Forgejo server."""
    path = project.folder / "server.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", project.git.path, path], check=True)
    return path


@pytest.fixture
def runner(project, bare):
    """Return a function that returns a CI machine with a clone of the bare repository."""

    def new(**github):
        found = project.runner(**github)
        command = ["git", "remote", "set-url", "origin", bare]
        subprocess.run(command, cwd=found.workspace, check=True)
        found.env["FORGEJO_ACTIONS"] = "true"
        found.secrets = {
            "KUBECONFIG": project.kubeconfig,
            "KUBECONFIG_APPLY": project.kubeconfig,
            "SNAPSHOT_TOKEN": "snapshot-token",
            "RECONCILER_FORGE_TOKEN": TOKEN,
        }
        return found

    return new


@pytest.fixture
def snapshot(project, runner):
    machine = runner(event_name="schedule")
    result = project.job("forgejo/snapshot.yml", "snapshot", machine)
    assert result.outcome == "success", machine.log
    return machine


def pull_request(forge: FakeGitea, base: str, head: str = "team/vms") -> dict:
    pull = {
        "number": 7,
        "head": {"repo": {"full_name": head}, "sha": HEAD},
        "base": {"ref": "main", "sha": base},
    }
    github = {"event_name": "pull_request", "ref": "refs/pull/7/head", "api_url": forge.url}
    return {**github, "event": {"pull_request": pull, "number": 7}}


def test_forgejo_snapshot_job_needs_no_forced_push_to_its_protected_branch(
    project, runner, snapshot, bare
):
    protect = ["git", "config", "receive.denyNonFastForwards", "true"]
    subprocess.run(protect, cwd=bare, check=True)
    machine = runner(event_name="schedule")
    assert project.job("forgejo/snapshot.yml", "snapshot", machine).outcome == "success"
    log = subprocess.run(
        ["git", "log", "--format=%s", "memory-snapshot"], cwd=bare, capture_output=True, check=True
    )
    assert log.stdout.decode() == "Snapshot of the cluster\n" * 2
    assert "snapshot-token" not in snapshot.log + machine.log


@pytest.mark.usefixtures("snapshot")
def test_forgejo_plan_job_posts_one_pull_request_comment_from_the_cluster_snapshot(
    project, runner
):
    with FakeGitea() as forge:
        machine = runner(**pull_request(forge, project.git("rev-parse", "HEAD^1")))
        result = project.job("forgejo/plan.yml", "plan", machine)
        assert result.outcome == "success", machine.log
        [text] = forge.texts()
    assert "2 VMs change live" in text
    assert not any(each.get("KUBECONFIG_CONTENT") for each in machine.environments)


@pytest.mark.usefixtures("snapshot")
def test_forgejo_plan_job_counts_the_changes_of_all_commits_of_the_pull_request(
    project, runner, bare
):
    base = project.git("rev-parse", "HEAD^1")
    project.git.commit({"README.md": "the second commit of the pull request\n"})
    project.git("push", "--quiet", str(bare), "main")
    with FakeGitea() as forge:
        machine = runner(**pull_request(forge, base))
        assert project.job("forgejo/plan.yml", "plan", machine).outcome == "success", machine.log
        [text] = forge.texts()
    assert text.split("\n")[2].startswith("**This pull request: 2 VMs change live")


@pytest.mark.usefixtures("snapshot")
def test_forgejo_plan_job_for_a_fork_posts_no_comment(project, runner):
    with FakeGitea() as forge:
        base = project.git("rev-parse", "HEAD^1")
        machine = runner(**pull_request(forge, base, "fork/vms"))
        assert project.job("forgejo/plan.yml", "plan", machine).outcome == "success"
        assert forge.requests == []
    assert "team-a/db-1" in machine.log or "db-1" in machine.log


def test_forgejo_drift_job_prints_the_plan_digest_that_the_apply_job_accepts(project, runner):
    machine = runner(event_name="schedule")
    assert project.job("forgejo/drift.yml", "drift", machine).outcome == "failure"
    [digest] = [line[7:] for line in machine.log.splitlines() if line.startswith("digest=")]
    with FakeGitea() as forge:
        event = {"inputs": {"digest": digest}}
        machine = runner(event_name="workflow_dispatch", event=event, api_url=forge.url, sha=HEAD)
        result = project.job("forgejo/apply.yml", "apply", machine)
        assert result.outcome == "success", machine.log
        assert forge.statuses[-1][1]["state"] == "success"
    assert project.guests() == ["2Gi", "2Gi"]
    assert json.loads((machine.temp / "report.json").read_text())["exit"]["code"] == 0


@pytest.mark.parametrize(
    ("desired", "outcome"),
    [
        (vm_yaml("team-a", "db-1", "2Gi"), "success"),
        (vm_yaml("team-a", "db-1", "512Mi"), "success"),
        (vm_yaml("team-a", "db-1", "many"), "failure"),
    ],
    ids=["pending", "blocked", "invalid"],
)
def test_forgejo_drift_job_after_a_merge_accepts_pending_and_blocked_changes(
    project, runner, desired, outcome
):
    project.git.commit({"vms.yaml": desired})
    machine = runner(event_name="push")
    assert project.job("forgejo/drift.yml", "drift", machine).outcome == outcome, machine.log
    if outcome == "success":
        machine = runner(event_name="schedule")
        assert project.job("forgejo/drift.yml", "drift", machine).outcome == "failure"


def test_forgejo_apply_job_with_a_different_plan_digest_writes_nothing(project, runner):
    with FakeGitea() as forge:
        event = {"inputs": {"digest": f"sha256:{'0' * 64}"}}
        machine = runner(event_name="workflow_dispatch", event=event, api_url=forge.url, sha=HEAD)
        assert project.job("forgejo/apply.yml", "apply", machine).outcome == "failure"
    assert project.served.writes() == []


def test_forgejo_apply_job_runs_only_on_the_default_branch(project, runner):
    machine = runner(event_name="workflow_dispatch", ref_name="feature")
    assert project.job("forgejo/apply.yml", "apply", machine).outcome == "skipped"
