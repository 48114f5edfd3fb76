"""``trace_document``: returns the JSON line of the trace for one VM whose change has ended."""

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
"""The fields of an outcome that are written around the fields of the migration."""


def trace_document(
    outcome: Outcome, *, run_id: str, revision: str, at: datetime
) -> dict[str, Any]:
    """Return the result of one VM as defined in ``schemas/trace.schema.json``.

    Args:
        outcome: The outcome of a VM.
        run_id: The ID of the run.
        revision: The revision that the run applied, unless the outcome has its own.
        at: The time of the line if the outcome has no end time.
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
