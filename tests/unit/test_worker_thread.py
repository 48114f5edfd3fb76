"""Tests how a worker thread is woken up and ended."""

from __future__ import annotations

import threading

from reconciler.worker_thread import WorkerThread

HANG_S = 20


def test_worker_thread_wakes_up_when_its_condition_is_met_and_stops_when_it_is_ended():
    wanted, done = [], threading.Event()

    def run() -> None:
        while not worker.ending:
            worker.pause(HANG_S, until=lambda: wanted)
            if wanted:
                wanted.clear()
                done.set()

    worker = WorkerThread("test", run)
    worker.start()
    worker.start()
    with worker.changed:
        wanted.append(1)
        worker.changed.notify_all()
    assert done.wait(HANG_S)
    worker.end(HANG_S)
    assert "test" not in {each.name for each in threading.enumerate()}


def test_ending_a_worker_thread_that_never_started_does_not_wait():
    WorkerThread("test", lambda: None).end(HANG_S)
