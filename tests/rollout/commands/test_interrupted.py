"""Tests apply in its own process: killed, interrupted, and continued by the next run."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import ExitStack
from time import monotonic, sleep

import pytest
from support.served import MEMORY_LEASE, line_with, process, without_clock_warnings
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
MIGRATIONS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
MIGRATING = "is migrating to get 2Gi"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: {}}}}}]
users: [{{name: u, user: {{token: t}}}}]
"""
GRACE_S = 10.0
AT_ONCE_S = 4.0


def arguments(cluster, git) -> list[object]:
    return ["apply", "--yes", "--repo", git, "--kubeconfig", cluster.kubeconfig, "-o", "json"]


def test_next_run_continues_the_rollout_of_a_killed_run(serve, git):
    """The first run gets a short lease duration, so that the test is fast."""
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", vms=[{"name": "vm", "guest": "1Gi"}], scale=5.0)
    release = cluster.hold_migrations()
    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, MIGRATING)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert cluster.lease()["spec"]["holderIdentity"] != ""
    cluster.orphaned()

    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, "has not renewed it for")
        release()
        out, _ = run.communicate()
    report = json.loads(out)
    (outcome,) = report["outcomes"]
    assert (run.returncode, outcome["result"], outcome["reason"]) == (0, "done", "converged")
    assert outcome["actuation"] == "not-needed"
    assert len(cluster.ours("PATCH")) == 1
    assert len(cluster.get(MIGRATIONS)["items"]) == 1
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
    assert cluster.lease()["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 6), (signal.SIGINT, 130)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_interrupted_run_releases_its_lease_and_leaves_the_migration_running(
    number, code, serve, git
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=5.0)
    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, MIGRATING)
        report, err, _ = ended(run, number)
    (outcome,) = report["outcomes"]
    assert (run.returncode, report["exit"]["code"]) == (code, code)
    assert (outcome["result"], outcome["actuation"]) == ("running", "succeeded")
    assert "a signal ended the run; running migrations continue" in err
    assert cluster.lease()["spec"]["holderIdentity"] == ""
    (migration,) = cluster.get(MIGRATIONS)["items"]
    assert migration["status"]["phase"] not in {"Failed", "Succeeded"}
    assert len(cluster.ours("PATCH")) == 1


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGTERM, 6, "error: a signal ended the command before it wrote anything\n"),
        (signal.SIGINT, 130, "error: interrupted\n"),
    ],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_run_interrupted_while_waiting_for_the_lease_ends_immediately(
    number, code, says, serve, git
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    dead = {"holderIdentity": "long-gone", "leaseDurationSeconds": 3600}
    metadata = {"name": MEMORY_LEASE, "namespace": "kubevirt"}
    cluster.ask("POST", LEASES, {"metadata": metadata, "spec": dead})
    with process(*arguments(cluster, git)) as run:
        line_with(run.stderr, "is held by long-gone")
        report, err, _ = ended(run, number)
    # The run may report the lease once more, if it reads the lease again before the signal.
    waits = [each for each in err.splitlines(keepends=True) if "is held by long-gone" not in each]
    assert (run.returncode, report, waits) == (code, None, [says])
    assert cluster.writes() == []


def test_run_interrupted_during_a_git_fetch_ends_immediately():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/vms.git"
        with process("reconcile", "--repo", address, "--detailed-exitcode") as run:
            connection, _ = mute.accept()  # git has sent its request; it gets no response
            with connection:
                report, err, _ = ended(run, signal.SIGTERM)
    says = "error: a signal ended the command before it wrote anything\n"
    assert (run.returncode, report, err) == (6, None, says)


def never(seconds="10m", **hit):
    """Return a fault in which the API server executes a request but responds far too late."""
    return {"effect": "slow", "delay": seconds, **hit}


ENDS = pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 6), (signal.SIGINT, 130)],
    ids=["SIGTERM", "Ctrl-C"],
)
BROKEN_OFF = (
    "a signal ended the run; the last API request was interrupted, so its result is unknown"
)


def holders(cluster):
    return {each["spec"]["holderIdentity"] for each in cluster.get(LEASES)["items"]}


def hung(cluster, method, part):
    """Wait until the product has sent an API request that has no response yet."""
    until = monotonic() + 500
    while not cluster.ours(method, part):
        assert monotonic() < until, f"no {method} of {part}"
        sleep(0.01)


def ended(run, number):
    """Send the signal *number* to the process *run*, and wait until it ends.

    Returns:
        The report if the run printed one, stderr, and how long the process took to end, in
            seconds, scaled to a machine that is not busy.
    """
    slowness, began = run.slowness(), monotonic()
    run.send_signal(number)
    out, err = run.communicate()
    took_s = (monotonic() - began) / slowness
    assert "Traceback" not in err
    assert took_s < GRACE_S
    return json.loads(out) if out else None, without_clock_warnings(err), took_s


