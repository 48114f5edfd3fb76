"""Tests the approval options of apply: a saved plan (--plan) or its digest (--expect-digest)."""

from __future__ import annotations

import json
import sys
from io import BytesIO, TextIOWrapper

import pytest
from support.schemas import check_document
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
ASK_3GI = vm_yaml("default", "vm", "3Gi")
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
TWO = [{"name": "vm", "guest": "1Gi"}, {"name": "other", "guest": "1Gi"}]
OBSERVE = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: observe\n"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "plan.json"


def outcomes(ended) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["result"], each["reason"]) for each in ended.json["outcomes"]}


def writes_to_vms(cluster) -> list[str]:
    return [each.path for each in cluster.ours("PATCH") if "/virtualmachines/" in each.path]


def shrink_by_hand(cluster, guest: str) -> None:
    """Shrink a VM as another client, after the plan was made."""
    memory = {"memory": {"guest": guest}}
    change = {"spec": {"template": {"spec": {"domain": memory}}}}
    assert cluster.ask("PATCH", VM, change)[0] == 200


def test_plan_file_equals_the_printed_json_plan(serve, git, command, file):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    shown = command("plan", "--repo", git, "-o", "json", "--out", file, on=cluster)
    assert json.loads(file.read_text()) == shown.json
    check_document(shown.json, "plan")
    text = command("plan", "--repo", git, "--out", file, on=cluster)
    assert text.out.startswith("Plan ")
    assert f"wrote the plan to {file}" in text.err


def test_environment_variable_can_set_the_plan_output_path(serve, git, command, file, monkeypatch):
    git.commit({"vm.yaml": ASK_2GI})
    monkeypatch.setenv("RECONCILER_OUT", str(file))
    command("plan", "--repo", git, on=serve("hotplug"))
    assert json.loads(file.read_text())["kind"] == "Plan"


def test_apply_uses_the_approved_commit_even_if_the_branch_has_newer_commits(
    serve, git, command, file
):
    approved = git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    command("plan", "--repo", git, "--out", file, on=cluster)
    git.commit({"vm.yaml": ASK_3GI})
    ended = command("apply", "--repo", git, "--plan", file, "-o", "json", on=cluster)
    assert (ended.code, outcomes(ended)) == (0, {"vm": ("done", "converged")})
    assert ended.json["plan"]["revision"] == approved
    digest = json.loads(file.read_text())["digest"]
    assert ended.json["notes"] == [f"1 action approved by plan {digest} of commit {approved[:12]}"]
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"


def test_apply_accepts_an_approved_plan_that_was_made_from_a_snapshot_of_the_same_cluster(
    serve, git, command, file, tmp_path
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    command("snapshot", "--out", tmp_path / "live.json", on=cluster)
    command("plan", "--repo", git, "--snapshot", tmp_path / "live.json", "--out", file)
    ended = command("apply", "--repo", git, "--plan", file, "-o", "json", on=cluster)
    assert (ended.code, outcomes(ended)) == (0, {"vm": ("done", "converged")})


def test_second_apply_of_a_completed_plan_changes_nothing(serve, git, command, file):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    command("plan", "--repo", git, "--out", file, on=cluster)
    apply = ("apply", "--repo", git, "--plan", file, "-o", "json")
    assert [command(*apply, on=cluster).code for _ in range(2)] == [0, 0]
    assert len(writes_to_vms(cluster)) == 1


def test_stale_approval_of_a_vm_change_is_reported_with_the_difference(serve, git, command, file):
    git.commit({"vms.yaml": ASK_2GI + vm_yaml("default", "other", "2Gi")})
    cluster = serve("hotplug", vms=TWO)
    command("plan", "--repo", git, "--out", file, on=cluster)
    shrink_by_hand(cluster, "1536Mi")
    ended = command("apply", "--repo", git, "--plan", file, "-o", "json", on=cluster)
    assert ended.code == 8
    assert outcomes(ended)["other"] == ("done", "converged")
    (stale,) = (each for each in ended.json["outcomes"] if each["name"] == "vm")
    assert stale["result"] == "stale"
    assert "approved: live" in stale["message"]
    assert "; now: " in stale["message"]
    assert [each.rpartition("/")[2] for each in writes_to_vms(cluster)] == ["other"]


def test_unapproved_change_is_not_written(serve, git, command, file):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", vms=TWO)
    command("plan", "--repo", git, "--out", file, on=cluster)
    git.commit({"other.yaml": vm_yaml("default", "other", "2Gi")})
    apply = ("apply", "--repo", git, "--plan", file, "--revision", "main", "-o", "json")
    ended = command(*apply, on=cluster)
    assert outcomes(ended) == {"vm": ("done", "converged"), "other": ("held", "not-approved")}
    assert ended.code == 4


def test_apply_rejects_a_plan_for_a_different_cluster(serve, git, command, file, tmp_path):
    git.commit({"vm.yaml": ASK_2GI})
    cluster, live = serve("hotplug"), tmp_path / "live.json"
    command("snapshot", "--out", live, on=cluster)
    snapshot = json.loads(live.read_text())
    here, snapshot["cluster"] = snapshot["cluster"], "another"
    live.write_text(json.dumps(snapshot))
    command("plan", "--repo", git, "--snapshot", live, "--out", file)
    ended = command("apply", "--repo", git, "--plan", file, on=cluster)
    assert ended.code == 1
    assert (
        f"approved for cluster another, but the live state comes from cluster {here}" in ended.err
    )
    assert cluster.writes() == []


def test_plan_of_uncommitted_files_can_be_applied_only_with_the_working_tree_option(
    serve, git, command, file
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "1Gi")})
    (git.path / "vm.yaml").write_text(ASK_2GI)
    cluster = serve("hotplug")
    command("plan", "--repo", git, "--working-tree", "--out", file, on=cluster)
    refused = command("apply", "--repo", git, "--plan", file, on=cluster)
    assert refused.code == 1
    assert "made from uncommitted files" in refused.err
    assert "--working-tree" in refused.err
    assert cluster.writes() == []
    ended = command("apply", "--repo", git, "--plan", file, "--working-tree", on=cluster)
    assert (ended.code, len(writes_to_vms(cluster))) == (0, 1)


