"""Describes the simulated operators that manage the KubeVirt CR: HyperConverged, Harvester."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.simulator.kubevirt.owners.hyperconverged_spec import Release
from reconciler.simulator.store.history import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSpec:
    """A tool that resets fields of an object after each change, such as Argo CD."""

    manager: str
    after_s: float
    patch: Mapping[str, Any]
    """The fields to reset, as a JSON merge patch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSpec:
    """A tool that resets fields of one object after each change, such as Flux for VMs."""

    key: Key
    rewrite: RewriteSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopilotSpec:
    """The fields of HyperConverged that virt-platform-autopilot applies every five minutes."""

    fields: Mapping[str, Any]
    after_s: float = 0.0
    """The simulated second at which the autopilot first applies the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperConvergedSpec:
    """The HyperConverged object that manages the KubeVirt CR, and the operator's faults."""

    release: Release
    spec: Mapping[str, Any]
    """The spec in the API version of the release, including the defaults of the release."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    serves_v1beta1: bool = True
    """Whether the server serves v1beta1 beside v1, as all releases with v1 do."""
    manager: str = "kubectl-create"
    """The field manager that created the HyperConverged object."""
    unavailable: str = ""
    """The component, other than KubeVirt, that is unavailable, or an empty string."""
    down: bool = False
    """Whether the operator is down when the simulation starts."""
    back_s: float | None = None
    """The simulated second at which the operator starts to run, or None if it stays down."""
    rewrite: RewriteSpec | None = None
    autopilot: AutopilotSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvesterSpec:
    """A Harvester cluster, whose chart and Setting determine the KubeVirt CR."""

    ratio: str = ""
    """The value of the Setting max-hotplug-ratio, or an empty string for its default."""
    setting: bool = True
    """Whether the Setting max-hotplug-ratio exists, as in Harvester since v1.6."""
    down: bool = False
    """Whether Harvester's controllers are down, including the one that raises quotas."""
    rewrite: RewriteSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSpecs:
    """The operators that manage the KubeVirt CR of a simulated cluster."""

    hyperconverged: HyperConvergedSpec | None
    harvester: HarvesterSpec | None
    namespace: str
    """The namespace of the KubeVirt CR."""
    kubevirt_spec: Mapping[str, Any]
    """The spec of the KubeVirt CR when the simulation starts."""
    writers: tuple[WriterSpec, ...] = ()
    deckhouse: bool = False
    """Whether the cluster runs Deckhouse's fork of KubeVirt."""
