"""``run_list_json``: converts the latest runs of ``serve`` to JSON, without results for VMs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.report.json_text import dumps
from reconciler.report.json_values import API_VERSION, timestamp
from reconciler.report.wording import verdict

if TYPE_CHECKING:
    from reconciler.model.run.outcome import RunReport
    from reconciler.model.service.view import ActiveRun, ServiceView


def run_list_json(view: ServiceView) -> str:
    """Convert the latest runs, newest first, to JSON that conforms to runs.schema.json."""
    return dumps(
        {
            "apiVersion": API_VERSION,
            "kind": "RunList",
            "instance": view.instance,
            "historySince": timestamp(view.history_since),
            "active": _active(view.run) if view.run else None,
            "runs": [_ended(each) for each in view.runs],
        }
    )


def _active(run: ActiveRun) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "startedAt": timestamp(run.started_at),
        "revision": run.plan.revision,
        "digest": run.plan.digest,
        "message": run.message,
    }


def _ended(run: RunReport) -> dict[str, Any]:
    counts = Counter(each.result for each in run.outcomes)
    return {
        "runId": run.run_id,
        "startedAt": timestamp(run.started_at),
        "endedAt": timestamp(run.ended_at),
        "revision": run.plan.revision,
        "digest": run.plan.digest,
        "exit": {
            "code": int(run.exit),
            "name": run.exit.name.lower().replace("_", "-"),
            "message": run.message or verdict(run),
        },
        "counts": {str(result): n for result, n in sorted(counts.items())},
    }
