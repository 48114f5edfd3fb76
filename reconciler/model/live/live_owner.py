"""``LiveOwner``: an object from which another operator writes settings of the KubeVirt CR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.live.conditions import Conditions
from reconciler.model.references import FieldPath, ObjectRef, Uid

HARVESTER_SETTING = "Setting"
HARVESTER_GROUP = "harvesterhci.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOwner:
    """A HyperConverged, or Harvester's Setting ``max-hotplug-ratio``, in the cluster."""

    ref: ObjectRef
    version: str
    """The API version in which the object was read; the paths of settings depend on it."""
    uid: Uid
    generation: int = 0
    observed_generation: int | None = None
    """``status.observedGeneration``; None if the operator does not report it."""
    release: str = ""
    """The version of the operator, such as ``1.18.0``; empty if the object does not show it."""
    conditions: Conditions = field(default_factory=dict)
    spellings: Mapping[FieldPath, object] = field(default_factory=dict)
    """The settings that the object holds, by path, exactly as the API server writes them."""
    containers: frozenset[FieldPath] = frozenset()
    """The parents of settings that exist; a patch must add the missing parents."""
    managers: Mapping[FieldPath, str] = field(default_factory=dict)
    """The field manager of each setting in ``spellings``, from managedFields."""
    tracked_by: str = ""
    """The tool that applies the object's manifest, from labels and annotations."""
    json_patch: str | None = None
    """HyperConverged's annotation ``kubevirt.kubevirt.io/jsonpatch``; None without it."""
    annotated: bool = True
    """Whether ``metadata.annotations`` exists; a patch cannot add an annotation without it."""
    resource_version: str = field(default="", compare=False, metadata={"kept": False})
    """The resourceVersion, which a patch tests if no other test detects a concurrent write."""
    deleting: bool = False
