"""Autopilot: simulates virt-platform-autopilot, which applies HyperConverged again and again.

Source: openshift-virtualization/virt-platform-autopilot ff223018de docs/architecture.md
(server-side apply with force, requeue after five minutes, annotations that limit it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.patching import server_side_apply
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.object_fields import Json, dig
from reconciler.simulator.store import api_resources

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.owners.owner_specs import AutopilotSpec
    from reconciler.simulator.store.history import Key

MANAGER: Final = "virt-platform-autopilot"
INTERVAL_S: Final = 300.0
_PREFIX: Final = "platform.kubevirt.io"


class Autopilot:
    """Applies its own fields of the HyperConverged object with force, every five minutes."""

    def __init__(self, cluster: Cluster, key: Key, spec: AutopilotSpec) -> None:
        self._cluster, self._key, self._spec = cluster, key, spec
        cluster.engine.at(spec.after_s, self._run)

    def _run(self) -> None:
        self._cluster.store.mutate(self._key, self._apply)
        self._cluster.engine.at(INTERVAL_S, self._run)

    def _apply(self, stored: Json) -> None:
        annotations = dig(stored, "metadata", "annotations") or {}
        if (
            annotations.get(f"{_PREFIX}/autopilot") == "false"
            or annotations.get(f"{_PREFIX}/mode") == "unmanaged"
        ):
            return
        config = json_codec.copy(dict(self._spec.fields))
        for ignored in annotations.get(f"{_PREFIX}/ignore-fields", "").split(","):
            *parents, name = ignored.strip().split("/")[1:] or [""]
            parent = dig(config, *parents) if parents else config
            if isinstance(parent, dict):
                parent.pop(name, None)
        resource = api_resources.stored(self._key.resource)
        meta = {"name": self._key.name, "namespace": self._key.namespace}
        applied = server_side_apply.apply(
            stored,
            {
                **config,
                "apiVersion": resource.api_version,
                "kind": "HyperConverged",
                "metadata": meta,
            },
            resource=resource,
            manager=MANAGER,
            time=self._cluster.now(),
            force=True,
        )
        stored.clear()
        stored.update(applied.object)
