"""What a change of instancetype means beyond the size that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import changed
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.behaviour.versions import Instancetype
from reconciler.plan.finding import Finding, blocked, restart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.live.live_state import LiveInstancetype
    from reconciler.plan.vm.rules.situation import RunningVM, Situation

LIVE = ("nodeSelector",)
"""Fields that reach a running VM. Source: kubevirt v1.9.0 vm.go:2989-3033 (copied over)."""


def denied_by_version(situation: Situation) -> Finding | None:
    """The first versions deny an instancetype in a VM whose memory can be changed live.

    Only a VM with its own ``maxGuest`` is looked at, under LiveUpdate; on v1.1 one with the VM's
    switch, whatever else it has.
    Source: kubevirt v1.1.0 vms-admitter.go:456-592, v1.2.0 :430-567; gone in v1.2.1.
    """
    if situation.types is None or not _refused(situation):
        return None
    after = situation.after
    own = after.live_update and situation.own_max_guest is not None
    if not (situation.vm.live_update_memory if after.capabilities.vm_switch else own):
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        "this KubeVirt version denies an instancetype in a VM that has its own maxGuest",
        "update KubeVirt to v1.2.1 or newer",
    )


def size_not_live(running: RunningVM) -> Finding | None:
    """The same versions do not look for memory in an instancetype when they change it live.

    Source: inference from kubevirt v1.2.0 vms-admitter.go:430-567.
    """
    situation = running.situation
    if situation.types is None or not _refused(situation):
        return None
    return restart(
        Reason.INSTANCETYPE_NOT_LIVE,
        "this KubeVirt version does not change the size of an instancetype live",
        "update KubeVirt to v1.2.1 or newer, or restart the VM",
    )


def differs_otherwise(running: RunningVM) -> Finding | None:
    """Types that differ in a field which is not live: a restart, and nothing live before it.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053 compares the templates
    with their instancetypes applied; :653-663 for sockets.
    """
    types = running.situation.types
    if types is None or types.has is None or types.wanted is None or types.revision_kept:
        return None
    found = [*_differences(types.has, types.wanted), *_sockets(running, types.has, types.wanted)]
    if not found:
        return None
    return restart(
        Reason.INSTANCETYPE_DIFFERS,
        f"{types.wanted.ref.name} differs from {types.has.ref.name} in more than memory: "
        f"{', '.join(found)}; that is not changed live, and with it nothing is",
        "choose an instancetype that differs in memory.guest alone, or restart the VM",
    )


def warnings(situation: Situation, finding: Finding) -> tuple[str, ...]:
    """What a reviewer should know of the types, without changing the effect; a sentence each."""
    return tuple(_warnings(situation, finding))


def _warnings(situation: Situation, finding: Finding) -> Iterator[str]:
    types, vm = situation.types, situation.vm
    if types is None:
        return
    if types.revision_kept:
        yield (
            f"the VM holds an older revision of {vm.instancetype}, so what that gives it is only "
            "seen in the running instance; editing an instancetype changes no VM that holds one"
        )
    if types.has is None or types.wanted is None or finding.effect is not Effect.LIVE:
        return
    if types.has.cpus < types.wanted.cpus:
        yield (
            f"its CPUs change with it, from {types.has.cpus} to {types.wanted.cpus}: live only "
            "where they are added as sockets"
        )
    if any(_is_live(path) for path in _differing(types.has, types.wanted)):
        yield "its nodeSelector changes with it, and holds from the migration on"


def _refused(situation: Situation) -> bool:
    return situation.after.capabilities.instancetype is Instancetype.DENIED


def _differences(has: LiveInstancetype, wanted: LiveInstancetype) -> Iterator[str]:
    """Each field that is not live, with both values."""
    for path in _differing(has, wanted):
        if not _is_live(path):
            yield changed(path, has.others.get(path), wanted.others.get(path, "unset"))
    if has.max_guest != wanted.max_guest:
        yield changed("memory.maxGuest", has.max_guest, wanted.max_guest or "unset")
    if _requests(has) != _requests(wanted):
        yield (
            f"the requests.memory that memory.overcommitPercent makes "
            f"({has.overcommit_percent} % of {has.guest} -> "
            f"{wanted.overcommit_percent} % of {wanted.guest})"
        )


def _sockets(running: RunningVM, has: LiveInstancetype, wanted: LiveInstancetype) -> Iterator[str]:
    """Sockets are only added, and only up to the maxSockets of the running instance.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:653-663.
    """
    limit = running.vmi.max_sockets
    if wanted.cpus < has.cpus or (limit is not None and has.cpus < wanted.cpus > limit):
        top = f" (at most {limit} sockets)" if limit is not None else ""
        yield changed("cpu.guest", has.cpus, f"{wanted.cpus}{top}")


def _differing(has: LiveInstancetype, wanted: LiveInstancetype) -> list[str]:
    paths = sorted({*has.others, *wanted.others})
    return [path for path in paths if has.others.get(path) != wanted.others.get(path)]


def _is_live(path: str) -> bool:
    return path.partition(".")[0] in LIVE


def _requests(kind: LiveInstancetype) -> int | None:
    """Source: kubevirt v1.9.0 pkg/instancetype/apply/memory.go."""
    percent = kind.overcommit_percent
    return kind.guest.n_bytes * (100 - percent) // 100 if percent else None
