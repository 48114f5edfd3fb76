"""Checks whether the LimitRanges in a namespace allow the target pod of a migration.

A LimitRange sets default limits, which do not grow with the VM, and bounds for the requests and
limits of a container and of a pod: a minimum, a maximum, and the largest ratio of limit to
request. KubeVirt retries a rejected pod without a time-out. The rejection by a LimitRange is
derived from the code of Kubernetes, and not observed. Only the container that runs the guest is
checked, because the other containers do not change with the size of the VM.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go (minConstraint,
maxConstraint, limitRequestRatioConstraint).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MIB
from reconciler.plan.capacity.fit import pod_for, pod_in_flight
from reconciler.plan.finding import Finding, blocked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.live.capacity import Capacity, Launcher, LimitBound, LimitRange
    from reconciler.plan.behaviour.target_pod import TargetPod
    from reconciler.plan.vm.rules.vm_inputs import RunningVM

MEMORY, CPU = "memory", "cpu"
_HINT = "change the LimitRange, or set limits.memory of the VM"


class _Amounts(NamedTuple):
    """The request and the limit of a container or pod for one resource; 0 for no limit."""

    subject: str
    request: int
    limit: int


def limit_range_allows(running: RunningVM) -> Finding | None:
    """Block a change if a LimitRange would reject its target pod."""
    capacity = running.capacity
    if capacity is None or not capacity.limit_ranges.get(running.vm.ref.namespace):
        return None
    pod = pod_for(capacity, running.rendering, running.vmi, running.target)
    rejected = _rejected(running, capacity, pod)
    return blocked(Reason.LIMIT_RANGE_WOULD_REFUSE, rejected, _HINT) if rejected else None


def limit_range_in_flight(running: RunningVM) -> Finding | None:
    """Block a change in progress if a LimitRange rejects its target pod, which does not exist yet.

    KubeVirt shows a rejected pod only in an event of the VM instance, which is not read.
    """
    capacity = running.capacity
    pod = pod_in_flight(capacity, running.rendering, running.vmi)
    if capacity is None or pod is None or len(capacity.launchers.get(running.vmi.uid, ())) > 1:
        return None
    rejected = _rejected(running, capacity, pod)
    return blocked(Reason.LIMIT_RANGE_REFUSED, rejected, _HINT) if rejected else None


def _rejected(running: RunningVM, capacity: Capacity, pod: TargetPod) -> str:
    """Describe a LimitRange that rejects the target pod, or return an empty string."""
    namespace = running.vm.ref.namespace
    pods = capacity.launchers.get(running.vmi.uid, ())
    source = next((each for each in pods if each.node == running.vmi.node), None)
    if source is None or not source.guest_request:
        return ""
    for each in capacity.limit_ranges.get(namespace, ()):
        for problem in _problems(each, source, pod):
            where = f"the LimitRange {each.name} of the namespace {namespace}"
            return f"{where} rejects the target pod: {problem}"
    return ""


def _problems(found: LimitRange, source: Launcher, pod: TargetPod) -> Iterator[str]:
    """Yield each violation of a LimitRange by a target pod."""
    request = source.guest_request + pod.request - source.requests.memory
    limit = source.guest_limit or found.default
    if source.guest_limit and pod.limit is not None:
        limit += pod.limit - source.limit
    if limit and found.default and request > limit:
        shown = _shown(MEMORY, limit), _shown(MEMORY, request)
        yield f"its default memory limit is {shown[0]}, but the pod requests {shown[1]}"
    guest = "the container that runs the guest"
    amounts = {
        ("Container", MEMORY): _Amounts(guest, request, limit),
        ("Container", CPU): _Amounts(
            guest, source.guest_cpu_request, source.guest_cpu_limit or found.default_cpu
        ),
        ("Pod", MEMORY): _Amounts("the pod", pod.request, pod.limit or source.limit),
        ("Pod", CPU): _Amounts("the pod", pod.others.get(CPU, 0), pod.cpu_limit),
    }
    for bound in found.bounds:
        yield from _violations(bound, amounts[bound.kind, bound.resource])


def _violations(bound: LimitBound, has: _Amounts) -> Iterator[str]:
    """Yield each violation of a LimitRange's bound by a container or pod."""
    if not has.request:
        return
    noun, name = bound.kind.lower(), bound.resource
    largest = max(has.request, has.limit)
    if bound.maximum and largest > bound.maximum:
        yield (
            f"a {noun} can have at most {_shown(name, bound.maximum)}, but {has.subject} needs "
            f"{_shown(name, largest)}"
        )
    least = min(has.request, has.limit or has.request)
    if least < bound.minimum:
        yield (
            f"a {noun} must have at least {_shown(name, bound.minimum)}, but {has.subject} has "
            f"{_shown(name, least)}"
        )
    if bound.ratio and not has.limit:
        yield f"a {noun} must have a {name} limit, but {has.subject} has none"
    if has.limit * 1000 > bound.ratio * has.request > 0:
        yield (
            f"the {name} limit of a {noun} can be at most {bound.ratio / 1000:g} times its "
            f"request, but {has.subject} requests {_shown(name, has.request)} with a limit of "
            f"{_shown(name, has.limit)}"
        )


def _shown(resource: str, amount: int) -> str:
    return f"{amount / 1000:g} CPUs" if resource == CPU else f"{-(-amount // MIB)}Mi"