def reconciling(cluster, git):
    return ("reconcile", "--detailed-exitcode", *arguments(cluster, git)[2:])


@ENDS
def test_interrupted_run_cancels_an_unanswered_patch_and_prints_a_report(number, code, serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", apiFaults=[never(verbs=["patch"], resource="virtualmachines")])
    with process(*reconciling(cluster, git)) as run:
        hung(cluster, "PATCH", "virtualmachines")
        report, err, _ = ended(run, number)
    assert (run.returncode, report["exit"]["code"]) == (code, code)
    assert report["exit"]["message"] == BROKEN_OFF
    assert BROKEN_OFF in err
    (outcome,) = report["outcomes"]
    assert outcome["result"] in {"not-started", "running"}
    assert len(cluster.ours("PATCH", "virtualmachines")) == 1
    assert "" not in holders(cluster), "no other run may start while the patch may still arrive"


@ENDS
def test_interrupted_run_does_not_wait_for_an_unanswered_lease_release(number, code, serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=5.0, apiFaults=[never(verbs=["update"], resource="leases")])
    with process(*reconciling(cluster, git)) as run:
        line_with(run.stderr, MIGRATING)
        report, err, _ = ended(run, number)
    assert (run.returncode, report["exit"]["code"]) == (code, code)
    assert report["outcomes"][0]["result"] == "running"
    assert "cannot release the lease" in err


def test_interrupted_run_cancels_an_unanswered_lease_renewal_and_prints_a_report(serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("slow", scale=1.0, apiFaults=[never(verbs=["update"], resource="leases")])
    with process(*reconciling(cluster, git)) as run:
        hung(cluster, "PUT", "leases")
        report, _, _ = ended(run, signal.SIGTERM)
    assert (run.returncode, report["exit"]["code"]) == (6, 6)
    # The Lease stores the commit before the first patch, so the patch is not sent yet.
    assert report["outcomes"][0]["result"] == "not-started"


def test_run_interrupted_during_an_unanswered_lease_request_ends_immediately(serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", apiFaults=[never(verbs=["create"], resource="leases")])
    with process(*reconciling(cluster, git)) as run:
        hung(cluster, "POST", "leases")
        report, err, took_s = ended(run, signal.SIGTERM)
    assert (run.returncode, report) == (6, None)
    assert err == "error: a signal ended the command before it wrote anything\n"
    assert took_s < AT_ONCE_S


@pytest.mark.parametrize(
    ("resource", "number", "code"),
    [
        ("kubevirts", signal.SIGTERM, 6),
        ("virtualmachines", signal.SIGINT, 130),
        ("nodes", signal.SIGTERM, 6),
    ],
)
def test_run_interrupted_during_an_unanswered_list_request_ends_immediately(
    resource, number, code, serve, git
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", scale=1.0, apiFaults=[never(verbs=["list"], resource=resource)])
    with process(*reconciling(cluster, git)) as run:
        hung(cluster, "GET", f"/{resource}")
        report, err, took_s = ended(run, number)
    assert (run.returncode, report) == (code, None)
    assert err.startswith("error: ")
    assert took_s < AT_ONCE_S
    assert cluster.writes() == []


def test_second_ctrl_c_ends_the_run_immediately(serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", apiFaults=[never(verbs=["patch"], resource="virtualmachines")])
    with process(*arguments(cluster, git)) as run:
        hung(cluster, "PATCH", "virtualmachines")
        run.send_signal(signal.SIGINT)
        sleep(min(0.5 * run.slowness(), 2.0))  # two signals at the same time would be merged
        report, err, took_s = ended(run, signal.SIGINT)
    assert (run.returncode, report) == (130, None)
    assert err.endswith("error: interrupted\n")
    assert took_s < AT_ONCE_S
    assert holders(cluster) == {""}


def test_serve_ends_even_if_the_api_server_the_git_server_and_a_page_client_do_not_respond(
    tmp_path,
):
    with socket.create_server(("127.0.0.1", 0)) as mute, ExitStack() as stack:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(address))
        given = ("--repo", f"{address}/vms.git", "--kubeconfig", kubeconfig)
        run = stack.enter_context(process("serve", *given, "--listen", "127.0.0.1:0"))
        port = int(line_with(run.stderr, "page listens on http:").rpartition(":")[2])
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        client.sendall(b"GET / HTTP/1.1\r\n")
        stack.enter_context(mute.accept()[0])
        ended(run, signal.SIGTERM)
        assert run.returncode == 0
