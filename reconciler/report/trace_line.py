"""``trace_document``: renders one line of the trace: from the commit to one VM's guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.json_documents import number, plain, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.run.outcome import Outcome


def trace_document(
    outcome: Outcome, *, run_id: str, revision: str, at: datetime
) -> dict[str, Any]:
    """Return *outcome* as defined in ``schemas/trace.schema.json``, in the order of events.

    Args:
        outcome: The outcome of a VM.
        run_id: The ID of the run.
        revision: The revision of the desired state.
        at: The end time of an outcome that has no end time itself.
    """
    migration = outcome.migration
    return {
        "ts": timestamp(outcome.ended_at or at),
        "runId": run_id,
        "revision": revision,
        "namespace": outcome.ref.namespace,
        "name": outcome.ref.name,
        "effect": str(outcome.effect),
        "digest": outcome.digest or None,
        "actuation": str(outcome.actuation),
        "patchedAt": timestamp(outcome.patched_at) if outcome.patched_at else None,
        "restartedAt": timestamp(outcome.restarted_at) if outcome.restarted_at else None,
        "migration": (migration.name or None) if migration else None,
        "migrationUid": (migration.uid or None) if migration else None,
        "sourceNode": (migration.source_node or None) if migration else None,
        "targetNode": (migration.target_node or None) if migration else None,
        "failedMigrations": outcome.failed_migrations,
        "seconds": None if outcome.seconds is None else number(outcome.seconds),
        "guestBefore": plain(outcome.guest_before),
        "guestNow": plain(outcome.guest_now),
        "result": str(outcome.result),
        "reason": outcome.reason,
        "message": outcome.why.message,
    }
