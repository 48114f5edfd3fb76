"""``Notification``: a message about one event or one problem, for people outside the process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.references import ObjectRef


class NotificationKind(StrEnum):
    """The kinds of notifications; a receiver selects some of them with ``events``."""

    START = "start"
    """A run starts to change objects."""
    END = "end"
    """A run that changed objects has ended."""
    FAILURE = "failure"
    """A change or a whole run has failed."""
    WAITS_FOR_PERSON = "waits-for-person"
    """A change cannot happen until somebody does something, for example restarts a VM."""
    INVALID_COMMIT = "invalid-commit"
    """The newest commit is rejected, or a part of it is invalid."""


class NotificationSeverity(StrEnum):
    """How urgent a notification is; the values are usual for alerts of Prometheus."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSubject:
    """An object that a notification is about, with the explanation for this object."""

    ref: ObjectRef
    message: str
    """A sentence without a final full stop."""
    hint: str = ""
    """What a person can do; empty if there is nothing to do."""
    since: datetime
    """When the process first found the problem of this object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message about one event or one problem."""

    id: str
    """Equal for all attempts to send the same notification, so that receivers can drop repeats."""
    causes: tuple[str, ...]
    """The identifiers of the causes; no cause is reported twice."""
    kind: NotificationKind
    severity: NotificationSeverity
    reason: str
    """The reason code that all subjects have, such as ``restart-pending``."""
    title: str
    """One line, without a final full stop."""
    text: str
    """What happened and what a person can do; the lines are separated by line feeds."""
    subjects: tuple[NotificationSubject, ...] = ()
    """The affected objects; empty if the notification is about a run or a commit."""
    n_subjects: int = 0
    """The number of affected objects, which may be more than ``subjects`` contains."""
    at: datetime
    """When the process found the cause, or its end."""
    since: datetime
    """When the process first found the cause; differs from ``at`` if the cause is over."""
    resolved: bool = False
    """Whether the notification says that the problem is over."""
    lasting: bool = False
    """Whether the cause lasts until it is resolved, unlike a start or an end."""
    revision: str = ""
    """The commit that the cluster should match; for a rejected commit, that commit."""
    run_id: str = ""
    cluster: str = ""
    """The UID of the namespace kube-system; empty if it is unknown."""
    path: str = ""
    """The path of the page with details, such as ``/vm/db/pg-0``; empty for the first page."""


class DeliveryState(StrEnum):
    """The result of sending one notification to one receiver."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    """All attempts have failed, or the receiver rejected the notification."""
    DROPPED = "dropped"
    """The queue was full, or the process ended first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The newest state of one notification for one receiver."""

    receiver: str
    """The name of the receiver in the file of ``--notify``."""
    state: DeliveryState
    attempts: int = 0
    message: str = ""
    """Why the last attempt failed, without addresses and credentials; empty if it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """A notification of the history of this process, with its deliveries."""

    notification: Notification
    deliveries: tuple[Delivery, ...] = ()
