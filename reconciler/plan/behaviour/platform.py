"""``is_harvester``: recognises the platform that installs KubeVirt by the name of the CR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.live_owner import HARVESTER_GROUP

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState

HARVESTER_NAMESPACE = "harvester-system"
HARVESTER_NAME = "kubevirt"
"""The name of Harvester's KubeVirt CR. Source: harvester pkg/util/constants.go."""


def is_harvester(live: LiveState) -> bool:
    """Return whether Harvester installed the KubeVirt CR.

    If the API groups are unknown, the name of the CR decides.
    """
    ref = live.kubevirt.ref
    named = (ref.namespace, ref.name) == (HARVESTER_NAMESPACE, HARVESTER_NAME)
    return named and (HARVESTER_GROUP in live.api_groups or not live.api_groups)
