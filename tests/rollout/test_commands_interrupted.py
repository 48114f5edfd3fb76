"""apply as a process that is ended in the middle, and what the next one makes of it."""

from __future__ import annotations

import json
import signal
import socket
from time import monotonic

import pytest
from support.served import line_with, process
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
MIGRATIONS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
MIGRATING = "migrates to 2Gi"
GRACE_S = 10.0


def arguments(cluster, git) -> list[object]:
    return ["apply", "--repo", git, "--kubeconfig", cluster.kubeconfig, "-o", "json"]


def test_killed_while_a_migration_runs_and_started_again_it_ends_the_same(serve, git):
    """The second run waits until the lease of the first, 15 s, has run out."""
    git.commit({"vm.yaml": ASK_2GI})
    vm = {"name": "vm", "guest": "1Gi", "faults": {"transfer": "90s"}}
    cluster = serve("hotplug", vms=[vm], scale=5.0)
    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, MIGRATING)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert cluster.lease()["spec"]["holderIdentity"] != ""

    with process(*arguments(cluster, git)) as run:
        out, err = run.communicate()
    report = json.loads(out)
    (outcome,) = report["outcomes"]
    assert (run.returncode, outcome["result"], outcome["reason"]) == (0, "done", "converged")
    assert outcome["actuation"] == "not-needed"
    assert "is silent for" in err
    assert len(cluster.ours("PATCH")) == 1
    assert len(cluster.get(MIGRATIONS)["items"]) == 1
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
    assert cluster.lease()["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 6), (signal.SIGINT, 130)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_asked_to_end_it_reports_gives_the_lease_back_and_leaves_the_migration(
    number, code, serve, git
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=5.0)
    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, MIGRATING)
        began = monotonic()
        run.send_signal(number)
        out, err = run.communicate()
        took_s = monotonic() - began
    report = json.loads(out)
    (outcome,) = report["outcomes"]
    assert (run.returncode, report["exit"]["code"]) == (code, code)
    assert (outcome["result"], outcome["actuation"]) == ("running", "succeeded")
    assert "asked to end; what migrates goes on without us" in err
    assert took_s < GRACE_S
    assert cluster.lease()["spec"]["holderIdentity"] == ""
    (migration,) = cluster.get(MIGRATIONS)["items"]
    assert migration["status"]["phase"] not in {"Failed", "Succeeded"}
    assert len(cluster.ours("PATCH")) == 1


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGTERM, 6, "error: asked to end before anything was written\n"),
        (signal.SIGINT, 130, "error: interrupted\n"),
    ],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_asked_to_end_while_it_waits_for_the_lease_it_ends_at_once(number, code, says, serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    dead = {"holderIdentity": "long-gone", "leaseDurationSeconds": 3600}
    metadata = {"name": "memory-reconciler", "namespace": "kubevirt"}
    cluster.ask("POST", LEASES, {"metadata": metadata, "spec": dead})
    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, "is held by long-gone")
        began = monotonic()
        run.send_signal(number)
        out, err = run.communicate()
        took_s = monotonic() - began
    assert (run.returncode, out, err) == (code, "", says)
    assert took_s < GRACE_S
    assert cluster.writes() == []


def test_asked_to_end_while_it_fetches_it_ends_at_once():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/vms.git"
        with process("reconcile", "--repo", address, "--detailed-exitcode") as run:
            connection, _ = mute.accept()  # git has asked, and is never answered
            with connection:
                began = monotonic()
                run.send_signal(signal.SIGTERM)
                out, err = run.communicate()
                took_s = monotonic() - began
    assert (run.returncode, out, err) == (
        6,
        "",
        "error: asked to end before anything was written\n",
    )
    assert took_s < GRACE_S
