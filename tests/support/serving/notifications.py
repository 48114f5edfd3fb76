"""``make_notification``: builds a notification about one VM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.builders import NOW
from support.serving.service_view import COMMIT

from reconciler.model.references import ObjectRef, vm_ref
from reconciler.model.service.notification import (
    Notification,
    NotificationKind,
    NotificationSeverity,
    NotificationSubject,
)


def subject(ref: ObjectRef, **overrides: Any) -> NotificationSubject:
    base = NotificationSubject(
        ref=ref, message="64Gi is above maxGuest 4Gi", hint="restart the VM", since=NOW
    )
    return replace(base, **overrides)


def make_notification(**overrides: Any) -> Notification:
    """Build a notification that a VM needs a restart."""
    base = Notification(
        id="0123456789abcdef",
        causes=("fedcba9876543210",),
        kind=NotificationKind.WAITS_FOR_PERSON,
        severity=NotificationSeverity.WARNING,
        reason="above-max-guest",
        title="db/pg-0 needs manual action (above-max-guest)",
        text="db/pg-0: 64Gi is above maxGuest 4Gi\nhint: restart the VM",
        subjects=(subject(vm_ref("db", "pg-0")),),
        n_subjects=1,
        at=NOW,
        since=NOW,
        lasting=True,
        revision=COMMIT,
        run_id="serve-0-1",
        cluster="6f1f6f9c",
        path="/vm/db/pg-0",
    )
    return replace(base, **overrides)
