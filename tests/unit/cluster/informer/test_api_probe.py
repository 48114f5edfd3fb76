"""Tests which responses end an outage that the probe of the API server has detected."""

from __future__ import annotations

import pytest
from support.fake_ports import FakeClock

from reconciler.cluster.informer.api_probe import TIMEOUT_S, ApiProbe
from reconciler.errors import ForbiddenError, UnavailableError, UnreachableError

SILENT = UnreachableError("the API server does not answer")


class Answers:
    """A client that raises the given errors in order; None stands for a successful response."""

    def __init__(self, *errors):
        self._errors = list(errors)

    def without_retries(self):
        return self

    def get(self, path, *, timeout_s):
        assert (path, timeout_s) == ("/version", TIMEOUT_S)
        if (error := self._errors.pop(0)) is not None:
            raise error


def probed(*errors):
    clock = FakeClock()
    probe = ApiProbe(Answers(*errors), clock)
    for _ in errors:
        probe.step()
        clock.sleep(10)
    return probe.failing


@pytest.mark.parametrize("answer", [None, ForbiddenError("403"), UnavailableError("503")])
def test_any_response_of_the_api_server_ends_an_outage_that_the_probe_detected(answer):
    assert probed(SILENT, answer) is None


def test_api_outage_starts_with_the_first_request_without_a_response():
    start = FakeClock().now()
    since, error = probed(SILENT, SILENT)
    assert (since, error) == (start, SILENT)
