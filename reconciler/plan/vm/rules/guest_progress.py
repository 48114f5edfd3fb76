"""``guest_progress``: reports the progress of a running VM whose spec already matches Git.

It does not matter which client wrote the value. Success means that the guest has the memory;
neither the API server's response nor a finished migration counts as success.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from reconciler.model.live.conditions import HOT_MEMORY_CHANGE, is_true
from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.quantity import human
from reconciler.plan.finding import Finding, blocked, first, restart, wait
from reconciler.plan.vm.rules import (
    existing_restart_required,
    in_place_resize,
    preconditions,
    restart_required,
)
from reconciler.plan.vm.rules.target_pod.target_pod_in_flight import (
    quota_refused,
    target_pod_held,
)
from reconciler.plan.vm.rules.vm_state import coming_up, progress_of

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.plan.vm.rules.vm_inputs import RunningVM

STOP = (
    "to stop the migrations, restart the VM; or remove LiveMigrate from workloadUpdateMethods, "
    "delete the unfinished migration, and add LiveMigrate again"
)
"""The hint that explains how to stop migrations that fail repeatedly.

Source: kubevirt v1.9.0 vm.go:3484-3487 (a revert is rejected), workload-updater.go:366-428 (the
updater creates another migration while the change is in flight and LiveMigrate is listed).
"""


ABOUT_MEMORY = "memory"
"""The first word of each RestartRequired message that a memory change causes.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3466-3509; observed.
"""


def guest_progress(running: RunningVM) -> Finding:
    """Return the planning result for a running VM whose spec already has the desired size.

    Failures have precedence over progress.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3303-3566 and
    pkg/virt-handler/migration-target.go:1152-1208; observed for all outcomes except a guest that
    does not use its memory.
    """
    failures = (
        _plug_refused,
        restart_required.not_started,
        _restart_pending,
        quota_refused,
        target_pod_held,
        failing,
        ineffective,
    )
    if (finding := first(failures, running)) is not None:
        return finding
    if running.vmi.phase != "Running":
        message = f"the VM is starting with {running.target} ({progress_of(running.vmi)})"
        return coming_up(running, Reason.STARTING, message)
    return _staged(running) or _in_flight(running) or _converged(running) or _guest(running)


def has_memory(running: RunningVM) -> bool:
    """Return whether KubeVirt and libvirt report that the guest has the desired size."""
    vmi, n_bytes = running.vmi, running.target.n_bytes
    sizes = (vmi.guest, vmi.guest_requested, vmi.guest_current)
    return all(size is not None and size.n_bytes == n_bytes for size in sizes)


def failed_in_a_row(migrations: tuple[LiveMigration, ...]) -> int:
    """Return the number of update migrations that have failed since the last successful one.

    KubeVirt keeps five finished migrations for each VM, so the count is at most five.
    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:91,2251-2314.
    """
    finished = [each for each in reversed(migrations) if each.phase.finished and each.for_update]
    return sum(1 for _ in takewhile(lambda m: m.phase is MigrationPhase.FAILED, finished))


def _plug_refused(running: RunningVM) -> Finding | None:
    condition = running.vmi.conditions.get(HOT_MEMORY_CHANGE)
    if condition is None or not running.vmi.plug_refused:
        return None
    return blocked(
        Reason.PLUG_REFUSED,
        f"libvirt or QEMU rejected {running.target}: {condition.message or condition.reason}",
        "restart the VM, because KubeVirt does not retry the hotplug",
    )


def _restart_pending(running: RunningVM) -> Finding | None:
    condition = running.restart_required
    if condition is None:
        return None
    has = running.vmi.guest_current or running.vmi.guest
    if not condition.message.startswith(ABOUT_MEMORY) and has_memory(running):
        return None
    if existing_restart_required.other_edit_waits(running):
        return restart(
            Reason.OTHER_EDIT_PENDING,
            f"the VM's spec sets {running.target}, the guest has {has}, and another edit to the "
            f"VM waits for a restart ({condition.message}); until the restart, KubeVirt changes "
            "nothing live",
            "restart the VM, or revert the other edit",
        )
    return restart(
        Reason.RESTART_PENDING,
        f"the VM's spec sets {running.target}, the guest has {has}, and the VM waits for a "
        f"restart: {condition.message}",
        "restart the VM",
    )


def warnings(running: RunningVM | None, finding: Finding) -> tuple[str, ...]:
    """Warn if an edit to another field waits for a restart although the guest has its memory.

    Source: observed on KubeVirt v1.9.0 (scenario other-edit-alone).
    """
    if running is None or finding.reason is not Reason.CONVERGED:
        return ()
    if (condition := running.restart_required) is None:
        return ()
    return (
        (
            f"another edit to the VM waits for a restart ({condition.message}); until the "
            "restart, KubeVirt does not change the VM's memory live"
        ),
    )


def failing(running: RunningVM) -> Finding | None:
    """Delay or block a change if migrations of the memory change in progress have failed.

    Source: observed (scenarios migration-fails and target-unschedulable).
    """
    migrations = running.migrations
    failed = failed_in_a_row(migrations)
    if not failed or not running.vmi.memory_changes:
        return None
    last = next(each for each in reversed(migrations) if each.phase is MigrationPhase.FAILED)
    count = f"{failed} migration{'s' if failed > 1 else ''} failed"
    unscheduled = not last.target_node and last.started_at is None
    why = "the target pod could not be scheduled" if unscheduled else last.failure_reason
    text = f"{count}: {why}" if why else count
    if failed < running.policy.failed_migrations:
        pause = "after a pause" if running.after.capabilities.update_backoff else "immediately"
        return wait(Reason.MIGRATION_RETRYING, f"{text}; KubeVirt retries {pause}")
    if unscheduled:
        return blocked(
            Reason.TARGET_UNSCHEDULABLE,
            f"{text}; KubeVirt keeps retrying, with longer pauses",
            f"free capacity on another node, or check the events of the target pod; {STOP}",
        )
    return blocked(
        Reason.MIGRATION_FAILING,
        f"{text}; KubeVirt keeps retrying, with longer pauses",
        f"remove the cause of the failed migrations; {STOP}",
    )


def ineffective(running: RunningVM, in_flight: MemoryQuantity | None = None) -> Finding | None:
    """Block a change whose migrations succeeded but did not hotplug the memory.

    The expected size is *in_flight* if it is given, else the target.

    Source: kubevirt v1.9.0 pkg/virt-handler/migration-target.go:1187-1231.
    """
    size = in_flight or running.target
    since = running.vm.guest_changed_at
    requested = running.vmi.guest_requested
    if since is None or requested is None or requested.n_bytes == size.n_bytes:
        return None
    succeeded = [
        each
        for each in running.migrations
        if each.phase is MigrationPhase.SUCCEEDED and each.created_at and each.created_at >= since
    ]
    if len(succeeded) < 2:  # noqa: PLR2004 - one may have carried the size from before the change
        return None
    return blocked(
        Reason.INEFFECTIVE_MIGRATIONS,
        f"{len(succeeded)} migrations have succeeded since the size was written, but KubeVirt "
        f"still requests {requested} from the hypervisor, not {size}",
        "check the events of the VirtualMachineInstance about the memory request of its launcher "
        f"pod; {STOP}",
    )


def _staged(running: RunningVM) -> Finding | None:
    """Require a restart for a size in the VM's spec that KubeVirt does not apply live.

    KubeVirt does not set RestartRequired when the size changes back to that of the last start.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3061 (comparison with the
    revision of the last start), :3351 (no live change without LiveUpdate).
    """
    has = running.vmi.guest
    if has is None or has == running.target:
        return None
    if not (running.before.live_update or running.after.live_update):
        why = "without LiveUpdate"
    elif running.types and not running.after.capabilities.template_without_memory_live:
        why = "on this KubeVirt version"
    else:
        return None
    return restart(
        Reason.RESTART_PENDING,
        f"the VM's spec sets {running.target}, but its instance has {has}; {why}, the size "
        "changes only at a restart, and KubeVirt does not request one",
        "restart the VM",
    )


def _in_flight(running: RunningVM) -> Finding | None:
    failure = running.vm.conditions.get("Failure")
    if failure and failure.status == "True" and failure.reason == "HotPlugMemoryError":
        return wait(
            Reason.IN_FLIGHT,
            f"KubeVirt applies this change after another change to the VM: {failure.message}",
        )
    migration = running.migration
    if migration is None and (resized := in_place_resize.resizing(running)) is not None:
        return resized
    if running.vmi.memory_changes and migration is None:
        return preconditions.update_methods(running) or wait(
            Reason.IN_FLIGHT,
            f"KubeVirt has not started the migration that applies {running.target} yet",
        )
    if migration is not None:
        return wait(
            Reason.IN_FLIGHT,
            f"the VM is migrating to get {running.target}: the migration {migration.ref.name} is "
            f"{migration.phase or 'new'}",
        )
    if running.vmi.guest is None or running.vmi.guest.n_bytes != running.target.n_bytes:
        return wait(Reason.IN_FLIGHT, "KubeVirt has not started the change yet")
    return None


def _converged(running: RunningVM) -> Finding | None:
    if not has_memory(running):
        return None
    return Finding.of(Effect.NONE, Reason.CONVERGED, f"the guest has {running.target}")


def _guest(running: RunningVM) -> Finding:
    """Return a planning result with the guest's progress after libvirt has the new size."""
    vmi = running.vmi
    if vmi.guest_requested is None or vmi.guest_requested.n_bytes != running.target.n_bytes:
        return wait(
            Reason.IN_FLIGHT,
            f"KubeVirt has not requested {running.target} from the hypervisor yet",
        )
    current = human(vmi.guest_current.n_bytes) if vmi.guest_current else "nothing"
    text = f"{running.target} was hotplugged, but the guest has {current}"
    if is_true(vmi.conditions, "Paused"):
        return wait(
            Reason.GUEST_ACCEPTING,
            f"{text}; the guest is paused and uses the new memory after the VM is resumed",
        )
    since, event = _hotplugged(running)
    waited_s = (running.now - since).total_seconds() if since else None
    if waited_s is None or waited_s < running.policy.guest_timeout_s:
        return wait(Reason.GUEST_ACCEPTING, f"{text} so far")
    return blocked(
        Reason.GUEST_SILENT,
        f"{text}, {waited_s:.0f} s after {event}",
        "check the guest: it needs a virtio-mem driver (Linux 5.8 or newer) and must bring new "
        "memory online",
    )


def _hotplugged(running: RunningVM) -> tuple[datetime | None, str]:
    """Return when the guest could first use its new memory, and the event at that time.

    For an in-place resize, which needs no migration, KubeVirt shows no such time. The result is
    then the time at which the size was written to the VM's spec.
    """
    ended, written = running.vmi.migration_ended_at, running.vm.guest_changed_at
    in_place = running.after.capabilities.in_place_gate
    if in_place and written is not None and (ended is None or ended < written):
        return written, "the size was written"
    return ended, "the migration ended"
