"""Tests reconcile over HTTP: exit codes, observe mode, and a lease held by another run."""

from __future__ import annotations

import pytest
from support.schemas import check_document
from support.served import MEMORY_LEASE
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
OBSERVE = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: observe\n"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
RENEWED_S = 5.0
"""The interval at which another run renews its lease, in simulated seconds."""


def held_by_another(cluster) -> None:
    """Simulate another run that holds the lease, and renews it while the cluster is served."""
    spec = {"holderIdentity": "another-pod-42", "leaseDurationSeconds": 15}
    metadata = {"name": MEMORY_LEASE, "namespace": "kubevirt"}
    status, _ = cluster.ask("POST", LEASES, {"metadata": metadata, "spec": spec})
    assert status == 201

    def renew() -> None:
        now = cluster.simulator.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        cluster.ask("PATCH", f"{LEASES}/{MEMORY_LEASE}", {"spec": {"renewTime": now}})
        cluster.simulator.engine.at(RENEWED_S, renew)

    renew()


@pytest.mark.parametrize(
    ("world", "guest", "code", "detailed"),
    [
        ("hotplug", "2Gi", 0, 0),
        ("above-max", "5Gi", 0, 4),
        ("plug-refused", "2Gi", 5, 5),
        ("no-kubevirt", "2Gi", 1, 1),
        ("hotplug", "2GB", 3, 3),
    ],
    ids=["done", "held", "failed", "error", "invalid"],
)
def test_reconcile_exit_code_for_a_waiting_vm_is_nonzero_only_with_detailed_exitcode(
    world, guest, code, detailed, serve, git, command
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", guest)})
    cluster = serve(world)
    assert command("reconcile", "--repo", git, on=cluster).code == code
    again = command("reconcile", "--repo", git, "--detailed-exitcode", on=cluster)
    assert again.code == detailed


def test_next_run_tracks_a_migration_that_outlasts_the_deadline_of_the_previous_run(
    serve, git, command
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=1.0)
    pass_ = ("reconcile", "--repo", git, "-o", "json", "--deadline")
    # The migration takes two minutes. A slow machine needs seconds until it writes the patch.
    first = command(*pass_, "10s", on=cluster)
    second = command(*pass_, "500ms", "--detailed-exitcode", on=cluster)
    results = [
        [(each["result"], each["actuation"]) for each in ended.json["outcomes"]]
        for ended in (first, second)
    ]
    assert results == [[("running", "succeeded")], [("running", "not-needed")]]
    assert (first.code, second.code) == (0, 6)
    said = [(each.json["exit"]["code"], each.json["exit"]["returned"]) for each in (first, second)]
    assert said == [(6, 0), (6, 6)]
    assert len(cluster.ours("PATCH")) == 1
    assert cluster.lease()["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize("detailed", [False, True])
def test_printed_exit_code_equals_the_process_exit_code(detailed, serve, git, command):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "5Gi")})
    flags = ["--detailed-exitcode"] if detailed else []
    ended = command("reconcile", "--repo", git, *flags, on=serve("above-max"))
    assert f"\nExit code {ended.code}: some objects in Git are blocked" in ended.out
    assert (ended.code == 0) is not detailed
    excuse = (
        "the exit code would be 4 with --detailed-exitcode; `reconcile` returns 0 instead, because"
    )
    assert (excuse in ended.out) is not detailed


@pytest.mark.parametrize("way", ["file", "flag"])
def test_reconcile_in_observe_mode_reports_changes_without_writing(way, serve, git, command):
    git.commit({"vm.yaml": ASK_2GI} | ({".reconciler.yaml": OBSERVE} if way == "file" else {}))
    flags = ["--mode", "observe"] if way == "flag" else []
    cluster = serve("hotplug")
    ended = command("reconcile", "--repo", git, *flags, "-o", "json", on=cluster)
    detailed = command("reconcile", "--repo", git, *flags, "--detailed-exitcode", on=cluster)
    check_document(ended.json, "report")
    (outcome,) = ended.json["outcomes"]
    assert (outcome["result"], outcome["reason"]) == ("held", "mode-observe")
    assert (ended.code, detailed.code) == (0, 4)
    assert "the reconciler wrote nothing, because `mode` is `observe`" in detailed.out
    assert cluster.writes() == []


def test_mode_option_enforce_overrides_observe_mode_in_the_configuration(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI, ".reconciler.yaml": OBSERVE})
    cluster = serve("hotplug")
    assert command("reconcile", "--repo", git, "--mode", "enforce", on=cluster).code == 0
    assert len(cluster.ours("PATCH")) == 1


def test_apply_ignores_observe_mode_in_the_configuration(serve, git, command):
    git.commit({"vm.yaml": ASK_2GI, ".reconciler.yaml": OBSERVE})
    cluster = serve("hotplug")
    assert command("apply", "--yes", "--repo", git, on=cluster).code == 0
    assert len(cluster.ours("PATCH")) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["reconcile"], 0),
        (["reconcile", "--detailed-exitcode"], 7),
        (["apply", "--yes"], 7),
    ],
    ids=["reconcile", "reconcile --detailed-exitcode", "apply"],
)
def test_lease_held_by_another_run_prevents_every_write(arguments, code, serve, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    held_by_another(cluster)
    ended = command(*arguments, "--repo", git, on=cluster)
    assert ended.code == code
    assert f"another run holds the lease kubevirt/{MEMORY_LEASE} at" in ended.err
    assert "another-pod-42" in ended.err
    excused = (
        "exit code 0: the exit code would be 7 with --detailed-exitcode; `reconcile` returns 0"
    )
    assert (excused in ended.err) is (arguments == ["reconcile"])
    assert cluster.writes() == []
