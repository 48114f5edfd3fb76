"""Tests that, with VEP 45, memory grows in the launcher pod without a migration."""

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
def test_memory_grows_without_a_migration_if_the_launcher_pod_is_resized_in_place(migratable):
    play = Play({"guest": "1Gi", "migratable": migratable}, spec=IN_PLACE, nodes=1)
    before = requested(play)
    play.ask("2Gi")
    play.run(0.9)
    assert resizes(play) == {"PodResourceResizeInProgress"}
    play.run(60)
    assert play.memory == ("1Gi", "2Gi", "2Gi")
    assert (play.phases, play.said, resizes(play)) == ([], {}, set())
    assert requested(play) != before


def test_in_place_resize_beyond_the_free_memory_of_the_node_is_infeasible():
    nodes = [{"name": "node01", "memory": "2Gi"}, {"name": "node02"}]
    play = Play({"guest": "1Gi", "node": "node01"}, spec=IN_PLACE, nodes=nodes)
    play.ask("2Gi")
    play.run(60)
    assert resizes(play) == {"ResizeInfeasible"}
    assert (play.memory, play.phases) == (("1Gi", "1Gi", "1Gi"), [])


def test_in_place_resize_that_exceeds_a_quota_is_rejected():
    quotas = [{"name": "quota", "hard": {"requests.memory": "2Gi"}}]
    play = Play({"guest": "1Gi"}, spec=IN_PLACE, quotas=quotas)
    play.ask("2Gi")
    play.run(60)
    assert "exceeded quota" in play.events("FailedResize")[0]
    assert play.memory == ("1Gi", "1Gi", "1Gi")


def test_vm_memory_shrinks_through_a_migration_even_if_in_place_hotplug_is_enabled():
    play = Play({"guest": "1Gi"}, spec=IN_PLACE)
    for size in ("3Gi", "2Gi"):
        play.ask(size)
        play.run(60)
    assert (play.memory, play.phases) == (("1Gi", "2Gi", "2Gi"), ["Succeeded"])


def test_vm_memory_grows_through_a_migration_if_in_place_hotplug_is_disabled():
    play = Play({"guest": "1Gi"})
    play.ask("2Gi")
    play.run(60)
    assert play.phases == ["Succeeded"]
