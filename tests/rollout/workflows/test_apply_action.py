"""Runs the composite GitHub Action ``apply`` step by step against a simulated cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.actions_runner.machine import machine
from support.forges.fake_forge import HEAD, TOKEN, FakeGitHub
from support.simulated import vm_yaml

PLAN, APPLY = ".github/actions/plan", ".github/actions/apply"
VMS = [{"name": name, "namespace": "team-a", "guest": "1Gi"} for name in ("db-1", "db-2")]
GROWN = vm_yaml("team-a", "db-1", "2Gi") + vm_yaml("team-a", "db-2", "2Gi")
EVENTS = ("pull_request", "pull_request_target", "pull_request_review")


@pytest.fixture
def served(serve):
    return serve("hotplug", vms=VMS)


@pytest.fixture
def job(tmp_path, git, served):
    """Return a function that returns a new CI machine with the default branch."""
    git.commit({"vms.yaml": GROWN})
    return lambda **github: machine(tmp_path, git.path, **github)


@pytest.fixture
def given(served):
    return {"cluster-name": "east", "kubeconfig": served.kubeconfig.read_text()}


@pytest.fixture
def planned(job, given):
    """The outputs of the ``plan`` action."""
    return job().action(PLAN, given).outputs


def guest(served, name: str) -> str:
    return served.vmi("team-a", name)["status"]["memory"]["guestCurrent"]


def test_apply_action_applies_the_approved_plan_until_each_guest_has_its_memory(
    job, given, planned, served
):
    runner = job()
    result = runner.action(APPLY, given | {"plan-file": planned["plan-file"]})
    assert result.outcome == "success", runner.log
    assert [guest(served, each) for each in ("db-1", "db-2")] == ["2Gi", "2Gi"]
    report = json.loads(Path(result.outputs["report-file"]).read_text())
    assert report["plan"]["digest"] == result.outputs["digest"] == planned["digest"]
    del result.outputs["digest"], result.outputs["folder"], result.outputs["report-file"]
    assert result.outputs == {
        "done": "2",
        "failed": "0",
        "stale": "0",
        "held": "0",
        "running": "0",
        "exit-code": "0",
    }
    assert runner.summary.startswith("**The cluster matches the desired state")


def test_apply_action_accepts_the_plan_digest_as_approval(job, given, planned, served):
    runner = job()
    result = runner.action(APPLY, given | {"expect-digest": planned["digest"]})
    assert result.outcome == "success", runner.log
    assert guest(served, "db-1") == "2Gi"


def test_apply_action_fails_with_exit_code_8_if_a_vm_has_changed_since_the_approval(
    job, given, planned, served
):
    path = "/apis/kubevirt.io/v1/namespaces/team-a/virtualmachines/db-2"
    guest_of = {"domain": {"memory": {"guest": "1536Mi"}}}
    assert served.ask("PATCH", path, {"spec": {"template": {"spec": guest_of}}})[0] == 200
    runner = job()
    result = runner.action(APPLY, given | {"plan-file": planned["plan-file"]})
    assert result.outcome == "failure"
    assert (result.outputs["exit-code"], result.outputs["stale"]) == ("8", "1")
    assert "team-a/db-2" in runner.summary
    assert guest(served, "db-1") == "2Gi"


@pytest.mark.parametrize(("wanted", "outcome"), [("false", "success"), ("true", "failure")])
def test_apply_action_fails_with_exit_code_4_only_if_an_action_input_requests_this(
    job, given, git, wanted, outcome
):
    git.commit({"vms.yaml": vm_yaml("team-a", "db-1", "512Mi")})
    plan = job().action(PLAN, given).outputs
    runner = job()
    asked = {"plan-file": plan["plan-file"], "fail-on-blocked": wanted}
    result = runner.action(APPLY, given | asked)
    assert (result.outputs["exit-code"], result.outputs["held"]) == ("4", "1"), runner.log
    assert result.outcome == outcome


@pytest.mark.parametrize("event_name", EVENTS)
def test_apply_action_does_not_run_for_a_pull_request(job, given, planned, served, event_name):
    runner = job(event_name=event_name)
    result = runner.action(APPLY, given | {"plan-file": planned["plan-file"]})
    assert result.outcome == "failure"
    assert [each.name for each in runner.commands] == ["error"]
    assert served.writes() == []


@pytest.mark.parametrize("ref", ["refs/heads/feature", "refs/tags/main", "refs/pull/7/merge"])
def test_apply_action_runs_only_on_the_default_branch(job, given, planned, served, ref):
    runner = job(ref=ref)
    result = runner.action(APPLY, given | {"plan-file": planned["plan-file"]})
    assert result.outcome == "failure"
    assert served.writes() == []


def test_apply_action_requires_the_branch_input_if_the_event_names_no_default_branch(
    job, given, planned, served
):
    runner = job(event={})
    approved = given | {"plan-file": planned["plan-file"]}
    assert runner.action(APPLY, approved).outcome == "failure"
    assert "set the input branch" in runner.log
    assert served.writes() == []
    runner = job(event={})
    assert runner.action(APPLY, approved | {"branch": "main"}).outcome == "success", runner.log


def test_apply_action_without_an_approved_plan_does_not_write(job, given, served):
    runner = job()
    runner.env["RECONCILER_YES"] = "1"
    result = runner.action(APPLY, given)
    assert result.outcome == "failure"
    assert "needs an approved plan" in runner.log
    assert served.ours() == []


def test_apply_action_sets_the_commit_status_from_the_report(job, given, planned):
    with FakeGitHub() as forge:
        runner = job(api_url=forge.url, sha=HEAD)
        posted = {"plan-file": planned["plan-file"], "comment": "true", "token": TOKEN}
        result = runner.action(APPLY, given | posted)
        assert result.outcome == "success", runner.log
        commit, status = forge.statuses[-1]
    assert (commit, status["state"]) == (HEAD, "success")


def test_apply_action_without_a_report_shows_its_log_and_fails(job, given, planned):
    runner = job()
    edited = Path(planned["plan-file"])
    edited.write_text(edited.read_text().replace("2Gi", "3Gi"))
    result = runner.action(APPLY, given | {"plan-file": str(edited)})
    assert result.outcome == "failure"
    assert result.outputs["report-file"] == ""
    assert "was changed after &#96;plan --out&#96; wrote it" in runner.summary
