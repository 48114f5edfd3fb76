"""Tests that the events which wake the main loop of ``serve`` need no memory each."""

from __future__ import annotations

from reconciler.serve.loop.wakeups import Wakeup, Wakeups


def test_many_events_while_the_serve_loop_is_busy_cause_one_wakeup_for_each_kind_of_event():
    wakeups = Wakeups()
    for _ in range(1000):
        wakeups.wake(Wakeup.CLUSTER)
        wakeups.wake(Wakeup.GIT)
    assert wakeups.wait(0) == {Wakeup.CLUSTER, Wakeup.GIT}
    assert wakeups.wait(0) == frozenset()
