"""HyperConvergedSpec and HarvesterSpec: the owners of the KubeVirt CR, with their faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.simulator.kubevirt.owners.hyperconverged_spec import Release
from reconciler.simulator.store.history import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSpec:
    """Another tool that writes fields of the owner's object back after each change."""

    manager: str
    after_s: float
    patch: Mapping[str, Any]
    """A merge patch of the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSpec:
    """A tool that writes fields of any object back, such as Flux for the VMs of a release."""

    key: Key
    rewrite: RewriteSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperConvergedSpec:
    """The HyperConverged that owns the KubeVirt CR, and the faults of its operator."""

    release: Release
    spec: Mapping[str, Any]
    """The spec in the API version of the release, with the release's defaults filled in."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    manager: str = "kubectl-create"
    """The field manager that wrote the object."""
    unavailable: str = ""
    """The component, other than KubeVirt, because of which Available is False."""
    down: bool = False
    """Whether the operator does not run when the simulation starts."""
    back_s: float | None = None
    """When the operator runs again, in seconds; None for never."""
    rewrite: RewriteSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvesterSpec:
    """A Harvester cluster, whose chart and Setting write the KubeVirt CR."""

    ratio: str = ""
    """The value of the Setting max-hotplug-ratio; empty for its default."""
    setting: bool = True
    """Whether the Setting exists, as since v1.6."""
    down: bool = False
    """Whether Harvester's controllers do not run, so that no quota is raised either."""
    rewrite: RewriteSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSpecs:
    """The owners of the KubeVirt CR of a simulated cluster."""

    hyperconverged: HyperConvergedSpec | None
    harvester: HarvesterSpec | None
    namespace: str
    """The namespace of the KubeVirt CR."""
    kubevirt_spec: Mapping[str, Any]
    """The spec of the KubeVirt CR when the simulation starts."""
    writers: tuple[WriterSpec, ...] = ()
