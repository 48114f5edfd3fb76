"""Checks that the LimitRanges of the namespace allow the target pod of a change.

A LimitRange sets default limits, which do not grow with the VM, and the largest request and limit
of a container and of a pod. KubeVirt retries a rejected pod without a time-out. The rejection by a
LimitRange is read from the code of Kubernetes, and not recorded.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MIB
from reconciler.plan.capacity.fit import pod_for
from reconciler.plan.finding import Finding, blocked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.live.capacity import Launcher, LimitRange
    from reconciler.plan.behaviour.target_pod import TargetPod
    from reconciler.plan.vm.rules.vm_inputs import RunningVM


def limit_range_allows(running: RunningVM) -> Finding | None:
    """Block a change whose target pod a LimitRange rejects."""
    capacity = running.capacity
    if capacity is None:
        return None
    namespace = running.vm.ref.namespace
    ranges = capacity.limit_ranges.get(namespace, ())
    pods = capacity.launchers.get(running.vmi.uid, ())
    source = next((each for each in pods if each.node == running.vmi.node), None)
    if not ranges or source is None or not source.guest_request:
        return None
    pod = pod_for(capacity, running.rendering, running.vmi, running.target)
    for each in ranges:
        for problem in _problems(each, source, pod):
            return blocked(
                Reason.LIMIT_RANGE_WOULD_REFUSE,
                f"the LimitRange {each.name} of namespace {namespace} rejects the target pod: "
                f"{problem}",
                "raise the LimitRange, or set limits.memory of the VM",
            )
    return None


def _problems(found: LimitRange, source: Launcher, pod: TargetPod) -> Iterator[str]:
    """Yield each violation of a LimitRange by a target pod."""
    request = source.guest_request + pod.request - source.requests.memory
    limit = source.guest_limit or found.default
    if source.guest_limit and pod.limit is not None:
        limit += pod.limit - source.limit
    if limit and found.default and request > limit:
        yield f"its default limit is {_shown(limit)}, and the pod requests {_shown(request)}"
    largest = max(request, limit)
    if found.container_max and largest > found.container_max:
        yield (
            f"a container may have {_shown(found.container_max)}, and the container of the guest "
            f"needs {_shown(largest)}"
        )
    whole = max(pod.request, pod.limit or 0)
    if found.pod_max and whole > found.pod_max:
        yield f"a pod may have {_shown(found.pod_max)}, and the pod needs {_shown(whole)}"


def _shown(n_bytes: int) -> str:
    return f"{-(-n_bytes // MIB)}Mi"
