"""What a report says of an object: its own writes, and no migration that carried none of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    want,
)

from reconciler.model.run.outcome import Actuation
from reconciler.rollout.tracking.tracked_object import TrackedObject


def course(**fields) -> TrackedObject:
    state = make_live(make_vm(), vmis=(make_vmi(),))
    (decision,) = plan_of(make_desired(want("2Gi")), state).decisions
    return TrackedObject(planned=decision, latest=decision, **fields)


@pytest.mark.parametrize(
    ("actuation", "named"),
    [
        (Actuation.SUCCEEDED, True),
        (Actuation.NOT_NEEDED, True),
        (Actuation.PENDING, False),
        (Actuation.SKIPPED, False),
        (Actuation.FAILED, False),
    ],
)
def test_a_migration_is_named_only_where_the_run_wrote_or_followed(actuation, named):
    outcome = course(actuation=actuation, migration=make_migration()).outcome()
    assert (outcome.migration is not None) == named


@pytest.mark.parametrize("at", [None, NOW + timedelta(seconds=3)])
def test_when_a_restart_was_asked_for_is_in_the_outcome(at):
    assert course(restarted_at=at).outcome().restarted_at == at
