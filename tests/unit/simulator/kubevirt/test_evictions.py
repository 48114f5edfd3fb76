"""Tests the workload update method Evict: KubeVirt evicts some VMIs and migrates others.

Source: v1.9.0 pkg/virt-api/webhooks/validating-webhook/admitters/pod-eviction-admitter.go:127-183;
pkg/virt-controller/watch/workload-updater/workload-updater.go:519-527,602-632.
"""

from __future__ import annotations

import pytest
from support.one_vm_world import Play

EVICT = {
    "configuration": {"vmRolloutStrategy": "LiveUpdate"},
    "workloadUpdateStrategy": {"workloadUpdateMethods": ["Evict"]},
}
MIGRATES = {"LiveMigrate", "LiveMigrateIfPossible"}


def uid(play):
    return play.vmi and play.vmi["metadata"]["uid"]


@pytest.mark.parametrize("where", ["vm", "cluster"])
@pytest.mark.parametrize("strategy", ["None", "LiveMigrate", "LiveMigrateIfPossible", "External"])
def test_update_method_evict_deletes_a_vmi_unless_its_eviction_strategy_prevents_this(
    strategy, where
):
    own = {"evictionStrategy": strategy} if where == "vm" else {}
    configuration = dict(EVICT["configuration"])
    if where == "cluster":
        configuration["evictionStrategy"] = strategy
    play = Play({"guest": "2Gi", **own}, spec=EVICT | {"configuration": configuration})
    before = uid(play)
    play.ask("3Gi")
    play.run(90)
    if strategy in MIGRATES:
        assert (uid(play), play.memory) == (before, ("2Gi", "3Gi", "3Gi"))
        assert play.phases == ["Succeeded"]
    elif strategy == "External":
        assert (uid(play), play.memory) == (before, ("2Gi", "2Gi", "2Gi"))
        assert (play.said, play.phases) == ({"HotMemoryChange": "True"}, [])
    else:
        assert uid(play) != before
        assert play.memory == ("3Gi", "3Gi", "3Gi")
    denied = play.events("FailedEvict")
    assert bool(denied) is (strategy != "None")
    assert all("Eviction triggered evacuation of VMI" in each for each in denied)


@pytest.mark.parametrize(
    ("strategy", "killed"),
    [
        ("None", True),
        ("LiveMigrate", False),
        ("LiveMigrateIfPossible", True),
        ("External", False),
    ],
)
def test_outdated_vmi_that_cannot_migrate_is_evicted_unless_its_strategy_forbids_eviction(
    strategy, killed
):
    vm = {"migratable": False, "evictionStrategy": strategy, "launcher": "v1.8.0"}
    play = Play(vm, spec=EVICT)
    before = uid(play)
    play.run(90)
    assert (uid(play) != before) is killed
    assert play.phases == []
    if strategy == "LiveMigrate":
        assert play.events("FailedEvict")[0].endswith("but is not live-migratable")


def test_new_eviction_strategy_in_the_kubevirt_cr_does_not_apply_to_running_vmis():
    play = Play({"guest": "2Gi"}, spec=EVICT)
    assert play.vmi["spec"]["evictionStrategy"] == "None"
