"""Tests which revision an apply of an approved plan reads, and which plans it rejects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import NOW, decide, make_desired, make_live, make_vm, make_vmi, want

from reconciler.app import approval_options
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import SourceOptions
from reconciler.errors import SourceError, StaleError, UsageError, WrongClusterError
from reconciler.model.plan.approval import Approval
from reconciler.plan.plan_policy import PlanPolicy

COMMIT = "a" * 40


@pytest.fixture
def approval(plan):
    return Approval(
        revision=COMMIT, dirty=False, cluster=plan.cluster, digest=plan.digest, actions={}
    )


@pytest.fixture
def plan():
    live = make_live(make_vm(), vmis=(make_vmi(),))
    return decide(make_desired(want("2Gi")), live, PlanPolicy(), NOW)


def options(**source) -> ApplyOptions:
    return ApplyOptions(source=SourceOptions(**source), plan_file=Path("plan.json"))


def test_combining_a_plan_file_with_an_expected_digest_is_a_usage_error():
    with pytest.raises(UsageError, match="cannot be combined"):
        approval_options.read(replace(options(repo="."), expect_digest="sha256:1"))


def test_apply_of_an_approved_plan_reads_the_commit_of_the_plan_by_default(approval):
    assert approval_options.approved_source(options(repo="."), approval).revision == COMMIT


@pytest.mark.parametrize(
    "source", [{"repo": ".", "revision": "HEAD"}, {"repo": ".", "working_tree": True}]
)
def test_apply_of_an_approved_plan_reads_the_revision_that_the_command_line_sets(source, approval):
    assert approval_options.approved_source(options(**source), approval) == SourceOptions(**source)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"dirty": True}, "uncommitted files"), ({"revision": "stdin"}, "from stdin")],
)
def test_apply_from_a_repository_rejects_a_plan_that_was_not_made_from_a_commit(
    changes, says, approval
):
    with pytest.raises(SourceError, match=says):
        approval_options.approved_source(options(repo="."), replace(approval, **changes))


def test_approved_plan_for_the_same_cluster_id_is_accepted(plan, approval):
    assert approval_options.check(plan, approval, None) is approval


def test_approved_plan_for_a_different_cluster_id_is_rejected(plan, approval):
    with pytest.raises(WrongClusterError, match="approved for cluster other, but the live state"):
        approval_options.check(plan, replace(approval, cluster="other"), None)


def test_expected_digest_on_the_command_line_approves_the_whole_plan(plan):
    found = approval_options.check(plan, None, plan.digest)
    assert set(found.actions) == {each.ref for each in plan.decisions if each.actions}


def test_plan_with_an_unexpected_digest_is_rejected(plan):
    with pytest.raises(StaleError, match=f"current digest is {plan.digest}"):
        approval_options.check(plan, None, "sha256:" + "0" * 64)
