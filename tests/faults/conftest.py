"""Prints after the tests how many injected faults the rollouts survived."""

from __future__ import annotations

from collections import Counter

import pytest

COUNTED = "faults"


@pytest.fixture
def tally(record_property):
    """Store injected and survived faults in test reports, which also works with pytest-xdist."""
    return lambda what: record_property(COUNTED, what)


def pytest_terminal_summary(terminalreporter):
    ended = [each for found in terminalreporter.stats.values() for each in found]
    told = Counter(
        value
        for each in ended
        if getattr(each, "when", "") == "call"
        for name, value in each.user_properties
        if name == COUNTED
    )
    if told:
        counts = ", ".join(f"{told[what]} {what}" for what in sorted(told))
        terminalreporter.write_line(f"faults: {counts}")
