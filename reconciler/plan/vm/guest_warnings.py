"""Warns about guests that might not use new memory, and tools that might overwrite the size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.desired.config import RestartConsent
from reconciler.model.live.conditions import is_true
from reconciler.model.plan.plan import Effect
from reconciler.plan.behaviour.reverting_tools import may_be_written_back, written_back

if TYPE_CHECKING:
    from reconciler.plan.finding import Finding
    from reconciler.plan.vm.rules.vm_inputs import VMInputs

OLDEST_KERNEL = (5, 8)
"""The oldest Linux kernel with virtio-mem on x86. Source: kubevirt issue 14095."""


def warnings(inputs: VMInputs, finding: Finding) -> tuple[str, ...]:
    """Return warnings about a VM's memory change; empty if the memory does not change."""
    if finding.effect is Effect.NONE:
        return ()
    found = (
        _kernel(inputs),
        _windows(inputs),
        _paused(inputs),
        _silent_before(inputs),
        _other_writer(inputs),
        _sticky(inputs, finding),
    )
    return tuple(each for each in found if each)


def _kernel(inputs: VMInputs) -> str:
    kernel = inputs.vmi.kernel if inputs.vmi else ""
    match = re.match(r"([0-9]{1,9})\.([0-9]{1,9})", kernel)
    if match is None or _is_windows(inputs) or (int(match[1]), int(match[2])) >= OLDEST_KERNEL:
        return ""
    return (
        f"the guest runs kernel {kernel}, which is older than 5.8, and might ignore hotplugged "
        "memory (the guest agent reported this kernel when it first connected; the kernel might "
        "be newer now)"
    )


def _windows(inputs: VMInputs) -> str:
    if not _is_windows(inputs):
        return ""
    return (
        "the guest runs Windows. Windows needs a recent viomem driver to use hotplugged memory, "
        "and does not release memory"
    )


def _paused(inputs: VMInputs) -> str:
    """Return a warning if the VM is paused, because its guest cannot use new memory.

    Source: inference from kubevirt v1.9.0 pkg/virt-handler/migration-target.go:191-205.
    """
    if inputs.vmi is None or not is_true(inputs.vmi.conditions, "Paused"):
        return ""
    return (
        "the VM is paused: it can migrate, but the guest uses new memory only after the VM is "
        "resumed"
    )


def _is_windows(inputs: VMInputs) -> bool:
    return inputs.vmi is not None and inputs.vmi.guest_os == "mswindows"


def _silent_before(inputs: VMInputs) -> str:
    """Return a warning about a guest that did not use memory from an earlier hotplug.

    Source: kubevirt issue 14095: a guest without the driver never uses hotplugged memory.
    """
    vmi = inputs.vmi
    if vmi is None or vmi.guest_requested is None or vmi.guest_current is None:
        return ""
    short = vmi.guest_current.n_bytes < vmi.guest_requested.n_bytes
    if not short or vmi.memory_changes:
        return ""
    return (
        f"since an earlier hotplug, the guest uses only {vmi.guest_current} of its "
        f"{vmi.guest_requested}, and it might not use the new size either"
    )


def _other_writer(inputs: VMInputs) -> str:
    manager, tool = inputs.vm.guest_manager, inputs.vm.tracked_by
    what = "the guest size"
    return written_back(manager, what, tool) or may_be_written_back(manager, what, tool)


def _sticky(inputs: VMInputs, finding: Finding) -> str:
    staged = finding.effect is Effect.RESTART and inputs.consent is not RestartConsent.NEVER
    if not staged or inputs.after.capabilities.restart_self_clears:
        return ""
    return (
        "this change waits for a restart and, in KubeVirt 1.6.3 and older and in 1.7.0, prevents "
        "every live update of the VM until the restart"
    )
