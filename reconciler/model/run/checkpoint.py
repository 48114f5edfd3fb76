"""What one pass of a rollout leaves to the next that the cluster's objects do not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.references import ObjectRef, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """Canaries that have their memory, and since when."""

    digest: str
    """Over the canaries and what Git wants for each; another digest is another soak."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """A failure that the VM itself no longer shows, such as a patch that somebody took back."""

    uid: Uid | None
    target: str
    """What Git wanted then, spelled canonically; for another target the VM is tried again."""
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A VM that was created or restarted by us, and has to come up."""

    uid: Uid | None
    """None for one that was created."""
    target: str
    instance: Uid | None
    """Of the instance that it had before."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Kept in the annotations of the memory lease, one JSON value."""

    soak: Soak | None = None
    failures: Mapping[ObjectRef, RecordedFailure] = field(default_factory=dict)
    """By VM."""
    starts: Mapping[ObjectRef, Start] = field(default_factory=dict)
    """By VM; noted before the request is sent."""
