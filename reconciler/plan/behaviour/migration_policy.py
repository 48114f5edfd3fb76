"""Selects the MigrationPolicy and the bandwidth limit that apply to a VM instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.live.live_migration import LiveMigrationPolicy
    from reconciler.model.live.live_state import LiveState, LiveVMI


def bandwidth(vmi: LiveVMI, live: LiveState, default: int) -> int:
    """Return the bandwidth limit of a VMI's migration in bytes per second; 0 for no limit.

    If no MigrationPolicy sets a limit for the VMI, the result is *default*, the KubeVirt CR's
    ``bandwidthPerMigration``.
    """
    policy = matching(vmi, live)
    return policy.bandwidth.n_bytes if policy and policy.bandwidth else default


def matching(vmi: LiveVMI, live: LiveState) -> LiveMigrationPolicy | None:
    """Return the MigrationPolicy that KubeVirt applies to a VMI, or None if no policy matches.

    Every label in both selectors must match. KubeVirt prefers the policy whose selectors have the
    most labels, then the policy that selects the most labels of the VMI, then the first by name.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migrationpolicy.go:44-146.
    """
    namespace = live.namespace_labels.get(vmi.ref.namespace, {})
    found = [
        each
        for each in live.migration_policies
        if _holds(each.vmi_labels, vmi.labels) and _holds(each.namespace_labels, namespace)
    ]
    return min(found, key=_rank, default=None)


def _rank(policy: LiveMigrationPolicy) -> tuple[int, int, str]:
    own = len(policy.vmi_labels)
    return (-own - len(policy.namespace_labels), -own, policy.name)


def _holds(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
