"""Tests the output of ``status --watch`` for each change, and how the command ends."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
from itertools import pairwise

import pytest
from support.served import COMMAND, line_with, process, without_clock_warnings
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
GROWN = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}}}


def watch(cluster, git, *arguments: object) -> list[object]:
    return ["status", "--watch", "--repo", git, "--kubeconfig", cluster.kubeconfig, *arguments]


def test_status_watch_prints_a_line_for_each_vm_change_until_ctrl_c(serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", scale=5.0)
    with process(*watch(cluster, git)) as run:
        first = line_with(run.stdout, "default/vm: ")
        assert "desired 2Gi, spec 1Gi, guest 1Gi, Running on " in first
        cluster.ask("PATCH", VM, GROWN)
        line_with(run.stdout, "spec 2Gi, guest 1Gi")
        line_with(run.stdout, "migration ")
        line_with(run.stdout, "spec 2Gi, guest 2Gi")
        run.send_signal(signal.SIGINT)
        _, err = run.communicate()
    assert (run.returncode, without_clock_warnings(err)) == (130, "")
    assert cluster.writes() == []


def test_status_watch_prints_one_line_of_json_per_change(serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", scale=5.0)
    with process(*watch(cluster, git, "-o", "json")) as run:
        assert run.stdout is not None
        seen = [json.loads(run.stdout.readline())]
        cluster.ask("PATCH", VM, GROWN)
        while seen[-1]["vms"][0]["guestCurrent"] != "2Gi":
            seen.append(json.loads(run.stdout.readline()))
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert run.returncode == 0, "an interrupted watch succeeds"
    assert {each["kind"] for each in seen} == {"Status"}
    assert len(seen) > 2
    said = [json.dumps(each | {"observedAt": None}) for each in seen]
    assert all(before != after for before, after in pairwise(said))


def test_status_watch_ends_at_the_deadline_and_does_not_repeat_unchanged_lines(
    serve, git, command
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    for flag in ("--deadline", "--timeout"):
        ended = command("status", "--watch", "--repo", git, flag, "300ms", on=cluster)
        assert ended.code == 0
        assert [line.split(" ", 1)[1].split(":")[0] for line in ended.out.splitlines()] == [
            "KubeVirt kubevirt/kubevirt",
            "default/vm",
        ]


def test_status_watch_on_a_terminal_redraws_the_table(serve, git):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug", scale=5.0)
    ours, theirs = pty.openpty()
    arguments = [*COMMAND, *map(str, watch(cluster, git))]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "140", "LINES": "40"}
    with subprocess.Popen(arguments, stdout=theirs, stderr=theirs, env=environment) as run:
        os.close(theirs)
        shown = read_until(ours, "1 VM listed")
        cluster.ask("PATCH", VM, GROWN)
        shown += read_until(ours, "converged")
        run.send_signal(signal.SIGINT)
    os.close(ours)
    assert run.returncode == 130
    assert shown.count("NAMESPACE") > 1
    assert "\x1b[" in shown


def read_until(terminal: int, words: str) -> str:
    shown = ""
    while words not in shown:
        assert select.select([terminal], [], [], 30)[0], shown
        shown += os.read(terminal, 65536).decode()
    return shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--watch", "--snapshot", "live.json"], "cannot be combined with --snapshot"),
        (["--deadline", "5s"], "--deadline requires --watch"),
    ],
    ids=["snapshot", "deadline"],
)
def test_contradictory_status_watch_options_are_a_usage_error(arguments, says, git, command):
    ended = command("status", "--repo", git, *arguments)
    assert (ended.code, says in ended.err) == (64, True)


def test_status_watch_fails_if_the_configuration_in_git_is_invalid(serve, git, command):
    git.commit({".reconciler.yaml": "kind: Config\n"})
    assert command("status", "--watch", "--repo", git, on=serve("hotplug")).code == 3
