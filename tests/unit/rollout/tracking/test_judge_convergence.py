"""Tests that the verdict on a VM depends on whether the current run changed the VM."""

from __future__ import annotations

import pytest
from support.builders import VM

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Decision, Effect, Reason
from reconciler.model.run.outcome import Verdict
from reconciler.rollout.tracking.judge_convergence import judge


@pytest.mark.parametrize(
    ("effect", "reason", "written", "expected"),
    [
        (Effect.RESTART, Reason.RESTART_PENDING, True, Verdict.FAILED),
        (Effect.RESTART, Reason.RESTART_PENDING, False, Verdict.HELD),
        # The written size is valid, but an edit of an invisible field delays it.
        (Effect.RESTART, Reason.OTHER_EDIT_PENDING, True, Verdict.HELD),
        (Effect.RESTART, Reason.OTHER_EDIT_PENDING, False, Verdict.HELD),
        (Effect.WAIT, Reason.LIVE_AT_NEXT_SYNC, True, Verdict.IN_PROGRESS),
        (Effect.BLOCKED, Reason.MIGRATION_FAILING, False, Verdict.FAILED),
        (Effect.NONE, Reason.CONVERGED, True, Verdict.CURRENT),
        # Suspended after the run had begun: the VM does not have the size.
        (Effect.NONE, Reason.SUSPENDED, False, Verdict.HELD),
    ],
)
def test_reported_result_of_a_vm_depends_on_whether_the_current_run_changed_the_vm(
    effect, reason, written, expected
):
    decision = Decision(
        ref=VM, uid=None, effect=effect, why=Explanation(reason=reason, message="so it is")
    )
    assert judge(decision, written=written).verdict is expected
