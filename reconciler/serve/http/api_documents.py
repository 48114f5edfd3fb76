"""Renders the JSON documents of the HTTP API: the plan, the status of all VMs, and the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.json_documents import plan_json, run_json
from reconciler.report.service.run_list import run_list_json
from reconciler.report.status_document import Status, status_json
from reconciler.rollout.tracking.judge_convergence import judge

if TYPE_CHECKING:
    from reconciler.model.service.view import ServiceView


def plan_bytes(view: ServiceView) -> bytes | None:
    """Convert the newest plan to JSON that conforms to schemas/plan.schema.json.

    Return None before the first plan.
    """
    return None if view.plan is None else "".join(plan_json(view.plan)).encode()


def status_bytes(view: ServiceView) -> bytes | None:
    """Convert the status of all VMs to JSON that conforms to schemas/status.schema.json.

    Return None before the first plan.
    """
    if view.plan is None or view.live is None or view.desired is None:
        return None
    status = Status(
        desired=view.desired,
        live=view.live,
        convergence={each.ref: judge(each) for each in view.plan.decisions},
    )
    return status_json(status).encode()


def runs_bytes(view: ServiceView) -> bytes:
    """Convert the list of recent runs to JSON that conforms to schemas/runs.schema.json."""
    return run_list_json(view).encode()


def run_bytes(view: ServiceView, run_id: str) -> bytes | None:
    """Convert the report of a run to JSON that conforms to schemas/report.schema.json.

    Return None if the run does not exist.
    """
    found = next((each for each in view.runs if each.run_id == run_id), None)
    return None if found is None else "".join(run_json(found)).encode()
