"""Tests a real ``reconcile`` process while its watches drop, expire or stall."""

from __future__ import annotations

import pytest
from faults.judging import undisturbed
from faults.stage import Stage
from faults.test_killed_process import repo, served  # noqa: F401 - fixtures

from reconciler.simulator.apiserver.request.api_faults import Effect
from reconciler.simulator.apiserver.request.api_faults import Fault as ApiFault

WATCHES = frozenset({"watch"})
FAULTS = {
    "dropped after each event": ApiFault(effect=Effect.DROP, verbs=WATCHES, events=1, times=12),
    "rejected with 500": ApiFault(effect=Effect.STATUS, verbs=WATCHES, code=500, times=8),
    "rejected with 429": ApiFault(
        effect=Effect.STATUS, verbs=WATCHES, code=429, retry_after_s=1, times=8
    ),
    "resourceVersion expired": ApiFault(effect=Effect.EXPIRE, verbs=WATCHES, times=8),
    "no events": ApiFault(
        effect=Effect.SILENT, verbs=WATCHES, resource="virtualmachineinstancemigrations", times=1
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_reconcile_run_completes_although_its_watches_fail(name, served, tally):  # noqa: F811 - a fixture
    faults = served.simulator.api.faults
    faults.add(FAULTS[name])
    with served.begin() as process:
        said = "".join(process.communicate())
    assert faults.fired(FAULTS[name]) > 0, said
    tally("injected")
    assert process.returncode == 0, said
    assert Stage(served.simulator).end_state() == undisturbed("default")
    tally("survived")
