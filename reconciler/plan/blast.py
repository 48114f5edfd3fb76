"""What else a change of the KubeVirt CR sets in motion, beyond the VMs that Git names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import MAX_GUEST
from reconciler.model.live import is_true
from reconciler.plan.regime import LIVE_MIGRATE, Regime, regime_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.live import LiveKubeVirt, LiveState, LiveVMI
    from reconciler.model.plan import Change
    from reconciler.model.quantity import MemoryQuantity

NAMED = 3
"""How many VMs are named before the rest is counted."""


def blast_radius(
    changes: tuple[Change, ...], live: LiveState, after: LiveKubeVirt
) -> tuple[str, ...]:
    """A sentence for each consequence of *changes*; none for what stays as it was.

    Args:
        changes: Of the CR.
        live: The cluster as it is.
        after: The CR as it will be.
    """
    before, then = regime_of(live.kubevirt), regime_of(after)
    running = [each for each in live.vmis.values() if not each.final]
    found = (
        _migrations_begin(before, then, live, running),
        _live_update_comes(before, then, running),
        _live_update_goes(before, then, running),
        *(_max_guest(each, running) for each in changes if each.field == MAX_GUEST),
    )
    return tuple(each for each in found if each)


def _migrations_begin(
    before: Regime, then: Regime, live: LiveState, running: Iterable[LiveVMI]
) -> str:
    """LiveMigrate lets every VM that waits for a migration begin at once.

    Source: kubevirt v1.9.0 workload-updater.go:366-428; the CR's own count takes in hotplugs
    (469-493).
    """
    if LIVE_MIGRATE in before.methods or LIVE_MIGRATE not in then.methods:
        return ""
    stuck = sum(1 for each in running if is_true(each.conditions, "HotMemoryChange"))
    waiting = max(stuck, live.kubevirt.outdated_workloads)
    at_once = ""
    if waiting:
        subject = "1 VM begins" if waiting == 1 else f"{waiting} VMs begin"
        at_once = f"{subject} to migrate at once ({stuck} with a memory change that was stuck, "
        at_once += f"{waiting - stuck} with an outdated launcher); "
    return f"LiveMigrate comes on: {at_once}every later KubeVirt upgrade migrates all VMs"


def _live_update_comes(before: Regime, then: Regime, running: Iterable[LiveVMI]) -> str:
    """VMs that booted before have no maxGuest, and need one restart.

    Source: recorded v1.9.0 stage-then-live-update.
    """
    if before.live_update or not then.live_update:
        return ""
    without = [each for each in running if each.max_guest is None]
    if not without:
        return ""
    subject = f"{len(without)} running VM{'s' if len(without) > 1 else ''}"
    verb = "need" if len(without) > 1 else "needs"
    return (
        f"LiveUpdate comes into force: {subject} booted before and {verb} one restart "
        f"until memory can be changed live ({_names(without)})"
    )


def _live_update_goes(before: Regime, then: Regime, running: list[LiveVMI]) -> str:
    """Source: recorded v1.9.0 stage-then-live-update, first patch."""
    if not before.live_update or then.live_update:
        return ""
    return (
        f"LiveUpdate goes out of force: every later change of the {len(running)} running VMs "
        "waits for a restart"
    )


def _max_guest(change: Change, running: Iterable[LiveVMI]) -> str:
    """Which VMs lose or gain room for hotplug at their next start.

    Source: kubevirt v1.9.0 pkg/defaults/defaults.go:115-135: a maxGuest below a VM's size gives
    it no room at all; what runs keeps what it booted with.
    """
    before, after = _n_bytes(change.before), _n_bytes(change.after)
    if after is None:
        return ""
    sizes = [(each, each.guest) for each in running if each.guest is not None]
    lose = [vmi for vmi, guest in sizes if _holds(before, guest) and not _holds(after, guest)]
    gain = [vmi for vmi, guest in sizes if not _holds(before, guest) and _holds(after, guest)]
    found = (("lose", lose), ("gain", gain))
    parts = [f"{verb} room: {_names(group)}" for verb, group in found if group]
    if not parts:
        return ""
    what = f"maxGuest {change.after} counts from a VM's next start; then for hotplug "
    return what + ", ".join(parts)


def _n_bytes(value: object) -> int | None:
    found = getattr(value, "n_bytes", None)
    return found if isinstance(found, int) else None


def _holds(limit: int | None, guest: MemoryQuantity) -> bool:
    """Without a limit in the CR the ratio gives room to every size."""
    return limit is None or guest.n_bytes <= limit


def _names(vmis: list[LiveVMI]) -> str:
    names = sorted(f"{each.ref.namespace}/{each.ref.name}" for each in vmis)
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
