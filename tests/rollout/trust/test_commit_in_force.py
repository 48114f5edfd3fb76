"""While the newest commit of a branch is rejected, the newest valid ancestor is applied."""

from __future__ import annotations

import html
import json

import pytest
from support.schemas import check_document
from support.simulated import vm_yaml

from reconciler.model.revision.commit_in_force import MAX_ANCESTORS

HEAD = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
INVALID = f"{HEAD}restart: perhaps\n"
GROW = {"vms.yaml": vm_yaml("default", "vm", "2Gi")}
SHRINK = {"vms.yaml": vm_yaml("default", "vm", "1536Mi")}
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"


def guest(cluster):
    return cluster.get(VM)["spec"]["template"]["spec"]["domain"]["memory"]["guest"]


@pytest.fixture
def refused(git):
    """Return a valid commit, and an invalid commit after it that also changes the VM."""
    good = git.commit({**GROW, ".reconciler.yaml": HEAD})
    return good, git.commit({**SHRINK, ".reconciler.yaml": INVALID})


def test_plan_uses_the_newest_valid_ancestor_and_lists_the_rejected_commit(
    refused, git, serve, command
):
    good, bad = refused
    ended = command(
        "plan", "--repo", git, "--detailed-exitcode", "-o", "json", on=serve("hotplug")
    )
    plan = ended.json
    check_document(plan, "plan")
    assert (ended.code, plan["revision"]) == (3, good)
    assert plan["commit"] == {
        "requested": "HEAD",
        "newest": bad,
        "inForce": good,
        "behind": 1,
        "signer": None,
        "refused": [
            {
                "commit": bad,
                "reason": "invalid-config",
                "message": plan["commit"]["refused"][0]["message"],
            }
        ],
    }
    (error,) = [each for each in plan["diagnostics"] if each["severity"] == "error"]
    assert (error["code"], error["at"]["line"]) == ("invalid-config", 3)
    assert (
        f"commit {bad[:12]} of HEAD is rejected: its configuration is invalid" in error["message"]
    )
    assert f"commit {good[:12]} is used instead" in error["message"]
    (vm,) = plan["objects"]
    assert vm["changes"][0]["to"] == "2Gi"


@pytest.mark.parametrize("form", ["text", "markdown", "html", "sarif", "github", "gitlab"])
def test_every_plan_format_shows_the_rejected_commit(form, refused, git, serve, command):
    ended = command("plan", "--repo", git, "-o", form, on=serve("hotplug"))
    shown = html.unescape(ended.out).replace("\u200b", "").replace("\u2060", "")
    assert refused[1][:12] in shown
    assert f"{refused[0][:12]} is used instead" in shown
    assert ended.code == 3


@pytest.mark.parametrize("name", ["apply", "reconcile"])
def test_run_applies_the_ancestor_of_a_rejected_commit_and_returns_exit_code_3(
    name, refused, git, serve, command, tmp_path
):
    cluster, report = serve("hotplug"), tmp_path / "report.json"
    flags = ["--yes"] if name == "apply" else []
    ended = command(name, "--repo", git, *flags, "--report", report, on=cluster)
    assert (ended.code, guest(cluster)) == (3, "2Gi")
    document = json.loads(report.read_text())
    check_document(document, "report")
    found = document["plan"]["commit"]
    assert (found["newest"], found["inForce"]) == (refused[1], refused[0])
    assert f"commit {refused[1][:12]} of HEAD is rejected" in ended.out
    again = command(name, "--repo", git, *flags, "-o", "json", on=cluster)
    assert (again.code, again.json["plan"]["revision"]) == (3, refused[0])


def test_next_valid_commit_after_a_rejected_commit_is_applied(refused, git, serve, command):
    cluster = serve("hotplug")
    fixed = git.commit({".reconciler.yaml": HEAD})
    plan = command("plan", "--repo", git, "-o", "json", on=cluster).json
    assert (plan["revision"], plan["commit"]["behind"]) == (fixed, 0)
    assert plan["commit"]["refused"] == []


def test_status_shows_the_applied_ancestor_and_the_rejected_commit(refused, git, serve, command):
    ended = command("status", "--repo", git, "-o", "json", on=serve("hotplug"))
    assert (ended.code, ended.json["revision"]) == (3, refused[0])
    assert ended.json["commit"]["refused"][0]["commit"] == refused[1]
    assert ended.json["vms"][0]["desired"] == "2Gi"
    assert f"{refused[0][:12]} is used instead" in ended.err


def test_config_command_shows_the_applied_ancestor_and_names_the_rejected_commit(
    refused, git, command
):
    ended = command("config", "--repo", git, "-o", "json")
    assert (ended.code, ended.json["revision"]) == (3, refused[0])
    assert f"commit {refused[1][:12]} of HEAD is rejected" in ended.err
    assert f"{refused[0][:12]} is used instead" in ended.err


