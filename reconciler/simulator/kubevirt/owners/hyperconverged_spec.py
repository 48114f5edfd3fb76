"""Builds the KubeVirt spec that a release of the HyperConverged operator writes.

The list of feature gates is shortened.

Source: hyperconverged-cluster-operator controllers/handlers/kubevirt.go and api/ of the releases
1.10 to 1.19.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.patching import json_patch
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.object_fields import Json, dig, section

if TYPE_CHECKING:
    from collections.abc import Mapping

PATCH_ANNOTATION: Final = "kubevirt.kubevirt.io/jsonpatch"
_GATES: Final = ("CPUManager", "Snapshot", "ExpandDisks", "HostDevices", "VMExport")
_LIVE_UPDATE_GATE: Final = "VMLiveUpdateFeatures"
_MIGRATION_FIELDS: Final = (
    "allowAutoConverge",
    "allowPostCopy",
    "bandwidthPerMigration",
    "completionTimeoutPerGiB",
    "network",
    "parallelMigrationsPerCluster",
    "parallelOutboundMigrationsPerNode",
    "progressTimeout",
)


class InvalidAnnotationError(ValueError):
    """Raised if the JSON Patch annotation of a HyperConverged object cannot be applied.

    The message says why.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """How a release of the HyperConverged operator writes the KubeVirt CR."""

    name: str
    api_version: str
    """The API version in which the simulator stores the HyperConverged object."""
    live_update: bool
    """Whether the operator always sets vmRolloutStrategy to LiveUpdate."""
    live_update_gate: bool
    live_update_configuration: bool
    workload_disruption: bool
    completion_timeout: int
    """The default time within which a migration must end, in seconds per GiB of memory."""
    outbound: int
    """The default maximum number of parallel migrations from one node."""


def release(name: str) -> Release:
    """Returns a release of the HyperConverged operator by its version, such as `1.18`.

    Raises:
        ValueError: The version is not one of the releases 1.10 to 1.19.
    """
    parts = name.split(".")
    if len(parts) not in {2, 3} or not all(part.isdigit() for part in parts):
        raise ValueError("is not a version such as 1.18 or 1.18.1")
    major, minor = int(parts[0]), int(parts[1])
    if major != 1 or not 10 <= minor <= 19:  # noqa: PLR2004  # the releases that are known
        raise ValueError("is not one of the releases 1.10 to 1.19")
    completion = 800 if minor < 14 else 150 if minor < 19 else 20  # noqa: PLR2004
    return Release(
        name=name if len(parts) == 3 else f"{name}.0",  # noqa: PLR2004  # major.minor.patch
        api_version="v1" if minor >= 18 else "v1beta1",  # noqa: PLR2004
        live_update=minor >= 12,  # noqa: PLR2004
        live_update_gate=12 <= minor <= 14,  # noqa: PLR2004
        live_update_configuration=minor >= 16,  # noqa: PLR2004
        workload_disruption=minor >= 19,  # noqa: PLR2004
        completion_timeout=completion,
        outbound=1 if minor >= 19 else 2,  # noqa: PLR2004
    )


def release_of(kubevirt_version: str) -> str:
    """Returns the HyperConverged release that ships a KubeVirt version, or the nearest release."""
    minor = int(kubevirt_version.removeprefix("v").split(".")[1])
    return f"1.{min(max(minor + 10, 10), 19)}"


def with_defaults(spec: Mapping[str, object], chosen: Release) -> Json:
    """Adds the default values of an operator release to a HyperConverged spec."""
    filled: Json = json_codec.copy(dict(spec))
    parent = section(filled, "virtualization") if chosen.api_version == "v1" else filled
    migrations = section(parent, "liveMigrationConfig")
    for name, value in (
        ("allowAutoConverge", False),
        ("allowPostCopy", False),
        ("completionTimeoutPerGiB", chosen.completion_timeout),
        ("parallelMigrationsPerCluster", 5),
        ("parallelOutboundMigrationsPerNode", chosen.outbound),
        ("progressTimeout", 150),
    ):
        migrations.setdefault(name, value)
    if chosen.workload_disruption:
        migrations.setdefault("allowWorkloadDisruption", False)
    strategy = section(parent, "workloadUpdateStrategy")
    for name, default in (
        ("workloadUpdateMethods", ["LiveMigrate"]),
        ("batchEvictionSize", 10),
        ("batchEvictionInterval", "1m0s"),
    ):
        strategy.setdefault(name, default)
    return filled


def kubevirt_spec(
    spec: Mapping[str, object], annotations: Mapping[str, str], chosen: Release
) -> Json:
    """Builds the KubeVirt spec that an operator release derives from a HyperConverged spec.

    Raises:
        InvalidAnnotationError: The JSON Patch in the annotation cannot be applied.
    """
    root = dict(spec)
    own = dig(root, "virtualization") or {} if chosen.api_version == "v1" else root
    gates = [*_GATES, *((_LIVE_UPDATE_GATE,) if chosen.live_update_gate else ())]
    overcommit = dig(own, "higherWorkloadDensity", "memoryOvercommitPercentage")
    developer: Json = {"featureGates": gates}
    if overcommit is not None:
        developer["memoryOvercommit"] = overcommit
    wanted = dig(own, "liveMigrationConfig") or {}
    names = list(_MIGRATION_FIELDS)
    if chosen.workload_disruption:
        names.append("allowWorkloadDisruption")
    configuration: Json = {
        "developerConfiguration": developer,
        "migrations": {name: wanted[name] for name in sorted(names) if name in wanted},
    }
    if chosen.live_update:
        configuration["vmRolloutStrategy"] = "LiveUpdate"
    live_update = dig(own, "liveUpdateConfiguration")
    if chosen.live_update_configuration and live_update:
        configuration["liveUpdateConfiguration"] = live_update
    made: Json = {"configuration": configuration}
    if strategy := dig(own, "workloadUpdateStrategy"):
        made["workloadUpdateStrategy"] = strategy
    copied: Json = json_codec.copy(made)
    return _patched(copied, annotations.get(PATCH_ANNOTATION))


def _patched(spec: Json, text: str | None) -> Json:
    """Applies the JSON Patch annotation, whose paths must all start with `/spec/`."""
    if text is None:
        return spec
    try:
        operations = json_patch.parse(text.encode())
        outside = [each for each in operations if not str(each.get("path")).startswith("/spec/")]
        if outside:
            raise InvalidAnnotationError(
                f"can only modify spec fields; got {json.dumps(outside[0].get('path'))}"
            )
        found: Json = json_patch.apply(operations, {"spec": spec})["spec"]
    except (json_patch.DecodeError, json_patch.NotApplicableError) as error:
        raise InvalidAnnotationError(str(error)) from error
    return found
