"""Finds the MigrationPolicy for a VMI, and computes the settings of its migrations.

A policy can set only allowAutoConverge, allowPostCopy, allowWorkloadDisruption,
bandwidthPerMigration, completionTimeoutPerGiB and maxDowntimeMs.

Source: v1.9.0 pkg/virt-controller/watch/migration/migrationpolicy.go:44-146,
staging/src/kubevirt.io/api/migrations/v1alpha1/types.go:43-64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import Json, dig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.simulator.kubevirt.versions import Behaviour

POLICIES: Final = "migrationpolicies.migrations.kubevirt.io"
NAMESPACES: Final = "namespaces"
_SETTINGS: Final = ("allowAutoConverge", "allowPostCopy", "completionTimeoutPerGiB")


def applied(policies: Iterable[Json], vmi: Json, namespace: Json | None) -> Json | None:
    """Returns the MigrationPolicy that applies to a VMI, or None if no policy matches.

    All labels of both selectors have to match. If several policies match, KubeVirt uses the one
    with the most labels, then the one with the most VMI labels, then the first by name.
    """
    of_vmi = dig(vmi, "metadata", "labels") or {}
    of_namespace = dig(namespace, "metadata", "labels") or {}
    best: tuple[tuple[int, int, str], Json] | None = None
    for policy in policies:
        selectors = dig(policy, "spec", "selectors")
        if selectors is None:
            continue
        asked = selectors.get("virtualMachineInstanceSelector") or {}
        around = selectors.get("namespaceSelector") or {}
        if not (asked.items() <= of_vmi.items() and around.items() <= of_namespace.items()):
            continue
        place = (-len(asked) - len(around), -len(asked), policy["metadata"]["name"])
        if best is None or place < best[0]:
            best = (place, policy)
    return None if best is None else best[1]


def settings(base: Mapping[str, object], policy: Json | None, behaviour: Behaviour) -> Json:
    """Computes a migration's settings: those in the KubeVirt CR, overridden by the policy.

    Args:
        base: The CR's `spec.configuration.migrations`, with its defaults.
        policy: The MigrationPolicy that applies to the migration, or None.
        behaviour: The behaviour of the KubeVirt version. KubeVirt added allowWorkloadDisruption in
            v1.5 and maxDowntimeMs in v1.9.
    """
    spec = dig(policy, "spec") or {}
    made = dict(base)
    known = [*_SETTINGS]
    if behaviour.workload_disruption:
        # A policy that sets only allowPostCopy also sets allowWorkloadDisruption.
        if spec.get("allowPostCopy") is not None:
            made["allowWorkloadDisruption"] = spec["allowPostCopy"]
        known.append("allowWorkloadDisruption")
    if "maxDowntimeMs" in base:
        known.append("maxDowntimeMs")
    made.update({name: spec[name] for name in known if spec.get(name) is not None})
    if (bandwidth := spec.get("bandwidthPerMigration")) is not None:
        made["bandwidthPerMigration"] = quantity.canonical(bandwidth)
    return made
