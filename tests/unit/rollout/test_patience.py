"""How long writes pause while the API server is away, and when a run gives up."""

from __future__ import annotations

import pytest

from reconciler.errors import UnavailableError, UnreachableError
from reconciler.rollout.writes.backoff import LONGEST_S, TOTAL_S, Patience

AWAY = UnreachableError("no answer")


def test_pauses_grow_up_to_a_limit_and_vary():
    patience = Patience()
    pauses, now = [], 0.0
    for _ in range(12):
        pauses.append(patience.failed(AWAY, now))
        now += pauses[-1]
    assert 0.5 <= pauses[0] <= 1.5
    assert all(pause <= LONGEST_S * 1.5 for pause in pauses)
    assert min(pauses[-3:]) >= LONGEST_S / 2


@pytest.mark.parametrize("asked", [7.0, 120.0])
def test_a_server_that_names_a_pause_gets_it(asked):
    patience = Patience()
    error = UnavailableError("come back later", status=429, retry_after_s=asked)
    assert patience.failed(error, 0.0) >= asked
    assert patience.pausing(asked - 0.1)


def test_nothing_is_sent_while_it_pauses_and_something_after_it():
    patience = Patience()
    pause = patience.failed(AWAY, 100.0)
    assert patience.pausing(100.0 + pause - 0.01)
    assert not patience.pausing(100.0 + pause)


def test_it_ends_with_the_total_since_the_first_failure_and_not_since_the_last():
    patience = Patience()
    patience.failed(AWAY, 10.0)
    patience.failed(AWAY, 10.0 + TOTAL_S - 1)
    assert not patience.spent(10.0 + TOTAL_S - 1)
    assert patience.spent(10.0 + TOTAL_S)


def test_one_answer_makes_it_whole_again():
    patience = Patience()
    after = patience.failed(AWAY, 0.0)
    patience.well(after)
    assert not patience.pausing(after)
    assert not patience.spent(TOTAL_S * 2)
    patience.failed(AWAY, TOTAL_S * 2)
    assert not patience.spent(TOTAL_S * 2 + 1)


def test_an_answer_during_the_pause_does_not_end_it():
    patience = Patience()
    patience.failed(UnavailableError("slow down", status=429, retry_after_s=5.0), 0.0)
    patience.well(1.0)
    assert patience.pausing(4.9)


def test_writes_that_were_under_way_together_make_one_pause():
    patience = Patience()
    pauses = [patience.failed(AWAY, 0.0) for _ in range(16)]
    assert max(pauses) <= 1.5
