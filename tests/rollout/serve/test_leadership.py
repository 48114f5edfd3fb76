"""Leader election among several `serve` replicas, with a simulated cluster and clock."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
from support.builders import make_desired, make_live, make_vm, plan_of, want
from support.simulated import Rig, rig

from reconciler.app.execution.leases import (
    CONFIG_LEASE,
    SERVE_LEASE,
    hold_leases,
    leader_lease,
)
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.errors import LeaseHeldError
from reconciler.model.fields import ROLLOUT_STRATEGY
from reconciler.model.service.view import Role, WaitKind
from reconciler.model.shard import Shard
from reconciler.serve.leadership import Leadership

PATH = f"/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/{SERVE_LEASE}"
NOTE = "memory.reconciler.dev/note"


@pytest.fixture
def world() -> Rig:
    return rig()


def replica(world: Rig, name: str, shard: str = "0/1") -> Leadership:
    lease = leader_lease(
        world.client, world.clock, instance=name, scale=1.0, shard=Shard.parse(shard)
    )
    found = Leadership(lease, world.clock, instance=name, changed=lambda: None)
    found._namespace = "kubevirt"  # as after `begin`, but without the thread
    return found


def test_first_serve_replica_becomes_the_leader(world):
    one = replica(world, "one")
    assert not one.leads()
    one.step()
    assert one.leads()
    assert (one.state.role, one.state.leader, one.state.wait) == (Role.LEADER, "one", None)


def test_second_serve_replica_waits_and_names_the_leader(world):
    one, two = replica(world, "one"), replica(world, "two")
    one.step()
    world.clock.slept = one.step
    two.step()
    assert not two.leads()
    assert (two.state.role, two.state.leader) == (Role.STANDBY, "one")
    assert two.state.wait.kind is WaitKind.LEADERSHIP


def test_each_serve_shard_elects_its_own_leader(world):
    replicas = [replica(world, each, each) for each in ("0/3", "1/3", "2/3")]
    for each in replicas:
        each.step()
    assert [each.leads() for each in replicas] == [True] * 3
    holders = [
        json.loads(world.sim.request("GET", path).body)["spec"]["holderIdentity"]
        for path in (PATH, f"{PATH}-1", f"{PATH}-2")
    ]
    assert holders == ["0/3", "1/3", "2/3"]


def test_leader_that_gives_up_its_lease_is_replaced_by_another_replica_at_once(world):
    one, two = replica(world, "one"), replica(world, "two")
    one.step()
    one._give_up()
    assert not one.leads()
    began = world.clock.monotonic()
    two.step()
    assert two.leads()
    assert world.clock.monotonic() - began <= 1


def test_replica_that_withdraws_from_leader_election_holds_no_lease_until_it_competes_again(world):
    one, two = replica(world, "one"), replica(world, "two")
    one.step()
    one.withdraw()
    one.step()
    assert (one.leads(), one.state.wait, one.namespace) == (False, None, "")
    two.step()
    assert two.leads()
    one.step()
    two._give_up()
    one.begin("kubevirt")
    one.step()
    assert (one.leads(), one.term, two.term) == (True, 2, 1)


def test_replica_that_withdraws_while_it_waits_for_the_lease_does_not_replace_a_dead_leader(world):
    one, two = replica(world, "one"), replica(world, "two")
    one.step()
    world.clock.slept = two.withdraw
    began = world.clock.monotonic()
    two.step()
    assert (two.leads(), two.state.wait) == (False, None)
    assert world.clock.monotonic() - began <= 2
    two.begin("kubevirt")
    world.clock.slept = lambda: None
    two.step()
    assert two.leads()


def test_dead_leader_is_replaced_after_its_lease_expires(world):
    one, two = replica(world, "one"), replica(world, "two")
    one.step()
    began = world.clock.monotonic()
    two.step()
    assert two.leads()
    assert 15 <= world.clock.monotonic() - began <= 17


def test_frozen_leader_stops_leading_before_another_replica_takes_over(world):
    one, two = replica(world, "one"), replica(world, "two")
    one.step()
    led = []
    world.clock.slept = lambda: led.append(one.leads())
    two.step()
    assert two.leads()
    assert led[0] is True
    assert led[-3:] == [False] * 3
    world.clock.slept = lambda: None
    one.step()
    assert not one.leads()
    assert one.state.role is Role.STANDBY


def test_leader_stops_leading_after_another_client_has_taken_its_lease(world):
    one = replica(world, "one")
    one.step()
    taken = {"spec": {"holderIdentity": "other"}}
    assert world.merge(PATH, taken, agent="kubectl") == 200
    world.clock.sleep(11)
    one.step()
    assert not one.leads()
    assert one.state.wait.message == "this process lost the leader Lease"


def test_annotations_of_the_leader_lease_survive_a_change_of_leader(world):
    one, two = replica(world, "one"), replica(world, "two")
    assert one.annotate({NOTE: "sent"}) is False
    one.step()
    assert one.annotate({NOTE: "sent"}) is True
    one._give_up()
    two.step()
    assert two.annotations()[NOTE] == "sent"
    stored = json.loads(world.sim.request("GET", PATH).body)["metadata"]["annotations"]
    assert stored[NOTE] == "sent"


def test_run_that_waits_for_one_lease_does_not_block_a_run_that_needs_a_different_lease(world):
    memory, config = world.lease("memory-reconciler-memory-0"), world.lease(CONFIG_LEASE)
    began, acquired = world.clock.monotonic(), []

    def other_runs() -> None:
        waited_s = world.clock.monotonic() - began
        if waited_s < 60:
            memory.held()
        if waited_s > 30 and not acquired:
            acquired.append("config")
            config.__enter__()  # raises if the waiting run holds it
            config.__exit__(None, None, None)
        if waited_s >= 60:
            world.clock.slept = lambda: None
            memory.__exit__(None, None, None)

    memory.__enter__()
    world.clock.slept = other_runs
    desired = make_desired(want("2Gi"), kubevirt={ROLLOUT_STRATEGY: "Stage"})
    plan = plan_of(desired, make_live(make_vm()))
    with hold_leases(
        plan,
        Shard(),
        world.client,
        world.clock,
        namespace="kubevirt",
        run_id="a-person",
        scale=1.0,
        until=None,
        alive_s=120.0,
    ) as held:
        assert held.config.held()
        assert held.memory.held()
    assert acquired


@pytest.mark.parametrize(("alive_s", "waited"), [(0.0, False), (60.0, True)])
def test_apply_waits_for_a_live_lease_holder_only_if_configured(world, alive_s, waited):
    name = "memory-reconciler-memory-0"
    run = world.lease(name)
    began = world.clock.monotonic()

    def goes_on() -> None:
        if world.clock.monotonic() - began < 40:
            run.held()
        else:
            world.clock.slept = lambda: None
            run.__exit__(None, None, None)

    mine = ClusterLease(
        world.client,
        clock=world.clock,
        namespace="kubevirt",
        name=name,
        holder="a-person",
        alive_s=alive_s,
    )
    run.__enter__()
    world.clock.slept = goes_on
    with nullcontext() if waited else pytest.raises(LeaseHeldError), mine:
        assert 40 <= world.clock.monotonic() - began <= 42
