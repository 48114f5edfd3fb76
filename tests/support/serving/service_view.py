"""Builds the state of a ``serve`` process that is the leader and has a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.model.desired.config import Mode
from reconciler.model.revision.commit_in_force import CommitInForce
from reconciler.model.service.view import Role, ServiceView, SourceView

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.live_state import LiveState

COMMIT = "8b1d2f70c3a94e5566778899aabbccddeeff0011"


def make_view(
    desired: DesiredState | None = None, live: LiveState | None = None, **overrides: Any
) -> ServiceView:
    """Build the state of a ``serve`` leader; by default, its only VM matches Git."""
    desired = desired or make_desired(want("1Gi"))
    live = live or make_live(make_vm(), vmis=(make_vmi(),))
    base = ServiceView(
        instance="reconciler-1-ab12cd",
        version="0.1.0",
        started_at=NOW,
        at=NOW,
        role=Role.LEADER,
        leader="reconciler-1-ab12cd",
        mode=Mode.ENFORCE,
        source=SourceView(
            address="https://git.example/vms",
            revision="main",
            in_force=CommitInForce(revision="main", newest=COMMIT, commit=COMMIT),
            fetched_at=NOW,
        ),
        live=live,
        plan=plan_of(desired, live),
        planned_at=NOW,
        history_since=NOW,
    )
    return replace(base, **overrides)
