"""Tests the commit statuses that `serve` sets on a Git host such as GitHub."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NOW, decide, make_desired, make_live, make_vm, make_vmi, want
from support.fake_ports import FakeClock

from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.revision.commit_in_force import (
    CommitInForce,
    RefusalReason,
    RefusedCommit,
)
from reconciler.model.service.view import Role, ServiceView, SourceView
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.serve.commit_status import StatusUpdates, commit_statuses
from reconciler.serve.view_store import ViewStore

LIVE = make_live(make_vm(), vmis=(make_vmi(),))


def plan(size: str, **changes):
    found = decide(make_desired(want(size)), LIVE, PlanPolicy(), NOW)
    return replace(found, revision="c1", **changes)


def view(found=None, *refused: RefusedCommit, newest: str = "c1", **changes) -> ServiceView:
    in_force = CommitInForce(revision="main", newest=newest, commit="c1", refused=refused)
    return ServiceView(
        instance="a",
        version="1",
        started_at=NOW,
        at=NOW,
        history_since=NOW,
        source=SourceView(address="x", revision="main", in_force=in_force),
        plan=found,
        **{"role": Role.LEADER, **changes},
    )


def with_effect(effect: Effect, reason: Reason):
    found = plan("1Gi")
    decision = found.decisions[0]
    why = replace(decision.why, reason=reason.value)
    return replace(found, decisions=(replace(decision, effect=effect, why=why),))


@pytest.mark.parametrize(
    ("found", "state", "description"),
    [
        (plan("1Gi"), "success", "1 of 1 object matches Git"),
        (plan("2Gi"), "pending", "0 of 1 object match Git, 1 change pending"),
        (
            with_effect(Effect.RESTART, Reason.RESTART_PENDING),
            "success",
            "0 of 1 object match Git, 1 needs a restart",
        ),
        (
            with_effect(Effect.BLOCKED, Reason.MIGRATION_FAILING),
            "failure",
            "0 of 1 object match Git, 1 failed, 1 blocked",
        ),
    ],
)
def test_commit_status_says_whether_the_cluster_matches_the_commit(found, state, description):
    (status,) = commit_statuses(view(found))
    assert (status.commit, status.state, status.description) == ("c1", state, description)


def test_rejected_commit_gets_a_failure_status_and_the_applied_commit_keeps_its_status():
    refused = RefusedCommit(commit="c2", reason=RefusalReason.UNSIGNED, message="it is not signed")
    first, second = commit_statuses(view(plan("1Gi"), refused, newest="c2"))
    assert (first.commit, first.state, first.description) == (
        "c2",
        "failure",
        "commit rejected: it is not signed",
    )
    assert (second.commit, second.state) == ("c1", "success")


def test_plan_of_a_different_commit_does_not_change_the_status_of_the_applied_commit():
    assert not list(commit_statuses(view(replace(plan("1Gi"), revision="c0"))))


def test_leader_sets_a_commit_status_only_after_a_change_and_a_standby_replica_sets_none():
    shown = []
    store = ViewStore(view(plan("1Gi")), FakeClock())
    updates = StatusUpdates(store, lambda statuses: shown.append(list(statuses)))
    updates()
    updates()
    store.update(plan=plan("2Gi"))
    updates()
    store.update(role=Role.STANDBY, plan=plan("1Gi"))
    updates()
    updates()
    assert [[each.state for each in statuses] for statuses in shown] == [
        ["success"],
        ["pending"],
        [],
    ]


def test_new_leader_sets_the_commit_statuses_of_an_unchanged_plan_again():
    shown = []
    store = ViewStore(view(plan("2Gi")), FakeClock())
    updates = StatusUpdates(store, lambda statuses: shown.append(list(statuses)))
    for role in (Role.STANDBY, Role.LEADER, Role.STANDBY, Role.LEADER):
        store.update(role=role)
        updates()
    assert [len(statuses) for statuses in shown] == [1, 0, 1]
