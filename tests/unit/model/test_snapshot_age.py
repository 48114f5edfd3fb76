"""Tests the warning about a cluster snapshot that is older than the configuration allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.diagnostic import Severity
from reconciler.model.live.snapshot_age import age_warning
from reconciler.model.quantity import Duration

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = Duration.parse("24h")


@pytest.mark.parametrize("hours", [-0.05, 0, 1, 24])
def test_cluster_snapshot_up_to_the_maximum_age_causes_no_warning(hours):
    assert age_warning(NOW - timedelta(hours=hours), NOW, DAY, None) is None


def test_warning_about_a_cluster_snapshot_beyond_the_maximum_age_contains_the_snapshot_time():
    warning = age_warning(NOW - timedelta(days=1, seconds=1), NOW, DAY, None)
    assert warning.severity is Severity.WARNING
    assert warning.message == (
        "the snapshot is out of date: it was created at 2026-03-01 09:29:59 UTC, more than 24h ago"
    )


def test_cluster_snapshot_with_a_time_in_the_future_causes_a_warning():
    warning = age_warning(NOW + timedelta(minutes=6), NOW, DAY, None)
    assert "2026-03-02 09:36:00 UTC, which is in the future" in warning.message
