"""Without a confirmation option, apply asks on a terminal and fails elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest
from support.forked.forked_command import forked_command
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")


def on_terminal(answer, *arguments):
    """Run a command on a pseudo-terminal, answer its question, and return exit code and output."""
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [*forked_command(), *map(str, arguments)], stdin=inner, stdout=inner, stderr=inner
    ) as started:
        os.close(inner)
        printed, answered = b"", False
        while True:
            try:
                printed += os.read(outer, 4096)
            except OSError:  # the terminal is closed
                break
            if b"[y/N] " in printed and not answered:
                answered = True
                os.write(outer, answer)
        code = started.wait()
    os.close(outer)
    return code, printed.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("flags", [[], ["-o", "json"], ["--log-format", "json"]])
def test_apply_without_a_terminal_requires_the_yes_option_or_an_approval(flags, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("apply", "--repo", git, *flags)
    assert (ended.code, ended.out) == (64, "")
    assert "apply cannot ask for confirmation" in ended.err
    assert all(each in ended.err for each in ("--yes", "--plan FILE", "--expect-digest DIGEST"))


def test_yes_option_can_be_set_by_an_environment_variable(git, serve, command, monkeypatch):
    monkeypatch.setenv("RECONCILER_YES", "1")
    git.commit({"vm.yaml": ASK_2GI})
    assert command("apply", "--repo", git, on=serve("hotplug")).code == 0


@pytest.mark.parametrize("flags", [[], ["-o", "json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    ("answer", "code"), [(b"y\n", 0), (b"yes\n", 0), (b"\n", 1), (b"no\n", 1)]
)
def test_apply_on_a_terminal_prints_the_plan_and_asks_for_confirmation(
    answer, code, flags, git, serve
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    found, printed = on_terminal(
        answer, "apply", "--repo", git, "--kubeconfig", cluster.kubeconfig, *flags
    )
    assert found == code, printed
    before, _, after = printed.partition("Apply 1 change? [y/N] ")
    assert "Plan: 1 live." in before
    assert len(cluster.ours("PATCH", "kubevirt.io")) == (1 if code == 0 else 0)
    if code:
        assert "error: the plan was not confirmed; nothing was written" in after
        assert cluster.writes() == []


def test_apply_on_a_terminal_does_not_ask_if_there_are_no_changes(git, serve):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "1Gi")})
    cluster = serve("hotplug")
    code, printed = on_terminal(b"", "apply", "--repo", git, "--kubeconfig", cluster.kubeconfig)
    assert code == 0
    assert "[y/N]" not in printed


def test_apply_on_a_terminal_does_not_ask_about_an_approved_plan(git, serve):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    code, printed = on_terminal(
        b"", "apply", "--yes", "--repo", git, "--kubeconfig", cluster.kubeconfig
    )
    assert (code, "[y/N]" in printed) == (0, False)


def test_apply_prints_its_default_deadline(git, serve, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("apply", "--yes", "--repo", git, on=serve("hotplug"))
    limit = "the run ends after 2h at the latest; set --deadline to change the limit"
    assert f"info: {limit}" in ended.err


def test_reconcile_never_asks_for_confirmation(git, serve):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    code, printed = on_terminal(
        b"", "reconcile", "--repo", git, "--kubeconfig", cluster.kubeconfig
    )
    assert (code, "[y/N]" in printed) == (0, False)
