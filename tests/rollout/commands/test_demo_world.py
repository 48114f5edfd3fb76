"""``reconciler demo --world``: one situation played with the real commands, over HTTP."""

from __future__ import annotations

import shutil

import pytest
from support.simulated import WORLDS

from reconciler.cli.main import main


def played(capsys, *arguments):
    code = main(["demo", *arguments, "--time-scale", "60"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_world_is_committed_planned_applied_and_reported(capsys):
    code, out, _ = played(capsys, "--world", "halted")
    assert code == 0
    title = out.index("The world halted")
    about = out.index("# A stopped VM.")
    plan = out.index("$ reconciler plan --repo halted")
    where = out.index("halted.yaml:11:18")
    apply = out.index("$ reconciler apply --repo halted --deadline 20m")
    assert title < about < plan < where < apply < out.index("Run: 1 done.")
    assert "not-running" in out[plan:apply]


def test_a_world_with_a_configuration_shows_it_and_is_played_by_it_at_its_own_time(capsys):
    code, out, _ = played(capsys, "--world", "window-closed")
    assert code == 0
    about = out.index("# Changes are for weekday nights")
    config = out.index("$ cat window-closed/.reconciler.yaml")
    assert about < config < out.index("kind: allow") < out.index("$ reconciler plan")
    assert "no window is open; the next one opens at 2026-07-06 20:00 UTC" in out
    assert "Run: 1 held." in out


def test_a_restart_that_is_consented_to_is_played_to_its_end(capsys):
    code, out, _ = played(capsys, "--world", "restart-consented")
    assert code == 0
    assert "the guest has 5Gi" in out
    assert "Run: 1 done." in out


def test_what_the_world_is_an_example_of_is_no_failure_of_the_demo(capsys):
    code, out, err = played(capsys, "--world", "no-kubevirt")
    assert code == 0
    assert "reconciler apply" not in out
    assert "has no KubeVirt CR" in err


def test_a_world_of_ones_own_is_played_with_the_manifests_beside_it(capsys, tmp_path):
    (tmp_path / "desired").mkdir()
    shutil.copy(WORLDS / "suspended.yaml", tmp_path / "mine.yaml")
    shutil.copy(WORLDS / "desired" / "suspended.yaml", tmp_path / "desired" / "mine.yaml")
    code, out, _ = played(capsys, "--world", str(tmp_path / "mine.yaml"))
    assert code == 0
    assert "Exit code 4" in out


def test_what_git_asks_for_in_a_world_of_ones_own_may_be_a_folder_with_a_configuration(
    capsys, tmp_path
):
    shutil.copytree(WORLDS / "desired" / "restart-staged", tmp_path / "desired" / "mine")
    shutil.copy(WORLDS / "restart-staged.yaml", tmp_path / "mine.yaml")
    code, out, _ = played(capsys, "--world", str(tmp_path / "mine.yaml"))
    assert code == 0
    assert "restart: stage" in out
    assert "restart-pending" in out


@pytest.mark.parametrize(
    ("world", "says"),
    [
        ("hotplugs", "did you mean hotplug?"),
        ("nowhere/else.yaml", "the world does not exist"),
        ("alone.yaml", "desired/alone.yaml"),
    ],
)
def test_a_world_that_cannot_be_played_is_a_wrong_command_line(
    capsys, tmp_path, monkeypatch, world, says
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(WORLDS / "halted.yaml", tmp_path / "alone.yaml")
    code, _, err = played(capsys, "--world", world)
    assert code == 64
    assert says in err


def test_the_list_has_every_world_with_what_it_is_about(capsys):
    code, out, _ = played(capsys, "--list")
    names = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert code == 0
    assert names == sorted(path.stem for path in WORLDS.glob("*.yaml"))
    assert "VM of 1Gi. Asked for 2Gi, it migrates and has them." in out
