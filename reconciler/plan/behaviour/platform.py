"""``is_harvester``: checks whether Harvester installed KubeVirt, by the KubeVirt CR's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.live_owner import HARVESTER_GROUP

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState

HARVESTER_NAMESPACE = "harvester-system"
HARVESTER_NAME = "kubevirt"
"""The name of Harvester's KubeVirt CR. Source: harvester pkg/util/constants.go."""
DECKHOUSE_NAMESPACE = "d8-virtualization"
"""The namespace of Deckhouse's KubeVirt CR. Source: templates/kubevirt/kubevirt.yaml."""
HARVESTER_UPGRADE = (
    "an upgrade to Harvester v1.8 or newer empties workloadUpdateMethods, and at its end "
    "restores the list from the annotation harvesterhci.io/kubevirt-workload-update-methods of "
    "the Upgrade; run `kubectl get upgrades.harvesterhci.io -n harvester-system` to see whether "
    "an upgrade is running"
)
"""Explains why Harvester's KubeVirt CR can have no workload update methods for some time.

This program does not read Harvester's Upgrade object, to avoid a further permission.

Source: harvester PRs 10386, 10675 and 10944; harvester/docs docs/upgrade/v1-5-x-to-v1-6-x.md,
known issue 10.
"""


def is_harvester(live: LiveState) -> bool:
    """Return whether Harvester installed the KubeVirt CR.

    If the API groups are unknown, the name of the CR decides.
    """
    ref = live.kubevirt.ref
    named = (ref.namespace, ref.name) == (HARVESTER_NAMESPACE, HARVESTER_NAME)
    return named and (HARVESTER_GROUP in live.api_groups or not live.api_groups)
