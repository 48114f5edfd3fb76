"""A pull request on GitHub, from the first push to the memory of the guests.

A local runner executes the steps of the composite actions. The local forge checks each request and
each answer against GitHub's published description, if it is installed.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from rollout.pull_requests.conftest import sizes
from support.actions_runner.machine import machine
from support.forges.fake_forge import TOKEN
from support.forges.hosted_repository import MERGE_REF

if TYPE_CHECKING:
    from pathlib import Path

PLAN, APPLY = ".github/actions/plan", ".github/actions/apply"
VM = "/apis/kubevirt.io/v1/namespaces/team-a/virtualmachines/"


class GitHubJobs:
    """Runs the jobs that GitHub would start for an event."""

    def __init__(self, repository, folder: Path, cluster, snapshot: Path) -> None:
        self.repository, self.folder = repository, folder
        self.snapshot = snapshot
        self.kubeconfig = cluster.kubeconfig.read_text()
        self._numbers = count(1)

    def runner(self, event_name: str, ref: str):
        repository, number = self.repository, next(self._numbers)
        commit = repository.commit(ref)
        folder = self.folder / f"job-{number}"
        folder.mkdir()
        found = machine(
            folder,
            repository.bare,
            event_name=event_name,
            ref=ref,
            ref_name=ref.removeprefix("refs/heads/"),
            sha=commit,
            run_id=str(number),
            api_url=repository.forge.url,
        )
        repository.author("-C", str(found.workspace), "fetch", "--quiet", "origin", ref)
        repository.author("-C", str(found.workspace), "checkout", "--quiet", commit)
        return found

    def inputs(self, **more: str) -> dict[str, str]:
        found = {"cluster-name": "production", "comment": "true", "token": TOKEN}
        return found | {name.replace("_", "-"): value for name, value in more.items()}

    def pull_request(self):
        """Plan the pull request from the snapshot, without credentials for the cluster."""
        runner = self.runner("pull_request", MERGE_REF)
        return runner, runner.action(PLAN, self.inputs(snapshot=str(self.snapshot)))

    def plan(self):
        """Plan the default branch against the cluster; the plan is what reviewers approve."""
        runner = self.runner("push", "refs/heads/main")
        inputs = self.inputs(kubeconfig=self.kubeconfig, comment="false")
        return runner, runner.action(PLAN, inputs)

    def apply(self, plan_file: str):
        runner = self.runner("push", "refs/heads/main")
        inputs = self.inputs(kubeconfig=self.kubeconfig, plan_file=plan_file)
        return runner, runner.action(APPLY, inputs)


@pytest.fixture
def repository(host):
    return host("github")


@pytest.fixture
def jobs(repository, tmp_path, cluster, snapshot):
    return GitHubJobs(repository, tmp_path, cluster, snapshot)


def test_each_push_to_a_github_pull_request_updates_the_same_comment(repository, jobs):
    forge = repository.forge
    first = repository.push(sizes("2Gi", "1Gi"))
    runner, result = jobs.pull_request()
    assert result.outcome == "success", runner.log
    [comment] = forge.comments
    assert "1 VM changes live" in comment["body"].split("\n")[2]
    assert "<code>production</code>" in comment["body"].split("\n")[2]
    assert [(each[0], each[1]["state"]) for each in forge.statuses] == [(first, "success")]
    second = repository.push(sizes("2Gi", "2Gi"))
    runner, result = jobs.pull_request()
    assert result.outcome == "success", runner.log
    [edited] = forge.comments
    assert edited["id"] == comment["id"]
    assert "2 VMs change live" in edited["body"].split("\n")[2]
    assert forge.statuses[-1][0] == second
    assert result.outputs["live"] == "2"


def test_status_of_a_merged_github_pull_request_is_green_when_each_guest_has_its_memory(
    repository, jobs, guests
):
    repository.push(sizes("2Gi", "2Gi"))
    jobs.pull_request()
    commit = repository.merge()
    _, plan = jobs.plan()
    seen = []
    repository.forge.on_request = lambda received: seen.append((received.line, guests()))
    runner, result = jobs.apply(plan.outputs["plan-file"])
    assert result.outcome == "success", runner.log
    assert (result.outputs["exit-code"], result.outputs["done"]) == ("0", "2")
    last, status = repository.forge.statuses[-1]
    assert (last, status["state"]) == (commit, "success")
    assert seen[-1] == (f"POST /repos/team/vms/statuses/{commit}", ["2Gi", "2Gi"])


def test_vm_that_changes_after_the_approval_ends_the_github_job_with_exit_code_8(
    repository, jobs, guests, cluster
):
    repository.push(sizes("2Gi", "2Gi"))
    commit = repository.merge()
    _, plan = jobs.plan()
    moved = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "1536Mi"}}}}}}
    assert cluster.ask("PATCH", f"{VM}db-2", moved)[0] == 200
    runner, result = jobs.apply(plan.outputs["plan-file"])
    assert result.outcome == "failure"
    assert (result.outputs["exit-code"], result.outputs["stale"]) == ("8", "1")
    assert "team-a/db-2" in runner.summary
    assert "team-a/db-1" not in runner.summary.partition("<details")[0]
    last, status = repository.forge.statuses[-1]
    assert (last, status["state"]) == (commit, "failure")
    assert "1" in status["description"]
    assert guests()[0] == "2Gi"
