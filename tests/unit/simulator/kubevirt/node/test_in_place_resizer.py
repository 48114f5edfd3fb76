"""Tests how the simulator plays VEP 45: memory grows in the launcher pod, without a migration."""

from __future__ import annotations

import pytest
from support.one_vm_world import LIVE, Play

IN_PLACE = LIVE | {
    "configuration": {
        "vmRolloutStrategy": "LiveUpdate",
        "developerConfiguration": {"featureGates": ["InPlaceHotplug"]},
    }
}
RESIZES = {"PodResourceResizeInProgress", "ResizeInfeasible"}


def requested(play):
    (pod,) = play.sim.store.list("pods")
    (found,) = (
        each["resources"]["requests"]["memory"]
        for each in pod["spec"]["containers"]
        if each["name"] == "compute"
    )
    return found


def resizes(play):
    return RESIZES & {each["type"] for each in play.vmi["status"]["conditions"]}


@pytest.mark.parametrize("migratable", [True, False])
def test_memory_grows_in_the_launcher_pod_without_a_migration(migratable):
    play = Play({"guest": "1Gi", "migratable": migratable}, spec=IN_PLACE, nodes=1)
    before = requested(play)
    play.ask("2Gi")
    play.run(0.9)
    assert resizes(play) == {"PodResourceResizeInProgress"}
    play.run(60)
    assert play.memory == ("1Gi", "2Gi", "2Gi")
    assert (play.phases, play.said, resizes(play)) == ([], {}, set())
    assert requested(play) != before


def test_growth_that_the_node_cannot_hold_is_infeasible_and_starts_no_migration():
    nodes = [{"name": "node01", "memory": "2Gi"}, {"name": "node02"}]
    play = Play({"guest": "1Gi", "node": "node01"}, spec=IN_PLACE, nodes=nodes)
    play.ask("2Gi")
    play.run(60)
    assert resizes(play) == {"ResizeInfeasible"}
    assert (play.memory, play.phases) == (("1Gi", "1Gi", "1Gi"), [])


def test_quota_without_room_for_the_growth_rejects_the_larger_pod():
    quotas = [{"name": "quota", "hard": {"requests.memory": "2Gi"}}]
    play = Play({"guest": "1Gi"}, spec=IN_PLACE, quotas=quotas)
    play.ask("2Gi")
    play.run(60)
    assert "exceeded quota" in play.events("FailedResize")[0]
    assert play.memory == ("1Gi", "1Gi", "1Gi")


def test_memory_shrinks_through_a_migration():
    play = Play({"guest": "1Gi"}, spec=IN_PLACE)
    for size in ("3Gi", "2Gi"):
        play.ask(size)
        play.run(60)
    assert (play.memory, play.phases) == (("1Gi", "2Gi", "2Gi"), ["Succeeded"])


def test_memory_migrates_without_the_feature_gate():
    play = Play({"guest": "1Gi"})
    play.ask("2Gi")
    play.run(60)
    assert play.phases == ["Succeeded"]