def test_plan_of_rendered_manifests_can_be_applied_only_to_the_same_manifests(
    serve, git, command, file, tmp_path, monkeypatch
):
    git.commit({"vm.yaml": ASK_2GI})
    (tmp_path / "rendered.yaml").write_text(ASK_2GI)
    cluster = serve("hotplug")
    command("plan", "-f", tmp_path / "rendered.yaml", "--out", file, on=cluster)
    refused = command("apply", "--repo", git, "--plan", file, on=cluster)
    assert (refused.code, "was made from files, not from a commit" in refused.err) == (1, True)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(ASK_2GI.encode())))
    assert command("apply", "-f", "-", "--plan", file, on=cluster).code == 0
    assert len(writes_to_vms(cluster)) == 1


@pytest.mark.parametrize(
    ("text", "says"), [("{", ":1:2 is not valid JSON"), ('{"kind": "Snapshot"}', " is not a Plan")]
)
def test_invalid_plan_file_is_rejected_before_the_cluster_is_read(text, says, git, command, file):
    file.write_text(text)
    ended = command("apply", "--repo", git, "--plan", file)
    assert (ended.code, ended.out) == (1, "")
    assert f"file {file}{says}" in ended.err


def test_apply_of_an_approved_plan_ignores_observe_mode_in_the_configuration(
    serve, git, command, file
):
    git.commit({"vm.yaml": ASK_2GI, ".reconciler.yaml": OBSERVE})
    cluster = serve("hotplug")
    command("plan", "--repo", git, "--out", file, on=cluster)
    assert command("apply", "--repo", git, "--plan", file, on=cluster).code == 0
    assert len(writes_to_vms(cluster)) == 1


def test_plan_digest_on_the_command_line_approves_the_whole_plan(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    digest = command("plan", "--repo", git, "-o", "json", on=cluster).json["digest"]
    ended = command("apply", "--repo", git, "--expect-digest", digest, "-o", "json", on=cluster)
    assert (ended.code, outcomes(ended)) == (0, {"vm": ("done", "converged")})
    assert ended.json["notes"][0].startswith(f"1 action approved by plan {digest}")


def test_apply_with_the_digest_of_a_different_plan_writes_nothing(serve, git, command, tmp_path):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    digest = command("plan", "--repo", git, "-o", "json", on=cluster).json["digest"]
    git.commit({"vm.yaml": ASK_3GI})
    report = tmp_path / "report.json"
    expecting = ("apply", "--repo", git, "--expect-digest", digest, "--report", report)
    ended = command(*expecting, on=cluster)
    now = command("plan", "--repo", git, "-o", "json", on=cluster).json["digest"]
    assert ended.code == 8
    assert f"approved digest is {digest}, and the current digest is {now}" in ended.err
    assert "apply --plan" in ended.err
    assert ended.out.startswith("Plan "), "the current plan is printed"
    assert cluster.writes() == []
    left = json.loads(report.read_text())
    check_document(left, "report")
    assert (left["exit"]["code"], left["exit"]["name"]) == (8, "stale")
    assert [each["result"] for each in left["outcomes"]] == ["not-started"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--expect-digest", "238f8dc966c2"], "is not a digest"),
        (["--expect-digest", "sha256:" + "a" * 64, "--plan", "plan.json"], "cannot be combined"),
    ],
    ids=["abbreviated", "twice"],
)
def test_contradictory_approval_options_are_a_usage_error(arguments, says, git, command):
    ended = command("apply", "--yes", "--repo", git, *arguments)
    assert (ended.code, says in ended.err) == (64, True)
