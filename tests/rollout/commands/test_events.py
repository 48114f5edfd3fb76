"""Kubernetes Events that the API server rejects or answers late do not delay a rollout."""

from __future__ import annotations

import signal
from time import monotonic, sleep

import pytest
from support.served import process
from support.simulated import vm_yaml

from reconciler.cluster.write.event_queue import SENDERS

SHORT_OF_BREATH = {"effect": "status", "code": 429, "retryAfter": "40s", "resource": "events"}
MUTE = {"effect": "slow", "delay": "20m", "resource": "events"}


@pytest.mark.parametrize("fault", [SHORT_OF_BREATH, MUTE], ids=["429", "no answer"])
def test_patches_continue_although_the_api_server_rejects_every_event(fault, serve, git, command):
    vms = [f"vm-{number}" for number in range(4)]
    git.commit({"vms.yaml": "".join(vm_yaml("default", name, "2Gi") for name in vms)})
    sizes = [{"name": name, "guest": "1Gi"} for name in vms]
    cluster = serve("hotplug", vms=sizes, apiFaults=[fault])
    began = monotonic()
    ended = command("apply", "--yes", "--repo", git, "-o", "json", on=cluster)
    assert monotonic() - began < 20
    assert [each["result"] for each in ended.json["outcomes"]] == ["done"] * 4
    # The requests that were sent in parallel started before the first rejection arrived.
    assert 1 <= len(cluster.ours("POST", "/events")) <= SENDERS
    assert "cannot create Kubernetes Events" in ended.err
    assert "8 of 8 Kubernetes Events were not created" in ended.err


SLOW = {"effect": "slow", "delay": "500ms", "resource": "events"}


def stopped(serve, git, number):
    """Serve *number* stopped VMs on a cluster that takes half a second to store each Event."""
    vms = [f"vm-{number}" for number in range(number)]
    git.commit({"vms.yaml": "".join(vm_yaml("default", name, "2Gi") for name in vms)})
    sizes = [{"name": name, "guest": "1Gi", "running": False} for name in vms]
    return serve("halted", scale=1.0, vms=sizes, apiFaults=[SLOW])


def freed(cluster):
    """Return whether a run has released its lease."""
    leases = cluster.ours("PUT", "/leases/")
    return bool(leases) and not cluster.lease()["spec"]["holderIdentity"]


def test_finished_run_releases_its_lease_before_all_events_are_sent(serve, git, command):
    cluster = stopped(serve, git, 10)
    assert command("apply", "--yes", "--repo", git, on=cluster).code == 0
    sent = [each.path.rpartition("/")[2] for each in cluster.ours() if each.method != "GET"]
    assert sent.count("events") == 10
    assert "memory-reconciler-memory-0" in sent
    last = len(sent) - 1 - sent[::-1].index("memory-reconciler-memory-0")
    assert sent[last:].count("events") > 1


def test_finished_run_exits_on_sigterm_without_sending_its_queued_events(serve, git):
    cluster = stopped(serve, git, 100)
    arguments = ("apply", "--yes", "--repo", git, "--kubeconfig", cluster.kubeconfig)
    with process(*arguments) as run:
        until = monotonic() + 60
        while not freed(cluster):
            assert monotonic() < until
            sleep(0.01)
        began = monotonic()
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate()
    assert monotonic() - began < 4
    assert (run.returncode, "100 done" in out) == (0, True)
    assert "of 100 Kubernetes Events were not created" in err