def test_validate_checks_only_the_newest_commit(refused, git, command):
    ended = command("validate", "--repo", git, "-o", "json")
    assert (ended.code, ended.json["revision"]) == (3, refused[1])
    (error,) = ended.json["diagnostics"]
    assert (error["at"]["line"], ended.json["commit"]["inForce"]) == (3, None)


def test_rejected_commit_hash_or_tag_is_not_replaced_by_another_commit(
    refused, git, serve, command
):
    cluster = serve("hotplug")
    git("tag", "release")
    git("branch", "release/fix")  # a branch below the name of the tag does not make it a branch
    git("tag", "--annotate", "--message=x", "v1")
    for revision in (refused[1], refused[1][:12], "release", "refs/tags/v1", "main~0"):
        ended = command("apply", "--yes", "--repo", git, "--revision", revision, on=cluster)
        assert (ended.code, "nothing was planned" in ended.err) == (3, True), revision
    assert cluster.writes() == []
    by_branch = command("plan", "--repo", git, "--revision", "main", "-o", "json", on=cluster)
    assert by_branch.json["commit"]["requested"] == "main"


def test_branch_whose_name_looks_like_a_hash_is_treated_as_a_branch(refused, git, serve, command):
    git("branch", "facade")
    arguments = ("--repo", git, "--revision", "facade", "-o", "json")
    found = command("plan", *arguments, on=serve("hotplug"))
    assert found.json["revision"] == refused[0]


def test_search_for_a_valid_commit_examines_only_first_parents(git, serve, command):
    """A commit of a merged branch was never the newest commit of the applied branch."""
    good = git.commit({**GROW, ".reconciler.yaml": HEAD})
    git("switch", "--quiet", "--create", "side")
    git.commit(SHRINK)
    git("switch", "--quiet", "main")
    git.commit({".reconciler.yaml": INVALID})
    git("merge", "--quiet", "--no-edit", "side")
    plan = command("plan", "--repo", git, "-o", "json", on=serve("hotplug")).json
    assert (plan["revision"], plan["commit"]["behind"]) == (good, 2)


@pytest.mark.parametrize("remote", [False, True])
def test_search_for_a_valid_commit_examines_at_most_fifty_commits(remote, git, serve, command):
    cluster = serve("hotplug")
    good = git.commit({**GROW, ".reconciler.yaml": HEAD})
    git.commit({".reconciler.yaml": INVALID})
    for _ in range(MAX_ANCESTORS - 1):
        git("commit", "--quiet", "--allow-empty", "--message=change")
    source = f"file://{git.path}" if remote else git
    plan = command("plan", "--repo", source, "-o", "json", on=cluster).json
    assert (plan["revision"], plan["commit"]["behind"]) == (good, 50)
    git("commit", "--quiet", "--allow-empty", "--message=change")
    ended = command("apply", "--yes", "--repo", source, on=cluster)
    assert (ended.code, cluster.writes()) == (3, [])
    assert "none of the last 51 commits passes the checks" in ended.err


def test_remote_repository_is_fetched_with_history_only_if_the_newest_commit_is_rejected(
    refused, git, serve, command
):
    cluster = serve("hotplug")
    plan = command("plan", "--repo", f"file://{git.path}", "-o", "json", on=cluster).json
    assert (plan["revision"], plan["commit"]["newest"]) == refused


def test_run_on_a_shallow_clone_with_a_rejected_commit_writes_nothing_and_reports_the_reason(
    refused, git, serve, command, tmp_path
):
    cluster = serve("hotplug")
    git("clone", "--quiet", "--depth=1", f"file://{git.path}", str(tmp_path / "shallow"))
    ended = command("apply", "--yes", "--repo", tmp_path / "shallow", on=cluster)
    assert (ended.code, cluster.writes()) == (3, [])


def test_invalid_vm_manifest_does_not_cause_the_commit_to_be_rejected(git, serve, command):
    git.commit(GROW)
    broken = git.commit({"other.yaml": vm_yaml("default", "other", "much")})
    plan = command("plan", "--repo", git, "-o", "json", on=serve("hotplug")).json
    assert (plan["revision"], plan["commit"]["refused"]) == (broken, [])


def test_plan_of_a_working_tree_or_of_piped_manifests_shows_no_applied_commit(git, serve, command):
    cluster = serve("hotplug")
    git.commit(GROW)
    for source in (["--repo", git, "--working-tree"], ["-f", git.path / "vms.yaml"]):
        assert command("plan", *source, "-o", "json", on=cluster).json["commit"] is None
