"""Blocks writes to running and stopped VMs that virt-api's webhook would deny."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import FEATURE_GATES, ROLLOUT_STRATEGY
from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MemoryQuantity, QuantityError
from reconciler.plan.behaviour import hotpluggable_sizes
from reconciler.plan.behaviour.versions import MULTI_ARCHITECTURE_GATE
from reconciler.plan.finding import Finding, blocked
from reconciler.plan.vm.rules.instancetype import denied_by_version
from reconciler.plan.vm.rules.live_update_features import switch_denied
from reconciler.plan.vm.setting_hint import setting_hint

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import StoredRule, VMInputs

ARCHITECTURE = "kubernetes.io/arch"
"""The node label that contains the node's architecture."""


def memory_from_instancetype(inputs: VMInputs) -> Finding | None:
    """Block ``memory.guest`` in a VM with an instancetype, because the webhook denies it.

    Source: observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0 (scenario instancetype-and-guest);
    v1.9.0 pkg/instancetype/apply/memory.go:73-99.
    """
    if inputs.vm.instancetype is None or inputs.types is not None:
        return None
    return blocked(
        Reason.MEMORY_FROM_INSTANCETYPE,
        f"the instancetype {inputs.vm.instancetype} sets the memory; KubeVirt's webhook denies "
        "memory.guest in the same VM",
        "set another instancetype in Git instead of memory.guest",
    )


def foreign_architecture(inputs: VMInputs) -> Finding | None:
    """Up to KubeVirt v1.7, block a VM whose CPU architecture needs a disabled feature gate.

    The feature gate is needed if the architecture differs from that of virt-api's node. If all
    nodes have the VM's architecture, virt-api's node has this architecture too.

    Source: observed on KubeVirt v1.3.1 and v1.6.3 (arm64 on amd64), v1.9.0 (not denied).
    """
    architecture = inputs.vm.constraints.architecture
    if inputs.after.capabilities.multi_architecture or architecture in ("", "amd64"):
        return None
    found = {each.labels.get(ARCHITECTURE, "amd64") for each in inputs.nodes}
    if found == {architecture}:
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        f"the VM has the architecture {architecture}; KubeVirt's webhook denies changes to such a "
        f"VM unless the feature gate {MULTI_ARCHITECTURE_GATE} is enabled",
        setting_hint(inputs.kubevirt_settings, FEATURE_GATES, MULTI_ARCHITECTURE_GATE),
    )


def own_max_guest(inputs: VMInputs) -> Finding | None:
    """Under LiveUpdate, block a size that the webhook denies because the VM sets ``maxGuest``.

    In such a VM, the webhook denies a size above ``maxGuest`` and a size that KubeVirt cannot
    hotplug, such as one that is not a multiple of 2Mi. On KubeVirt v1.1, the webhook checks only
    VMs that enable live updates (v1.1.0 vms-admitter.go:440-496).

    Source: observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0 (scenario above-explicit-max-guest);
    v1.9.0 pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go:279-296.
    """
    own, after = inputs.own_max_guest, inputs.after
    if own is None or not after.live_update or inputs.switched_off:
        return None
    if inputs.target.n_bytes > own.n_bytes:
        return blocked(
            Reason.DENIED_ABOVE_MAX_GUEST,
            f"{inputs.target} is above the VM's own maxGuest {own}; KubeVirt's webhook denies the "
            "change",
            _higher_max_guest(inputs, own),
        )
    capabilities = after.capabilities
    problems = (
        hotpluggable_sizes.unpluggable(each, capabilities, inputs.target, own)
        for each in inputs.constraints
    )
    problem = next((each for each in problems if each is not None), None)
    if problem is None:
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        "KubeVirt's webhook denies the change because the VM has its own maxGuest: "
        f"{problem.message}",
        problem.hint,
    )


def _higher_max_guest(inputs: VMInputs, own: MemoryQuantity) -> str:
    """Return a hint on how to make the webhook accept a larger size."""
    lower, asked = f"lower the size to {own} or less", inputs.desired.max_guest
    vmi = inputs.vmi
    runs = vmi is not None and not vmi.final
    if asked is not None and asked.n_bytes >= inputs.target.n_bytes:
        then = ", then restart the VM" if runs else ""
        return (
            f"by hand, set maxGuest to {asked}, as in Git, and set memory.guest to the new "
            f"size{then}; or {lower}"
        )
    return f"{lower}, or raise maxGuest{', which needs a restart' if runs else ''}"


def above_limit(inputs: VMInputs) -> Finding | None:
    """Block guest memory above the VM's memory limit, except under LiveUpdate on v1.2.1 or newer.

    Source: v1.9.0 vmi-create-admitter.go:1024-1047.
    """
    limit: MemoryQuantity | None = inputs.vm.constraints.limits
    after = inputs.after
    if limit is None or (after.live_update and after.capabilities.guest_above_limit):
        return None
    if inputs.target.n_bytes <= limit.n_bytes:
        return None
    stage = inputs.kubevirt_settings.get(ROLLOUT_STRATEGY) != "LiveUpdate"
    admitted_live = stage and not after.live_update and after.capabilities.guest_above_limit
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        f"{inputs.target} is above the VM's memory limit {limit}; KubeVirt's webhook denies the "
        "change",
        "also raise resources.limits.memory"
        + (", or use the rollout strategy LiveUpdate" if admitted_live else ""),
    )


def whole_pages(inputs: VMInputs) -> Finding | None:
    """Block a size that is not a multiple of the VM's huge page size, even if the VM is stopped.

    KubeVirt checks the memory requests. If the VM sets none, KubeVirt checks the guest size or,
    without a guest size, the limits.

    Source: v1.9.0 vmi-create-admitter.go:1067-1096.
    """
    constraints = inputs.vm.constraints
    if not constraints.hugepages or constraints.requests is not None:
        return None
    try:
        page = MemoryQuantity.parse(constraints.hugepages)
    except QuantityError:
        return None
    target = inputs.target
    if not page.n_bytes or (target.n_bytes >= page.n_bytes and not target.n_bytes % page.n_bytes):
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        f"{target} is not a multiple of the VM's page size {page}; KubeVirt's webhook denies the "
        "change",
        "set memory.guest to a multiple of the page size",
    )


ADMISSION: tuple[StoredRule, ...] = (
    switch_denied,
    memory_from_instancetype,
    foreign_architecture,
    denied_by_version,
    own_max_guest,
    whole_pages,
    above_limit,
)
