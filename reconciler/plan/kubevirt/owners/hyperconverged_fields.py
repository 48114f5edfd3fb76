"""``HOMES``: the HyperConverged field for each setting of the KubeVirt CR, by API version.

``HYPERCONVERGED_OBJECT`` describes which fields of a HyperConverged object are read.

Source: hyperconverged-cluster-operator api/v1beta1 and api/v1 hyperconverged_types.go,
controllers/handlers/kubevirt.go, of releases 1.10 to 1.19.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.fields import (
    FIELD_BY_PATH,
    KUBEVIRT_FIELDS,
    LIVE_UPDATE,
    MIGRATIONS,
    WORKLOAD_DISRUPTION,
    WORKLOAD_UPDATE,
)
from reconciler.model.references import HYPERCONVERGED, HYPERCONVERGED_GROUP, FieldPath
from reconciler.plan.kubevirt.owners.json_patch_annotation import ANNOTATION
from reconciler.plan.kubevirt.owners.owner_object import OwnerObject

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = ("v1", "v1beta1")
"""The API versions of HyperConverged, the preferred one first; their field paths differ."""

AUTOPILOT = "virt-platform-autopilot"
"""A field manager that overwrites the HyperConverged object about every five minutes.

Source: openshift-virtualization/virt-platform-autopilot ff223018de (2026-08-21).
"""

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

HYPERCONVERGED_OBJECT = OwnerObject(
    group=HYPERCONVERGED_GROUP,
    kind=HYPERCONVERGED,
    plural="hyperconvergeds",
    fields={
        version: {home.path: FIELD_BY_PATH[path].type for path, home in HOMES[version].items()}
        for version in VERSIONS
    },
    annotation=ANNOTATION,
    forced_manager=AUTOPILOT,
)
