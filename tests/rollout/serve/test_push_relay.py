"""A webhook request to a standby replica of ``serve`` makes the leader poll Git."""

from __future__ import annotations

import json

import pytest
from support.simulated import Rig, rig

from reconciler.app.execution.leader_note import leader_note
from reconciler.app.execution.leases import SERVE_LEASE, leader_lease
from reconciler.model.annotations import PUSHED
from reconciler.serve.git.push_relay import PushRelay
from reconciler.serve.leadership import Leadership

PATH = f"/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/{SERVE_LEASE}"


class Replica:
    """A ``serve`` replica that counts the Git polls that webhook requests have caused."""

    def __init__(self, world: Rig, name: str) -> None:
        lease = leader_lease(world.client, world.clock, instance=name, scale=1.0)
        self.leadership = Leadership(lease, world.clock, instance=name, changed=lambda: None)
        self.leadership._namespace = "kubevirt"  # as after `begin`, but without the thread
        self.reads: list[float] = []
        write = leader_note(world.client)
        self.relay = PushRelay(
            self.leadership,
            write,
            world.clock,
            lambda: self.reads.append(world.clock.monotonic()),
        )
        self.leadership.steps.append(self.relay.step)
        self.step = self.leadership.step


@pytest.fixture
def world() -> Rig:
    return rig()


@pytest.fixture
def leader(world) -> Replica:
    found = Replica(world, "leader")
    found.step()
    return found


@pytest.fixture
def standby(world, leader) -> Replica:
    world.clock.slept = leader.step
    return Replica(world, "standby")


def run(world: Rig, replica: Replica, seconds: int) -> None:
    until = world.clock.monotonic() + seconds
    while world.clock.monotonic() < until:
        world.clock.sleep(replica.step())


def test_webhook_request_to_a_standby_replica_makes_the_leader_poll_git_within_seconds(
    world, leader, standby
):
    run(world, standby, 5)
    assert leader.reads == []
    pushed_at = world.clock.monotonic()
    standby.relay.pushed()
    run(world, standby, 20)
    assert len(leader.reads) == 1
    assert leader.reads[0] - pushed_at <= 15
    assert leader.leadership.leads()
    assert standby.reads == []


def test_burst_of_webhook_requests_to_a_standby_replica_causes_one_git_poll_by_the_leader(
    world, leader, standby
):
    for _ in range(100):
        standby.relay.pushed()
    run(world, standby, 30)
    assert len(leader.reads) == 1


def test_each_later_webhook_request_to_a_standby_replica_causes_a_git_poll_by_the_leader(
    world, leader, standby
):
    for _ in range(3):
        standby.relay.pushed()
        run(world, standby, 20)
    assert len(leader.reads) == 3


def test_webhook_request_to_the_leader_does_not_change_the_lease(world, leader):
    leader.relay.pushed()
    leader.step()
    metadata = json.loads(world.sim.request("GET", PATH).body)["metadata"]
    assert PUSHED not in metadata.get("annotations", {})


def test_webhook_requests_do_not_prolong_the_lease_of_a_dead_leader(world):
    leader, standby = Replica(world, "leader"), Replica(world, "standby")
    leader.step()
    world.clock.slept = standby.relay.pushed
    began = world.clock.monotonic()
    while not standby.leadership.leads():
        world.clock.sleep(standby.step())
    assert world.clock.monotonic() - began <= 40


def test_webhook_request_that_a_standby_replica_cannot_pass_on_is_logged(world, caplog):
    caplog.set_level("INFO")
    standby = Replica(world, "standby")  # there is no Lease yet
    standby.relay.pushed()
    standby.relay.step()
    assert "the leader finds the push at its next Git poll" in caplog.text
