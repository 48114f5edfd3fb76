"""Applies a planned change without the product, and observes how KubeVirt reacts."""

from __future__ import annotations

from support.builders import q
from support.observed.observed_changes import VMObserver
from support.simulated import PolledInformer, Rig

from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.model.fields import INSTANCETYPE_NAME
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import MemoryQuantity
from reconciler.simulator.kubevirt.versions import behaviour

UNRENEWED = LeaseTimes(duration_s=7200, renew_s=3600.0)
"""Lease times so long that no run renews a lease, because each renewal takes test time."""
DEFIED_S = 900.0
"""How long a manual change is observed, in simulated seconds."""
ENDLESS = 10
"""The number of migrations after which a VM counts as migrating in an endless loop.

KubeVirt repeats failed migrations after 20, 40, 80, 160 and 300 seconds.
"""
SETTLED_S = 30.0
"""The seconds within which KubeVirt deploys a changed CR and its components read it."""


class SlowInformer(PolledInformer):
    """An informer that polls less often, so that long simulations finish sooner."""

    def wait(self, timeout_s):
        self._clock.sleep(max(timeout_s, 4.0))
        return self.read()


def rig_at(sim, *, begins_s):
    """Return a rig with a slow informer, *begins_s* seconds after the simulation started."""
    found = Rig(sim, lease_times=UNRENEWED)
    found.informer = SlowInformer(found.client, found.clock)
    found.clock.sleep(begins_s)
    return found


def instances(run):
    return run.sim.store.list("virtualmachineinstances.kubevirt.io")


def patch_by_hand(run, decision):
    """Make the only planned change of *decision* with kubectl's user agent.

    Returns:
        The observed facts, named as in planner.yaml; the requested size; and the previous size
            in the spec, or None if the spec had no size.
    """
    namespace, vm = decision.ref.namespace, decision.ref.name
    witness = VMObserver(run.sim, namespace, vm)
    [change] = decision.changes
    path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{vm}"
    body = str(change.after)
    for key in reversed(change.field):
        body = {key: body}
    if change.field == INSTANCETYPE_NAME and _keeps_revision(run, namespace, vm):
        # Source: kubevirt v1.3.0 tests/hotplug/instancetype.go:140-142, v1.4.0:123-125.
        body["spec"]["instancetype"]["revisionName"] = None
    denied = run.merge(path, body, agent="kubectl") >= 400
    ends = run.clock.monotonic() + DEFIED_S
    while run.clock.monotonic() < ends and len(witness.migrations) < ENDLESS:
        run.clock.sleep(SETTLED_S)
    facts = witness.facts() | ({"denial": "by the webhook"} if denied else {})
    found = behaviour(run.sim.world.version)
    if not found.restart_required or not run.sim.cluster.config.live_update:
        facts["mute"] = True
    if change.field == INSTANCETYPE_NAME and not found.instancetypes_live:
        facts["unanswered"] = True
    had, wants = change.before and str(change.before), str(change.after)
    if change.field == INSTANCETYPE_NAME:
        had, wants = (str(_size_of(run, each)) for each in (had, wants))
    return facts, wants, had


def change_kubevirt_by_hand(run, plan):
    """Make the planned changes to the KubeVirt CR by hand, and wait until they are deployed."""
    for decision in plan.decisions:
        if decision.effect is not Effect.CONFIG:
            continue
        path = (
            f"/apis/kubevirt.io/v1/namespaces/{decision.ref.namespace}"
            f"/kubevirts/{decision.ref.name}"
        )
        for change in decision.changes:
            body = _plain(change.after)
            for key in reversed(change.field):
                body = {key: body}
            assert run.merge(path, body, agent="kubectl") == 200, change
    run.clock.sleep(SETTLED_S)


def _plain(value):
    if isinstance(value, MemoryQuantity):
        return str(value)
    return list(value.raw) if hasattr(value, "raw") else value


def _keeps_revision(run, namespace, name):
    [vm] = [
        each
        for each in run.sim.store.list("virtualmachines.kubevirt.io")
        if (each["metadata"]["namespace"], each["metadata"]["name"]) == (namespace, name)
    ]
    return "revisionName" in vm["spec"]["instancetype"]


def _size_of(run, instancetype):
    """Return the memory size that a VirtualMachineInstancetype sets."""
    [found] = [each for each in run.sim.world.instancetypes if each.name == instancetype]
    return q(found.guest)
