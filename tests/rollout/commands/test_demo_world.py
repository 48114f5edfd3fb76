"""Tests ``reconciler demo --world``: real commands against a simulated cluster over HTTP."""

from __future__ import annotations

import shutil

import pytest
from support.simulated import WORLDS

from reconciler.cli.main import main


def played(capsys, *arguments):
    code = main(["demo", *arguments, "--time-scale", "60"])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(
    ("world", "about", "told", "progress"),
    [
        (
            "hyperconverged",
            "# HyperConverged 1.19 owns the KubeVirt CR",
            (
                "spec.workloadUpdateStrategy.workloadUpdateMethods: [] -> [LiveMigrate]",
                "hyperconverged.yaml:8:28",
                "written to: HyperConverged kubevirt-hyperconverged/kubevirt-hyperconverged",
                "$ reconciler apply --repo hyperconverged --deadline 20m",
                "the guest has 2Gi",
                "Run: 2 done.",
            ),
            (
                "patched   HyperConverged kubevirt-hyperconverged/kubevirt-hyperconverged",
                "the KubeVirt CR matches Git",
                "patched   default/vm: guest 1Gi -> 2Gi",
                "default/vm: the guest has 2Gi",
            ),
        ),
        (
            "harvester",
            "# Harvester owns the KubeVirt CR.",
            (
                "spec.configuration.liveUpdateConfiguration.maxHotplugRatio: 4 -> 8",
                "harvester.yaml:4:67",
                "written to: Setting max-hotplug-ratio",
                "$ reconciler apply --repo harvester --deadline 20m",
                "the guest has 2Gi",
                "Run: 3 held, 2 done.",
            ),
            (
                "patched   Setting max-hotplug-ratio",
                "the KubeVirt CR matches Git",
                "patched   default/grows: guest 1Gi -> 2Gi",
                "default/grows: the guest has 2Gi",
            ),
        ),
    ],
    ids=["HyperConverged", "Harvester"],
)
def test_demo_of_a_cluster_with_an_owner_shows_how_a_change_gets_from_git_to_the_guest(
    capsys, world, about, told, progress
):
    code, out, err = played(capsys, "--world", world)
    assert code == 0
    plan = (f"The scenario {world}", about, f"$ reconciler plan --repo {world}")
    for text, steps in ((out, (*plan, *told)), (err, progress)):
        at = 0
        for step in steps:
            at = text.index(step, at) + len(step)


def test_demo_prints_the_configuration_file_and_obeys_maintenance_windows_in_simulated_time(
    capsys,
):
    code, out, _ = played(capsys, "--world", "window-closed")
    assert code == 0
    about = out.index("# Changes are permitted on weekday nights")
    config = out.index("$ cat window-closed/.reconciler.yaml")
    assert about < config < out.index("kind: allow") < out.index("$ reconciler plan")
    assert "no maintenance window is open; the next one opens at 2026-07-06 20:00 UTC" in out
    assert "Run: 1 held." in out


def test_demo_tracks_a_consented_restart_until_the_guest_has_the_new_memory(capsys):
    code, out, _ = played(capsys, "--world", "restart-consented")
    assert code == 0
    assert "the guest has 5Gi" in out
    assert "Run: 1 done." in out


def test_demo_of_a_cluster_without_a_kubevirt_cr_prints_the_error_and_succeeds(capsys):
    code, out, err = played(capsys, "--world", "no-kubevirt")
    assert code == 0
    assert "reconciler apply" not in out
    assert "has no KubeVirt CR" in err


def test_demo_of_a_custom_cluster_uses_the_manifests_in_its_directory(capsys, tmp_path):
    (tmp_path / "desired").mkdir()
    shutil.copy(WORLDS / "misaligned.yaml", tmp_path / "mine.yaml")
    shutil.copy(WORLDS / "desired" / "misaligned.yaml", tmp_path / "desired" / "mine.yaml")
    code, out, _ = played(capsys, "--world", str(tmp_path / "mine.yaml"))
    assert code == 0
    assert "Exit code 4" in out


def test_demo_world_option_accepts_a_directory_with_a_configuration(capsys, tmp_path):
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
        ("nowhere/else.yaml", "the scenario does not exist"),
        ("alone.yaml", "desired/alone.yaml"),
    ],
)
def test_demo_rejects_an_invalid_scenario_as_a_usage_error(
    capsys, tmp_path, monkeypatch, world, says
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(WORLDS / "halted.yaml", tmp_path / "alone.yaml")
    code, _, err = played(capsys, "--world", world)
    assert code == 64
    assert says in err


def test_demo_list_option_describes_every_simulated_cluster(capsys):
    code, out, _ = played(capsys, "--list")
    names = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert code == 0
    assert names == sorted(path.stem for path in WORLDS.glob("*.yaml"))
    assert "VM of 1Gi. Git sets 2Gi; the VM migrates and gets this memory." in out
