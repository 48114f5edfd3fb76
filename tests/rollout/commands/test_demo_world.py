"""``reconciler demo --world``: runs the real commands against one simulated world over HTTP."""

from __future__ import annotations

import shutil

import pytest
from support.simulated import WORLDS

from reconciler.cli.main import main


def played(capsys, *arguments):
    code = main(["demo", *arguments, "--time-scale", "60"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_demo_commits_plans_applies_and_reports_a_world(capsys):
    code, out, _ = played(capsys, "--world", "halted")
    assert code == 0
    title = out.index("The world halted")
    about = out.index("# A stopped VM.")
    plan = out.index("$ reconciler plan --repo halted")
    where = out.index("halted.yaml:11:18")
    apply = out.index("$ reconciler apply --repo halted --deadline 20m")
    assert title < about < plan < where < apply < out.index("Run: 1 done.")
    assert "not-running" in out[plan:apply]


def test_demo_world_with_a_configuration_prints_and_obeys_it_at_simulated_time(capsys):
    code, out, _ = played(capsys, "--world", "window-closed")
    assert code == 0
    about = out.index("# Changes are permitted on weekday nights")
    config = out.index("$ cat window-closed/.reconciler.yaml")
    assert about < config < out.index("kind: allow") < out.index("$ reconciler plan")
    assert "no window is open; the next one opens at 2026-07-06 20:00 UTC" in out
    assert "Run: 1 held." in out


def test_restart_with_consent_is_tracked_to_its_end(capsys):
    code, out, _ = played(capsys, "--world", "restart-consented")
    assert code == 0
    assert "the guest has 5Gi" in out
    assert "Run: 1 done." in out


def test_demo_succeeds_when_the_world_shows_its_intended_problem(capsys):
    code, out, err = played(capsys, "--world", "no-kubevirt")
    assert code == 0
    assert "reconciler apply" not in out
    assert "has no KubeVirt CR" in err


def test_custom_demo_world_uses_the_manifests_in_its_folder(capsys, tmp_path):
    (tmp_path / "desired").mkdir()
    shutil.copy(WORLDS / "misaligned.yaml", tmp_path / "mine.yaml")
    shutil.copy(WORLDS / "desired" / "misaligned.yaml", tmp_path / "desired" / "mine.yaml")
    code, out, _ = played(capsys, "--world", str(tmp_path / "mine.yaml"))
    assert code == 0
    assert "Exit code 4" in out


def test_demo_world_option_accepts_a_folder_with_a_configuration(capsys, tmp_path):
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
def test_demo_with_an_invalid_world_is_a_usage_error(capsys, tmp_path, monkeypatch, world, says):
    monkeypatch.chdir(tmp_path)
    shutil.copy(WORLDS / "halted.yaml", tmp_path / "alone.yaml")
    code, _, err = played(capsys, "--world", world)
    assert code == 64
    assert says in err


def test_demo_list_describes_every_world(capsys):
    code, out, _ = played(capsys, "--list")
    names = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert code == 0
    assert names == sorted(path.stem for path in WORLDS.glob("*.yaml"))
    assert "VM of 1Gi. Git sets 2Gi; the VM migrates and gets this memory." in out
