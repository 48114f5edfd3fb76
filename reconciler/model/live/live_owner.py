"""``LiveOwner``: an object from which an operator, such as HCO, generates the KubeVirt CR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.live.conditions import Conditions
from reconciler.model.references import FieldPath, ObjectRef, Uid

HARVESTER_GROUP = "harvesterhci.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOwner:
    """A HyperConverged object, or Harvester's Setting ``max-hotplug-ratio``, in the cluster."""

    ref: ObjectRef
    version: str
    """The API version in which the object was read; it determines the field paths of settings."""
    uid: Uid
    generation: int = 0
    observed_generation: int | None = None
    """``status.observedGeneration``; None if the operator does not report it."""
    release: str = ""
    """The operator's version, such as ``1.18.0``; empty if the object does not contain it."""
    conditions: Conditions = field(default_factory=dict)
    spellings: Mapping[FieldPath, object] = field(default_factory=dict)
    """The settings in the object, by field path, in the API server's notation."""
    containers: frozenset[FieldPath] = frozenset()
    """The paths of existing parent objects of settings; a patch must add missing parents."""
    managers: Mapping[FieldPath, str] = field(default_factory=dict)
    """The field manager of each setting, from ``metadata.managedFields``."""
    tracked_by: str = ""
    """The tool that applies the object's manifest, according to labels and annotations."""
    json_patch: str | None = None
    """HyperConverged's annotation ``kubevirt.kubevirt.io/jsonpatch``; None if it is not set."""
    json_patch_manager: str = ""
    """The field manager that last wrote this annotation; empty if no manager did."""
    annotated: bool = True
    """Whether ``metadata.annotations`` exists; if not, a patch must create it."""
    resource_version: str = field(default="", compare=False, metadata={"kept": False})
    """The resourceVersion, which a patch tests if no other test detects a concurrent write."""
    deleting: bool = False
