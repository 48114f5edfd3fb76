"""What a hotplug does to the requests and limits of a VM that requests less than its guest has.

virt-controller raises requests by what the guest grows, and lifts them to the guest's size where
they stay below it; limits then stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.finding import Finding, blocked

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVMI
    from reconciler.plan.vm.rules.situation import RunningRule, RunningVM, Situation


def limits_overcommit(running: RunningVM) -> Finding | None:
    """Requests that are lifted above a limit which stays: the target pod cannot be created.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3547; inference that the API
    server refuses the pod. Recorded limits-memory-below: with requests as large as the guest both
    grow, and it is live.
    """
    limits = running.vmi.constraints.limits
    if limits is None or running.vmi.guest == running.target or not _lifted(running.vmi):
        return None
    if running.target.n_bytes <= limits.n_bytes:
        return None
    return blocked(
        Reason.LIMITS_OVERCOMMIT,
        f"the instance requests {running.vmi.constraints.requests}, less than the guest's "
        f"{running.vmi.guest_current}: KubeVirt would lift that to {running.target} and leave the "
        f"limit at {limits}, and no pod may request more than its limit",
        f"restart the VM with requests.memory not below memory.guest, or with limits.memory of "
        f"{running.target} or more",
    )


def limit_stays(running: RunningVM) -> Finding | None:
    """Without requests nothing follows the guest: it would outgrow its pod's memory limit.

    The pod is made from the limit where the instance has no requests, and both stay as they are.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522 (from v1.7 on an instance has
    requests only if its VM names them); pkg/virt-controller/services/renderresources.go:220-317;
    inference that the kernel ends the guest once it uses more than the limit, or that the plug is
    refused again and again.
    """
    constraints = running.vmi.constraints
    limits = constraints.limits
    if limits is None or constraints.requests is not None:
        return None
    if running.vmi.guest == running.target or running.target.n_bytes <= limits.n_bytes:
        return None
    return blocked(
        Reason.LIMITS_OVERCOMMIT,
        f"the instance has a memory limit of {limits} and no requests, so KubeVirt leaves the "
        f"limit at {limits}, which a guest of {running.target} does not fit into",
        f"restart the VM with limits.memory of {running.target} or more, or with requests.memory "
        "not below memory.guest",
    )


def overhead_left_out(running: RunningVM) -> Finding | None:
    """A pod that does not ask for the launcher's overhead is too small for every plug.

    On the target the pod's request is compared with the overhead and the instance's requests
    together; without requests the overhead alone is asked for, which every pod holds.

    Source: kubevirt v1.9.0 pkg/virt-handler/migration-target.go:1152-1208,
    pkg/hypervisor/kvm/hypervisorbackend.go:37-178 (overcommitGuestOverhead); the loop of
    migrations that succeed is inference.
    """
    constraints = running.vmi.constraints
    if not constraints.overhead_left_out or constraints.requests is None:
        return None
    if running.vmi.guest == running.target:
        return None
    return blocked(
        Reason.OVERHEAD_OVERCOMMIT,
        "the VM has overcommitGuestOverhead and requests: its pod asks for less than the plug "
        "needs, so that one migration would follow another without effect",
        "restart the VM without overcommitGuestOverhead, or without requests.memory from v1.7 on",
    )


def warnings(situation: Situation, finding: Finding) -> tuple[str, ...]:
    """That a live change ends the VM's overcommit.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3539. Up to v1.6 requests come
    from the cluster's memoryOvercommit, too; from v1.7 only from the VM or its instancetype.
    """
    vmi, target = situation.vmi, situation.target
    if finding.effect is not Effect.LIVE or vmi is None or vmi.guest == target:
        return ()
    if not _lifted(vmi):
        return ()
    return (
        (
            f"the instance requests {vmi.constraints.requests} for the guest's "
            f"{vmi.guest_current}; the change lifts that to {target}, so its overcommit is lost"
        ),
    )


def _lifted(vmi: LiveVMI) -> bool:
    requests, current = vmi.constraints.requests, vmi.guest_current
    return requests is not None and current is not None and requests.n_bytes < current.n_bytes


OVERCOMMIT: tuple[RunningRule, ...] = (limits_overcommit, limit_stays, overhead_left_out)
