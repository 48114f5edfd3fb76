"""Checks whether all fields that an instancetype change affects can change live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import changed
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.behaviour.versions import Instancetype
from reconciler.plan.finding import Finding, blocked, restart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.live.live_state import LiveInstancetype
    from reconciler.plan.vm.rules.vm_inputs import RunningVM, VMInputs

LIVE = ("nodeSelector",)
"""The fields that KubeVirt copies to a running VM. Source: kubevirt v1.9.0 vm.go:2989-3033."""


def denied_by_version(inputs: VMInputs) -> Finding | None:
    """On KubeVirt v1.1 and v1.2.0, block an instancetype change that the webhook denies.

    On v1.1, the webhook denies the change in VMs with ``spec.liveUpdateFeatures``. On v1.2.0, the
    webhook denies the change in VMs with their own ``maxGuest`` under LiveUpdate.
    Source: kubevirt v1.1.0 vms-admitter.go:456-592, v1.2.0 :430-567.
    """
    after = inputs.after
    if inputs.types is None or after.capabilities.instancetype is not Instancetype.DENIED:
        return None
    own = after.live_update and inputs.own_max_guest is not None
    if not (inputs.vm.live_update_memory if after.capabilities.live_update_per_vm else own):
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        "this KubeVirt version denies an instancetype in a VM that has its own maxGuest",
        "update KubeVirt to v1.2.1 or newer",
    )


def size_not_live(running: RunningVM) -> Finding | None:
    """Require a restart on KubeVirt versions where an instancetype's memory cannot change live.

    virt-controller of v1.2 compares the VM's own template, which has no memory.
    Source: kubevirt v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349; observed on KubeVirt v1.2.2
    (scenario instancetype-and-guest, with a VM without maxGuest).
    """
    inputs = running
    if inputs.types is None or inputs.after.capabilities.template_without_memory_live:
        return None
    return restart(
        Reason.INSTANCETYPE_NOT_LIVE,
        "this KubeVirt version does not change memory live when an instancetype sets it",
        "update KubeVirt to v1.3 or newer, or restart the VM",
    )


def differs_otherwise(running: RunningVM) -> Finding | None:
    """Require a restart if the new instancetype differs in fields that cannot change live.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053 compares the templates
    with their instancetypes applied; :653-663 for sockets.
    """
    types = running.types
    if types is None or types.has is None or types.wanted is None or types.revision_kept:
        return None
    found = [
        *_differences(types.has, types.wanted),
        *_sockets(running, types.has, types.wanted),
        *_topology(running, types.has, types.wanted),
    ]
    if not found:
        return None
    return restart(
        Reason.INSTANCETYPE_DIFFERS,
        f"{types.wanted.ref.name} differs from {types.has.ref.name} in fields other than memory "
        f"that cannot change live: {', '.join(found)}; therefore, the memory cannot change live "
        "either",
        "choose an instancetype that differs only in memory.guest, or restart the VM",
    )


def warnings(inputs: VMInputs, finding: Finding) -> Iterator[str]:
    """Yield warnings about a change to another instancetype."""
    types, vm = inputs.types, inputs.vm
    if types is None:
        return
    if types.revision_kept:
        yield (
            f"the VM uses an older revision of {vm.instancetype}, so only the running instance "
            "shows the VM's size; an edit to an instancetype does not change VMs that already "
            "use a stored revision of it"
        )
    if types.has is None or types.wanted is None or finding.effect is not Effect.LIVE:
        return
    if types.has.cpus < types.wanted.cpus:
        yield (
            f"the VM's CPUs also change, from {types.has.cpus} to {types.wanted.cpus}; they "
            "change live only if they are added as sockets"
        )
    if any(_is_live(path) for path in _differing(types.has, types.wanted)):
        yield (
            "the VM's nodeSelector also changes; the new nodeSelector already applies to the "
            "migration"
        )


def _differences(has: LiveInstancetype, wanted: LiveInstancetype) -> Iterator[str]:
    """Yield each field that differs between two instancetypes and cannot change live."""
    for path in _differing(has, wanted):
        if not _is_live(path):
            yield changed(path, has.others.get(path), wanted.others.get(path, "unset"))
    if has.max_guest != wanted.max_guest:
        yield changed("memory.maxGuest", has.max_guest, wanted.max_guest or "unset")
    if _requests(has) != _requests(wanted):
        yield (
            f"requests.memory through memory.overcommitPercent "
            f"({has.overcommit_percent} % of {has.guest} -> "
            f"{wanted.overcommit_percent} % of {wanted.guest})"
        )


def _sockets(running: RunningVM, has: LiveInstancetype, wanted: LiveInstancetype) -> Iterator[str]:
    """Yield the change in the number of CPU sockets if this change cannot happen live.

    Sockets can only be added, up to the maxSockets of the running instance.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:653-663.
    """
    limit = running.vmi.max_sockets
    if wanted.cpus < has.cpus or (limit is not None and has.cpus < wanted.cpus > limit):
        top = f" (at most {limit} sockets)" if limit is not None else ""
        yield changed("cpu.guest", has.cpus, f"{wanted.cpus}{top}")


def _topology(
    running: RunningVM, has: LiveInstancetype, wanted: LiveInstancetype
) -> Iterator[str]:
    """Yield the change in the CPU topology if more than the number of sockets might change.

    A VM's preference can arrange its CPUs as cores or threads, which do not change live. This
    program does not read preferences. The running instance shows the topology, unless it has a
    single CPU.

    Source: kubevirt v1.9.0 pkg/instancetype/apply/cpu.go:87 and
    pkg/virt-controller/watch/vm/vm.go:2989-3053.
    """
    if has.cpus == wanted.cpus:
        return
    sockets, cores, threads = running.vmi.cpu
    if (cores or 1) * (threads or 1) > 1:
        shown = f"sockets {sockets or 1}, cores {cores or 1}, threads {threads or 1}"
        yield changed("cpu.guest", f"{has.cpus} ({shown})", wanted.cpus)
    elif has.cpus == 1 and running.vm.preference:
        arranged = (
            f"arranged by the preference {running.vm.preference}, which the reconciler does not "
            "read"
        )
        yield changed("cpu.guest", has.cpus, f"{wanted.cpus} ({arranged})")


def _differing(has: LiveInstancetype, wanted: LiveInstancetype) -> list[str]:
    paths = sorted({*has.others, *wanted.others})
    return [path for path in paths if has.others.get(path) != wanted.others.get(path)]


def _is_live(path: str) -> bool:
    return path.partition(".")[0] in LIVE


def _requests(kind: LiveInstancetype) -> int | None:
    """Return the memory request in bytes if the instancetype overcommits memory, or else None.

    Source: kubevirt v1.9.0 pkg/instancetype/apply/memory.go.
    """
    percent = kind.overcommit_percent
    return kind.guest.n_bytes * (100 - percent) // 100 if percent else None
