"""Orders VM changes: canaries first, then each batch, then all other VMs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import ObjectRef
    from reconciler.plan.plan_policy import PlanPolicy

CANARY = 0
"""The position (rank) of canaries in the order of changes; the first batch has rank 1."""


def labels_of(ref: ObjectRef, desired: DesiredState, live: LiveState) -> Mapping[str, str]:
    """Return a VM's labels from the cluster and from Git; labels from Git have precedence."""
    vm, wanted = live.vms.get(ref), desired.vms.get(ref)
    return {**(vm.labels if vm else {}), **(wanted.labels if wanted else {})}


def ranks(
    refs: Iterable[ObjectRef], desired: DesiredState, live: LiveState, policy: PlanPolicy
) -> Mapping[ObjectRef, int]:
    """Return each VM's position in the order: canaries, then the batches, then all other VMs."""
    return {ref: _rank(labels_of(ref, desired, live), policy) for ref in refs}


def _rank(labels: Mapping[str, str], policy: PlanPolicy) -> int:
    if policy.canary is not None and policy.canary.selector.matches(labels):
        return CANARY
    for n, selector in enumerate(policy.batches, CANARY + 1):
        if selector.matches(labels):
            return n
    return CANARY + 1 + len(policy.batches)


def named(rank: int, policy: PlanPolicy) -> str:
    """Return the name of a group of VMs that change together, such as ``the canaries``."""
    if rank == CANARY:
        return "the canaries"
    n = rank - CANARY
    return f"batch {n} ({policy.batches[n - 1]})" if n <= len(policy.batches) else "the rest"


def groups_of(
    ref: ObjectRef, desired: DesiredState, live: LiveState, keys: tuple[str, ...]
) -> frozenset[tuple[str, str, str]]:
    """Return a VM's anti-affinity groups, each as namespace, label key and label value."""
    if not keys:
        return frozenset()
    labels = labels_of(ref, desired, live)
    return frozenset((ref.namespace or "", key, labels[key]) for key in keys if key in labels)


def soak_digest(canaries: Mapping[ObjectRef, str]) -> str:
    """Return a ``sha256:…`` digest of the canaries and their sizes, independent of their order."""
    rows = sorted([ref.namespace or "", ref.name, wanted] for ref, wanted in canaries.items())
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
