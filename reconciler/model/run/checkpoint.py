"""What a pass leaves to the next one because no object in the cluster shows it: ``Checkpoint``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.explanation import Explanation
from reconciler.model.references import ObjectRef, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """The canaries that have their memory, and since when."""

    digest: str
    """Covers the canaries and what Git wants for each; another digest starts another soak."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """A failure that the object itself does not show, such as a patch that was reverted."""

    uid: Uid | None
    target: str
    """What Git wanted then, spelled canonically; an object with another target is tried again."""
    why: Explanation
    """Why it failed; it has no hint."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A VM that a run has created or restarted, and that has to come up."""

    uid: Uid | None
    """None for a VM that was created."""
    target: str
    instance: Uid | None
    """The uid of the instance that the VM had before."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What passes know; it is kept as one JSON value in an annotation of the lease."""

    soak: Soak | None = None
    failures: Mapping[ObjectRef, RecordedFailure] = field(default_factory=dict)
    """The failures, by object."""
    starts: Mapping[ObjectRef, Start] = field(default_factory=dict)
    """The starts, by VM; each is kept before its request is sent."""
