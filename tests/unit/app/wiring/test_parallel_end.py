"""Tests that the threads of the process end at the same time."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from reconciler.app.wiring.parallel_end import ParallelEnd

HANGS_S = 120


def test_context_managers_whose_exits_wait_for_each_other_end_in_parallel():
    meeting, ended = threading.Barrier(3), []

    @contextmanager
    def part(name):
        yield name
        meeting.wait(HANGS_S)
        ended.append(name)

    with ParallelEnd() as ending:
        assert [ending.enter(part(each)) for each in ("page", "git")] == ["page", "git"]
        ending.callback(lambda name: (meeting.wait(HANGS_S), ended.append(name)), "lease")
    assert sorted(ended) == ["git", "lease", "page"]


def test_process_ends_without_waiting_for_a_thread_that_hangs(caplog):
    hanging = threading.Event()
    with ParallelEnd(lambda: 0.0) as ending:
        ending.callback(hanging.wait, HANGS_S)
    hanging.set()
    assert caplog.messages == ["the process ends without waiting for 1 thread"]
