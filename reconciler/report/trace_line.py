"""``trace_document``: builds the trace file entry for one VM when its memory change has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.report.json_documents import outcome_document
from reconciler.report.json_values import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.run.outcome import Outcome

_FIRST = ("namespace", "name", "effect", "digest", "actuation", "patchedAt", "restartedAt")
_LAST = (
    *("failedMigrations", "seconds", "guestBefore", "guestNow", "result", "reason", "message"),
)
"""The fields of a trace entry that follow the fields about the migration."""


def trace_document(
    outcome: Outcome, *, run_id: str, revision: str, at: datetime
) -> dict[str, Any]:
    """Convert the result for one VM to JSON values that conform to ``schemas/trace.schema.json``.

    Args:
        outcome: The result of the run for one VM.
        run_id: The ID of the run that changed the VM.
        revision: The Git revision that the run applied, if *outcome* contains no revision.
        at: The time of the trace entry, if *outcome* contains no end time.
    """
    document = outcome_document(outcome)
    migration = document["migration"] or {}
    return {
        "ts": timestamp(outcome.ended_at or at),
        "runId": run_id,
        "revision": outcome.revision or revision,
        **{key: document[key] for key in _FIRST},
        "migration": migration.get("name") or None,
        "migrationUid": migration.get("uid") or None,
        "sourceNode": migration.get("sourceNode") or None,
        "targetNode": migration.get("targetNode") or None,
        **{key: document[key] for key in _LAST},
    }
