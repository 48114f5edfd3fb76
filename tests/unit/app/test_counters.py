"""Tests what the metrics counters count, and that the number of label values is bounded."""

from __future__ import annotations

from threading import Thread

import pytest
from support.builders import make_live, make_migration

from reconciler.app.counters import MOST_SERIES, Counters
from reconciler.model.service.counts import Counted, Distribution


def test_api_requests_are_counted_by_verb_and_status():
    counters = Counters()
    for status in (200, 200, 429, None):
        counters.count_request("list", status)
    assert counters.read().values[Counted.API_REQUESTS] == {
        ("list", "200"): 2,
        ("list", "429"): 1,
        ("list", "<error>"): 1,
    }


def test_metrics_counter_rejects_a_wrong_number_of_labels():
    with pytest.raises(ValueError, match="api_requests has the labels"):
        Counters().add(Counted.API_REQUESTS, "list")


def test_metrics_counter_with_too_many_label_values_counts_new_values_under_the_label_other():
    counters = Counters()
    for number in range(MOST_SERIES + 50):
        counters.add(Counted.GIT_FETCHES, f"result-{number}")
    series = counters.read().values[Counted.GIT_FETCHES]
    assert len(series) == MOST_SERIES + 1
    assert series["other",] == 50


def test_metrics_counter_loses_no_count_when_several_threads_add_at_once():
    counters = Counters()

    def count() -> None:
        for _ in range(2000):
            counters.count_request("get", 200)

    threads = [Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert counters.read().values[Counted.API_REQUESTS]["get", "200"] == 8000


def test_each_migration_failure_after_the_start_of_the_process_is_counted_once():
    counters = Counters()
    old, new = (make_migration(phase="Failed", name=name) for name in ("m-1", "m-2"))
    running = make_migration(name="m-3")
    for seen in ((old,), (old, running), (old, new), (old, new), (new,)):
        counters.count_live(make_live(migrations=seen))
    assert counters.read().values[Counted.MIGRATION_FAILURES] == {(): 1}


def test_duration_in_a_histogram_is_counted_in_the_bucket_with_the_next_larger_bound():
    counted = Distribution(bounds=(10.0, 30.0), buckets=(0, 0, 0))
    for seconds in (10.0, 10.1, 500.0):
        counted = counted.with_value(seconds)
    assert (counted.buckets, counted.total) == ((1, 1, 1), pytest.approx(520.1))
