"""Computes metric values from a plan: drift, VMs that wait, and changes in progress."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.live.conditions import HOT_MEMORY_CHANGE
from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.plan.plan import Effect, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import ObjectRef

_CHANGING = frozenset(
    {
        Reason.IN_FLIGHT,
        Reason.MIGRATION_RETRYING,
        Reason.GUEST_ACCEPTING,
        Reason.HOTPLUG_IN_FLIGHT,
    }
)
"""The reason codes with which a plan shows VMs whose memory change is in progress."""


def vm_decisions(plan: Plan) -> tuple[Decision, ...]:
    """Return the plan's decisions about VMs, excluding those about KubeVirt settings."""
    return tuple(each for each in plan.decisions if each.ref.is_vm)


def drift(plan: Plan, live: LiveState | None) -> Mapping[tuple[str, str], int]:
    """Sum the differences between desired and current memory in bytes, by direction and effect.

    The direction is ``grow`` or ``shrink``. The current memory is the guest's memory or, if the VM
    is not running, the memory in the VM's spec. VMs that do not exist are skipped.
    """
    found: Counter[tuple[str, str]] = Counter()
    for each in vm_decisions(plan):
        now = each.guest
        vm = live.vms.get(each.ref) if live else None
        if now is None and vm is not None:
            now = vm.guest
        if each.target is None or now is None or each.target.n_bytes == now.n_bytes:
            continue
        grows = each.target.n_bytes > now.n_bytes
        found["grow" if grows else "shrink", each.effect] += abs(each.target.n_bytes - now.n_bytes)
    return found


def restart_waits(
    plan: Plan, live: LiveState | None, seen: Mapping[ObjectRef, datetime]
) -> dict[ObjectRef, datetime | None]:
    """Return when each VM that needs a restart started to wait, or None if this is unknown.

    *seen* contains, for each VM, the time at which this process first saw that the VM waits.
    """
    return {
        each.ref: min(_known(_restart_required(live, each.ref), seen.get(each.ref)), default=None)
        for each in vm_decisions(plan)
        if each.effect is Effect.RESTART
    }


def in_flight(plan: Plan, live: LiveState | None) -> dict[ObjectRef, datetime | None]:
    """Return when each memory change in progress started, or None if this is unknown.

    The start is the transition time of the VMI condition HotMemoryChange. If this condition is not
    true, the start is the time when the size was written to the VM.
    """
    found: dict[ObjectRef, datetime | None] = {}
    for each in vm_decisions(plan):
        vmi = live.vmis.get(each.ref) if live else None
        changes = vmi is not None and not vmi.final and vmi.memory_changes
        if changes or each.reason in _CHANGING:
            found[each.ref] = next(_known(*_starts(live, each.ref)), None)
    return found


def failed_migrations(plan: Plan, live: LiveState | None) -> int:
    """Count the failed migrations of the plan's VMs that still exist in the cluster."""
    listed = live.migrations if live else {}
    return sum(
        each.phase is MigrationPhase.FAILED
        for decision in vm_decisions(plan)
        for each in listed.get(decision.ref, ())
    )


def _starts(live: LiveState | None, ref: ObjectRef) -> Iterator[datetime | None]:
    vm, vmi = (live.vms.get(ref), live.vmis.get(ref)) if live else (None, None)
    condition = vmi.conditions.get(HOT_MEMORY_CHANGE) if vmi else None
    if condition is not None and condition.status == "True":
        yield condition.since
    yield vm.guest_changed_at if vm else None


def _restart_required(live: LiveState | None, ref: ObjectRef) -> datetime | None:
    vm = live.vms.get(ref) if live else None
    condition = vm.conditions.get("RestartRequired") if vm else None
    return condition.since if condition is not None and condition.status == "True" else None


def _known(*times: datetime | None) -> Iterator[datetime]:
    return (each for each in times if each is not None)
