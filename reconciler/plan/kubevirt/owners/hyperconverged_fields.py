"""``HOMES``: the HyperConverged field for each setting of the KubeVirt CR, by API version.

Source: hyperconverged-cluster-operator api/v1beta1 and api/v1 hyperconverged_types.go,
controllers/handlers/kubevirt.go, of releases 1.10 to 1.19.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.fields import (
    KUBEVIRT_FIELDS,
    LIVE_UPDATE,
    MIGRATIONS,
    WORKLOAD_DISRUPTION,
    WORKLOAD_UPDATE,
)
from reconciler.model.references import FieldPath

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = ("v1", "v1beta1")
"""The API versions of HyperConverged, the preferred one first; their field paths differ."""

Release = tuple[int, int]
"""The major and minor version of HyperConverged's operator, such as ``(1, 18)``."""


@dataclass(frozen=True, slots=True)
class Home:
    """The HyperConverged field that contains one setting of the KubeVirt CR."""

    path: FieldPath
    since: Release
    """The first release of HyperConverged's operator that has the field."""


_PREFIXES: Mapping[str, FieldPath] = {
    "v1beta1": ("spec",),
    "v1": ("spec", "virtualization"),
}
_STRUCTS: tuple[tuple[FieldPath, str, Release], ...] = (
    (WORKLOAD_UPDATE, "workloadUpdateStrategy", (1, 10)),
    # HyperConverged pull request 3630 added these fields, with KubeVirt's structure.
    (LIVE_UPDATE, "liveUpdateConfiguration", (1, 16)),
    (MIGRATIONS, "liveMigrationConfig", (1, 10)),
)
_LATER: Mapping[FieldPath, Release] = {
    # HyperConverged pull request 4423 added these fields to both API versions.
    WORKLOAD_DISRUPTION: (1, 19),
}


def _homes(prefix: FieldPath) -> dict[FieldPath, Home]:
    return {
        managed.path: Home((*prefix, name, *managed.path[len(parent) :]), since)
        for managed in KUBEVIRT_FIELDS
        for parent, name, first in _STRUCTS
        if managed.path[: len(parent)] == parent
        for since in (_LATER.get(managed.path, first),)
    }


HOMES: Mapping[str, Mapping[FieldPath, Home]] = {
    version: _homes(prefix) for version, prefix in _PREFIXES.items()
}
"""The HyperConverged fields for fields of the KubeVirt CR, by API version.

``vmRolloutStrategy`` has no such field, because the strategy is always LiveUpdate since release
1.12. KubeVirt's feature gates have no such field, because HyperConverged's ``featureGates`` uses
other names.
"""
