"""Builds the displayed state of a ``serve`` process for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.builders import NOW, VM, make_desired, make_live, make_vm, make_vmi, plan_of, want
from support.fake_ports import FakeClock

from reconciler.model.run.outcome import ExitCode, RunReport
from reconciler.model.service.view import ServiceView, SourceView
from reconciler.serve.view_store import ViewStore


def make_view(**overrides: Any) -> ServiceView:
    """Return the state of a ``serve`` process that has no plan yet."""
    base = ServiceView(
        instance="serve-0",
        version="0.1.0",
        started_at=NOW,
        at=NOW,
        source=SourceView(address="https://git.example/fleet", revision="main"),
        history_since=NOW,
    )
    return replace(base, **overrides)


def planned_view(guest: str = "2Gi", **overrides: Any) -> ServiceView:
    """Return a state whose plan resizes one VM from 1Gi to *guest*."""
    desired, live = make_desired(want(guest)), make_live(make_vm(), vmis=(make_vmi(),))
    plan = plan_of(desired, live)
    return make_view(desired=desired, live=live, plan=plan, planned_at=NOW, **overrides)


def ended_run(run_id: str = "run-1", **overrides: Any) -> RunReport:
    """Return the report of a finished rollout without outcomes."""
    view = planned_view()
    base = RunReport(
        run_id=run_id,
        plan=view.plan,
        outcomes=(),
        started_at=NOW,
        ended_at=NOW,
        exit=ExitCode.DONE,
    )
    return replace(base, **overrides)


def make_store(view: ServiceView | None = None) -> ViewStore:
    return ViewStore(view or make_view(), FakeClock())


__all__ = ["VM", "ended_run", "make_store", "make_view", "planned_view"]
