"""``Notification``: a message about an event or a problem, sent to a chat or an alert system."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.references import ObjectRef


class NotificationKind(StrEnum):
    """The kinds of notifications; the setting ``events`` of a receiver selects some of them."""

    START = "start"
    """A run starts to change objects."""
    END = "end"
    """A run that changed objects has ended."""
    FAILURE = "failure"
    """A change or a whole run has failed."""
    WAITS_FOR_PERSON = "waits-for-person"
    """A change cannot happen until a user does something, for example restarts a VM."""
    INVALID_COMMIT = "invalid-commit"
    """The newest commit is rejected, or a part of it is invalid."""


class NotificationSeverity(StrEnum):
    """How urgent a notification is; the values are common for Prometheus alerts."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSubject:
    """An object that a notification is about, with an explanation of its problem."""

    ref: ObjectRef
    message: str
    """The explanation of the object's problem, without a final full stop."""
    hint: str = ""
    """What the user can do about the problem; empty if no action is necessary."""
    since: datetime
    """When the process first noticed the object's problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message about one event or one problem."""

    id: str
    """The notification's unique identifier, with which receivers can drop duplicates.

    A problem that returns after its end causes a notification with another identifier.
    """
    causes: tuple[str, ...]
    """The identifiers of the reported events or problems; each is reported only once."""
    kind: NotificationKind
    severity: NotificationSeverity
    reason: str
    """The reason code of all affected objects, such as ``restart-pending``."""
    title: str
    """The notification's title: one line, without a final full stop."""
    text: str
    """What happened and what the user can do, in lines that are separated by newlines."""
    subjects: tuple[NotificationSubject, ...] = ()
    """The affected objects; empty if the notification is about a run or a commit."""
    n_subjects: int = 0
    """The number of affected objects; ``subjects`` can contain fewer objects."""
    at: datetime
    """When the process noticed the reported problem or event, or the end of the problem."""
    since: datetime
    """When the process first noticed the problem or event, even if the problem is now resolved."""
    resolved: bool = False
    """Whether the notification says that a problem is resolved."""
    lasting: bool = False
    """Whether the notification is about a lasting problem, and not about an event."""
    revision: str = ""
    """The commit that is being applied, or the rejected commit that the notification is about."""
    run_id: str = ""
    cluster: str = ""
    """The UID of the namespace kube-system; empty if it is unknown."""
    path: str = ""
    """The URL path of the page with details, such as ``/vm/db/pg-0``; empty for the start page."""


class DeliveryState(StrEnum):
    """The result of sending one notification to one receiver."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    """All attempts to send the notification failed, or the receiver rejected it."""
    DROPPED = "dropped"
    """The notification was not sent: the queue was full, or the process ended first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The latest result of sending one notification to one receiver."""

    receiver: str
    """The name of the receiver in the file that ``--notify`` specifies."""
    state: DeliveryState
    attempts: int = 0
    message: str = ""
    """Why the last attempt failed, without URLs and credentials; empty if it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """A notification that this process created, with the delivery to each receiver."""

    notification: Notification
    deliveries: tuple[Delivery, ...] = ()
