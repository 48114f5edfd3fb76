"""``Checkpoint``: the facts for the next run that the cluster's objects do not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.explanation import Explanation
from reconciler.model.references import ObjectRef, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """The canaries that have their new memory, and when the last of them got its new memory."""

    digest: str
    """A digest of the canaries and their desired sizes; a new digest restarts the soak time."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """A failure that the object's status does not show, such as a patch that was reverted."""

    uid: Uid | None
    target: str
    """The value that could not be applied, in canonical notation; other values can be tried."""
    why: Explanation
    """The explanation of a failure, without hints for the user."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A VM that a run has created or restarted and that is not running yet."""

    uid: Uid | None
    """The VM's uid; None for a VM that the run created."""
    target: str
    instance: Uid | None
    """The uid of the VM instance that existed before the restart."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSize:
    """A size that a run has written to a VM, and the commit from which it came."""

    uid: str
    """The first ``UID_LENGTH`` characters of the VM's uid; empty for a VM that the run created."""
    target: str
    commit: str


UID_LENGTH = 8
"""How much of a uid ``WrittenSize`` keeps, because a Lease can contain thousands of uids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The data for the next run, stored as one JSON value in an annotation of the Lease."""

    soak: Soak | None = None
    failures: Mapping[ObjectRef, RecordedFailure] = field(default_factory=dict)
    """The failures of each object that the next run must consider."""
    starts: Mapping[ObjectRef, Start] = field(default_factory=dict)
    """The requested starts and restarts by VM, each stored before the request is sent."""
    written: Mapping[ObjectRef, WrittenSize] = field(default_factory=dict)
    """The changes in progress by VM, each stored before it is written; only reports use them."""
