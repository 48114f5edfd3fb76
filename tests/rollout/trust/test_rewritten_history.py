"""A run writes nothing if the branch does not contain the commit that was last applied."""

from __future__ import annotations

import json

import pytest
from support.served import MEMORY_LEASE
from support.simulated import vm_yaml

VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
COMMIT = "memory.reconciler.dev/commit"


def size(text):
    return {"vms.yaml": vm_yaml("default", "vm", text)}


def guest(cluster):
    return cluster.get(VM)["spec"]["template"]["spec"]["domain"]["memory"]["guest"]


def stored(cluster):
    """Return what the Lease stores about the last applied commit."""
    text = cluster.lease()["metadata"].get("annotations", {}).get(COMMIT)
    return text and json.loads(text)


@pytest.fixture
def source(git):
    return ["--repo", git]


@pytest.fixture(params=["local", "remote"])
def any_source(request, git):
    return ["--repo", git if request.param == "local" else f"file://{git.path}"]


def test_run_stores_the_branch_and_the_applied_commit_on_the_lease(source, git, serve, command):
    cluster = serve("hotplug")
    first = git.commit(size("2Gi"))
    assert command("reconcile", *source, on=cluster).code == 0
    assert stored(cluster) == {"revision": "HEAD", "commit": first}
    for text in ("2304Mi", "2560Mi"):
        second = git.commit(size(text))
        assert command("reconcile", *source, on=cluster).code == 0
        assert stored(cluster) == {"revision": "HEAD", "commit": second}


@pytest.mark.parametrize("name", ["apply", "reconcile"])
def test_branch_with_rewritten_history_is_not_applied_until_a_user_accepts_the_history(
    name, any_source, git, serve, command
):
    source = any_source
    cluster, flags = serve("hotplug"), ["--yes"] if name == "apply" else []
    git.commit(size("1Gi"))
    lost = git.commit(size("2Gi"))
    assert command(name, *source, *flags, on=cluster).code == 0
    git("reset", "--quiet", "--hard", "HEAD~1")
    new = git.commit(size("3Gi"))
    ended = command(name, *source, *flags, on=cluster)
    assert (ended.code, guest(cluster)) == (3, "2Gi")
    assert "error[rewritten-history] the history of HEAD was rewritten" in ended.err
    assert lost[:12] in ended.err
    assert command(name, *source, *flags, on=cluster).code == 3
    accepted = command("apply", "--yes", *source, "--revision", new, on=cluster)
    assert (accepted.code, guest(cluster), stored(cluster)) == (0, "3Gi", None)
    git.commit(size("3584Mi"))
    assert command(name, *source, *flags, on=cluster).code == 0
    assert guest(cluster) == "3584Mi"


def test_branch_that_was_reset_to_an_earlier_commit_is_not_applied(source, git, serve, command):
    cluster = serve("hotplug")
    git.commit(size("3Gi"))
    last = git.commit(size("2Gi"))
    assert command("reconcile", *source, on=cluster).code == 0
    git("reset", "--quiet", "--hard", "HEAD~1")
    ended = command("reconcile", *source, on=cluster)
    assert (ended.code, guest(cluster)) == (3, "2Gi")
    git("reset", "--quiet", "--hard", last)
    assert command("reconcile", *source, on=cluster).code == 0


def test_merge_commit_that_contains_the_applied_commit_does_not_count_as_rewritten_history(
    any_source, git, serve, command
):
    source, cluster = any_source, serve("hotplug")
    git.commit({"other.txt": "x"})
    git("branch", "side")
    git.commit(size("2Gi"))
    assert command("reconcile", *source, on=cluster).code == 0
    git("switch", "--quiet", "side")
    git.commit({"third.txt": "x"})
    git("merge", "--quiet", "--no-edit", "main")
    git("branch", "--force", "main", "side")
    git("switch", "--quiet", "main")
    git.commit(size("3Gi"))
    assert (command("reconcile", *source, on=cluster).code, guest(cluster)) == (0, "3Gi")


def test_history_is_not_compared_with_the_last_applied_commit_of_another_branch(
    source, git, serve, command
):
    cluster = serve("hotplug")
    git.commit({"other.txt": "x"})
    git("branch", "side")
    git.commit(size("2Gi"))
    assert command("reconcile", *source, "--revision", "main", on=cluster).code == 0
    git("switch", "--quiet", "side")
    side = git.commit(size("3Gi"))
    assert command("reconcile", *source, "--revision", "side", on=cluster).code == 0
    assert stored(cluster) == {"revision": "side", "commit": side}


def test_apply_of_a_commit_hash_does_not_change_the_stored_commit_of_the_branch(
    source, git, serve, command
):
    cluster = serve("hotplug")
    main = git.commit(size("2Gi"))
    assert command("reconcile", *source, "--revision", "main", on=cluster).code == 0
    git("switch", "--quiet", "--create", "test")
    test = git.commit(size("3Gi"))
    assert command("apply", "--yes", *source, "--revision", test, on=cluster).code == 0
    assert stored(cluster) == {"revision": "main", "commit": main}
    git("switch", "--quiet", "main")
    git.commit(size("3584Mi"))
    assert command("reconcile", *source, "--revision", "main", on=cluster).code == 0


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"revision": 1}', '{"revision": "HEAD"}', "null", ""]
)
def test_damaged_annotation_with_the_applied_commit_stops_runs_until_a_user_accepts_the_history(
    text, git, serve, command
):
    cluster = serve("hotplug")
    git.commit(size("2Gi"))
    assert command("reconcile", "--repo", git, on=cluster).code == 0
    path = cluster.lease()["metadata"]
    patch = {"metadata": {"annotations": {COMMIT: text}}}
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{path['namespace']}/leases/{MEMORY_LEASE}"
    assert cluster.ask("PATCH", lease, patch)[0] == 200
    new = git.commit(size("3Gi"))
    ended = command("reconcile", "--repo", git, on=cluster)
    assert (ended.code, guest(cluster)) == (3, "2Gi")
    assert f"error[history-unknown] the annotation {COMMIT} of a Lease is damaged" in ended.err
    accepted = command("apply", "--yes", "--repo", git, "--revision", new, on=cluster)
    assert (accepted.code, guest(cluster), stored(cluster)) == (0, "3Gi", None)
    last = git.commit(size("3584Mi"))
    assert command("reconcile", "--repo", git, on=cluster).code == 0
    assert stored(cluster) == {"revision": "HEAD", "commit": last}


def test_plan_ignores_that_the_history_of_the_applied_commit_was_rewritten(git, serve, command):
    cluster = serve("hotplug")
    git.commit(size("1Gi"))
    git.commit(size("2Gi"))
    assert command("reconcile", "--repo", git, on=cluster).code == 0
    git("reset", "--quiet", "--hard", "HEAD~1")
    git.commit(size("3Gi"))
    assert command("plan", "--repo", git, on=cluster).code == 0
