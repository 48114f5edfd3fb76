"""Decides whether a VM's condition RestartRequired prevents a live memory change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.behaviour import pending_edits
from reconciler.plan.finding import Finding, restart

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningVM

OTHER_FIELD = "a non-live-updatable field was changed in the template spec"
"""The message of RestartRequired after an edit to a field that cannot change live.

Source: observed; kubevirt v1.9.0 vm.go:3051.
"""


def restart_required_stays(running: RunningVM) -> Finding | None:
    """Require a restart on KubeVirt versions that never clear RestartRequired before a restart.

    Source: observed on KubeVirt v1.3.1 and v1.6.3 (scenario above-max-then-revert);
    see also ``versions.RESTART_SELF_CLEARS``.
    """
    condition = running.restart_required
    if condition is None or running.after.capabilities.restart_self_clears:
        return None
    return restart(
        Reason.RESTART_REQUIRED_STICKY,
        "this KubeVirt version keeps the condition RestartRequired until the VM restarts: "
        f"{condition.message}",
        "restart the VM; until then, no change to the VM takes effect live",
    )


def other_edit_pending(running: RunningVM) -> Finding | None:
    """Require a restart if an edit to a field other than memory already requires one.

    Newer KubeVirt versions compare the template again at every sync of the VM. Under LiveUpdate,
    the condition RestartRequired means that the template has a difference that cannot change live.
    If the condition was set under the strategy Stage, memory might be the only difference.

    Source: observed on KubeVirt v1.9.0 (scenarios mixed-edit-one-patch and
    write-maxguest-on-running).
    """
    condition = running.restart_required
    if condition is None or not other_edit_waits(running):
        return None
    seen = pending_edits.waiting(running.vm, running.vmi)
    what = ", ".join(seen) or condition.message
    return restart(
        Reason.OTHER_EDIT_PENDING,
        f"another edit to the VM waits for a restart ({what}); until the restart, KubeVirt "
        "changes nothing live",
        "restart the VM, or revert the other edit",
    )


def other_edit_waits(running: RunningVM) -> bool:
    """Return whether an edit to a field other than memory probably caused RestartRequired."""
    condition = running.restart_required
    if condition is None or condition.message != OTHER_FIELD:
        return False
    return not may_be_memory_alone(running)


def may_be_memory_alone(running: RunningVM) -> bool:
    """Return whether a memory change under the strategy Stage might have caused RestartRequired.

    A later change to the KubeVirt CR does not make virt-controller sync the VM, so the condition
    stays. This program might not see every pending edit.
    Source: observed on KubeVirt v1.9.0 (scenario stage-then-live-update); kubevirt v1.9.0
    vm.go:3577-3599.
    """
    condition = running.restart_required
    if condition is None or condition.message != OTHER_FIELD:
        return False
    memory_explains_it = running.vm.guest != running.vmi.guest
    if not memory_explains_it or pending_edits.waiting(running.vm, running.vmi):
        return False
    before = running.before
    changed, since = before.live_update_changed_at, condition.since
    older = changed is not None and since is not None and since <= changed
    return not before.live_update or older
