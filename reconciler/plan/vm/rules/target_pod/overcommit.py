"""Blocks memory hotplug into VMs with overcommitted memory if a memory limit prevents it.

virt-controller raises the memory request by the growth of the guest. If the request is then still
below the guest's size, virt-controller sets the request to that size and leaves the limit
unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.finding import Finding, blocked

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVMI
    from reconciler.plan.vm.rules.vm_inputs import RunningRule, RunningVM, VMInputs


def limits_overcommit(running: RunningVM) -> Finding | None:
    """Block a size above a memory limit that KubeVirt does not raise.

    If the VM requests less than the guest's size, KubeVirt raises only the request, and the API
    server rejects a pod that requests more than its limit. If the VM has no request, KubeVirt
    changes neither request nor limit, and the limit determines the size of the pod.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3547 (from v1.7 on an
    instance has requests only if its VM sets them),
    pkg/virt-controller/services/renderresources.go:220-317; that the API server rejects
    the pod is inferred, and so is that the kernel kills a guest that uses more than the limit.
    Observed in the scenario limits-memory-below: if the request is as large as the guest, request
    and limit grow, and the change is live.
    """
    limits, requests = running.vmi.constraints.limits, running.vmi.constraints.requests
    if limits is None or running.vmi.guest == running.target:
        return None
    if running.target.n_bytes <= limits.n_bytes:
        return None
    if requests is None:
        return blocked(
            Reason.LIMITS_OVERCOMMIT,
            f"the VM's instance has a memory limit of {limits} and no memory request, so KubeVirt "
            f"leaves the limit at {limits}, which is too small for a guest of {running.target}",
            f"restart the VM with limits.memory of {running.target} or more, or with "
            "requests.memory of at least memory.guest",
        )
    if not _requests_less(running.vmi):
        return None
    return blocked(
        Reason.LIMITS_OVERCOMMIT,
        f"the VM's instance requests {requests}, less than the guest's "
        f"{running.vmi.guest_current}. KubeVirt would raise the request to {running.target} and "
        f"leave the limit at {limits}, but a pod cannot request more than its limit",
        f"restart the VM with requests.memory of at least memory.guest, or with limits.memory of "
        f"{running.target} or more",
    )


def overhead_left_out(running: RunningVM) -> Finding | None:
    """Block memory hotplug into a VM whose pod does not request the launcher's memory overhead.

    virt-handler compares the pod's request with the overhead plus the instance's requests. For an
    instance without requests, it compares only the overhead, which every pod requests.

    Source: kubevirt v1.9.0 pkg/virt-handler/migration-target.go:1152-1208,
    pkg/hypervisor/kvm/hypervisorbackend.go:37-178 (overcommitGuestOverhead); the endless
    sequence of successful migrations is an inference.
    """
    constraints = running.vmi.constraints
    if not constraints.overhead_left_out or constraints.requests is None:
        return None
    if running.vmi.guest == running.target:
        return None
    return blocked(
        Reason.OVERHEAD_OVERCOMMIT,
        "the VM sets overcommitGuestOverhead and a memory request, so its pod requests less than "
        "a hotplug needs; KubeVirt would migrate the VM repeatedly without effect",
        "restart the VM without overcommitGuestOverhead, or (from KubeVirt v1.7 on) without "
        "requests.memory",
    )


def warnings(inputs: VMInputs, finding: Finding) -> tuple[str, ...]:
    """Return a warning that a live change ends the VM's memory overcommit.

    Up to KubeVirt v1.6, an instance's request can come from the cluster's ``memoryOvercommit``;
    from v1.7 on, the request comes only from the VM or its instancetype.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3539.
    """
    vmi, target = inputs.vmi, inputs.target
    if finding.effect is not Effect.LIVE or vmi is None or vmi.guest == target:
        return ()
    if not _requests_less(vmi):
        return ()
    return (
        (
            f"the VM is overcommitted: its instance requests {vmi.constraints.requests}, less "
            f"than the guest's {vmi.guest_current}; this change raises the request to {target} "
            "and so ends the overcommit"
        ),
    )


def _requests_less(vmi: LiveVMI) -> bool:
    requests, current = vmi.constraints.requests, vmi.guest_current
    return requests is not None and current is not None and requests.n_bytes < current.n_bytes


OVERCOMMIT: tuple[RunningRule, ...] = (limits_overcommit, overhead_left_out)
