"""Tests whether the next write of an object equals the write that the user approved."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import VM, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.model.explanation import Explanation
from reconciler.model.fields import WaveName
from reconciler.model.plan.approval import Approval, ApprovedAction
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.run.outcome import Result
from reconciler.rollout.limits.approval_check import HINT, covers, refused

LIVE = make_live(make_vm(), vmis=(make_vmi(),))
(DECISION,) = plan_of(make_desired(want("2Gi")), LIVE).decisions
(ACTION,) = DECISION.actions
HELD = replace(
    DECISION,
    effect=Effect.BLOCKED,
    actions=(),
    why=Explanation(reason=Reason.ABOVE_MAX_GUEST, message="4Gi is the limit"),
)


def approval(**changes) -> Approval:
    """Build an approval of the planned write to the VM, with *changes* to the approved write."""
    approved = ApprovedAction(
        wave=ACTION.wave,
        effect=ACTION.effect,
        reason=ACTION.reason,
        digest=ACTION.digest,
        change="guest 1Gi -> 2Gi",
    )
    return Approval(
        cluster="c", revision="r", digest="d", actions={VM: (replace(approved, **changes),)}
    )


NOTHING = Approval(cluster="c", revision="r", digest="d", actions={})


@pytest.mark.parametrize(
    ("given", "decision", "action"),
    [
        (None, DECISION, ACTION),
        (None, HELD, None),
        (approval(), DECISION, ACTION),
        (NOTHING, HELD, None),
    ],
    ids=["no approval", "no approval, no write", "approved", "nothing approved, no write"],
)
def test_planned_write_is_allowed_if_it_is_approved_or_no_approval_is_required(
    given, decision, action
):
    assert refused(given, decision, action) is None


def test_run_does_not_change_an_object_that_the_approved_plan_does_not_contain():
    assert not covers(NOTHING, DECISION)
    end = refused(NOTHING, DECISION, ACTION)
    assert (end.result, end.why.reason, end.why.hint) == (Result.HELD, "not-approved", HINT)
    assert (
        end.why.message
        == f"the change is not approved, so it is not written: {DECISION.why.message}"
    )


SAME = "the same change, but the object was recreated, or its old value is written differently"
OTHER = f"live (hotplug) guest 1Gi -> 2Gi: {DECISION.why.message}"
IMPOSSIBLE = "blocked (above-max-guest): 4Gi is the limit"


@pytest.mark.parametrize(
    ("given", "decision", "action", "now"),
    [
        (approval(digest="other", change="guest 1Gi -> 3Gi"), DECISION, ACTION, OTHER),
        (approval(digest="other"), DECISION, ACTION, SAME),
        (approval(wave=WaveName.RESTART), DECISION, ACTION, SAME),
        (approval(), HELD, None, IMPOSSIBLE),
    ],
    ids=["another size", "another object", "another wave", "no longer possible"],
)
def test_approved_plan_is_stale_if_the_next_write_differs_from_the_approved_write(
    given, decision, action, now
):
    end = refused(given, decision, action)
    assert (end.result, end.why.reason, end.why.hint) == (Result.STALE, "stale", HINT)
    (approved,) = given.actions[VM]
    assert end.why.message == f"approved: live (hotplug) {approved.change}; now: {now}"


def test_message_about_a_stale_approval_contains_the_approved_write_in_the_same_wave():
    given = approval()
    (memory,) = given.actions[VM]
    restart = replace(memory, wave=WaveName.RESTART, digest="other", change="restart")
    given = replace(given, actions={VM: (memory, restart)})
    end = refused(given, DECISION, replace(ACTION, wave=WaveName.RESTART))
    assert end.why.message.startswith("approved: live (hotplug) restart; now: ")
