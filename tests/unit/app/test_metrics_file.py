"""Tests that a metrics file keeps since when VMs wait for a restart, from run to run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, want
from support.fake_ports import FakeClock
from support.serving.service_view import make_view

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import SourceOptions
from reconciler.app.metrics_file import MetricsFile
from reconciler.app.read_and_plan import PlanWithInputs
from reconciler.errors import ClusterError
from reconciler.model.desired.config import Config
from reconciler.model.references import vm_ref
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.report.metrics import restart_wait_lines
from reconciler.report.metrics.restart_wait_lines import MOST_WAITS

ONE, TWO = vm_ref("db", "pg-1"), vm_ref("db", "pg-2")
HOUR = timedelta(hours=1)


def waiting(*refs, uid: str = ""):
    """Return a plan in which VMs need a restart, although KubeVirt has no condition for it."""
    desired = make_desired(*(want("64Gi", ref) for ref in refs))
    vmis = tuple(make_vmi(ref, max_guest="4Gi") for ref in refs)
    view = make_view(desired, make_live(*map(make_vm, refs), vmis=vmis))
    decisions = view.plan.decisions
    if uid:
        decisions = tuple(replace(each, uid=uid) for each in decisions)
    return PlanWithInputs(
        config=Config(),
        desired=view.desired or desired,
        live=view.live,
        policy=PlanPolicy(),
        plan=replace(view.plan, decisions=decisions),
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def run(tmp_path, clock):
    """Return a function that writes the file of a run, and returns the start of the wait."""

    def write(planned) -> datetime | None:
        path = tmp_path / "reconciler.prom"
        file = MetricsFile(path, ApplyOptions(source=SourceOptions()), clock)
        if planned is not None:
            file.plan(planned)
        file.fail(ClusterError("no connection"))
        name = "memory_reconciler_oldest_restart_wait_timestamp_seconds"
        found = text_string_to_metric_families(path.read_text())
        times = [s.value for family in found for s in family.samples if s.name == name]
        return datetime.fromtimestamp(times[0], UTC) if times else None

    return write


def test_metrics_file_keeps_the_start_of_a_restart_wait_that_no_kubevirt_condition_shows(
    run, clock
):
    seen = []
    for planned in (waiting(ONE), waiting(ONE, TWO), None, waiting(TWO), waiting(TWO, uid="new")):
        seen.append(run(planned))
        clock.sleep(3600)
    assert seen == [NOW, NOW, None, NOW + HOUR, NOW + 4 * HOUR]


def test_metrics_file_omits_a_restart_wait_that_has_ended(run, clock):
    run(waiting(ONE))
    assert run(waiting()) is None
    clock.sleep(3600)
    assert run(waiting(ONE)) == NOW + HOUR


def test_metrics_file_ignores_a_restart_wait_that_starts_in_the_future(run, clock):
    clock.sleep(3600)
    run(waiting(ONE))
    clock.sleep(-3600)
    assert run(waiting(ONE)) == NOW


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# restart-wait 0123456789abcdef",
        "# restart-wait 0123456789abcdef -1",
        "# restart-wait 0123456789abcdeg 1",
        "# restart-wait 0123456789abcdef 999999999999",
        "restart-wait 0123456789abcdef 1",
    ],
)
def test_malformed_line_about_a_restart_wait_is_ignored(line):
    assert restart_wait_lines.decoded(f"{line}\n".encode()) == {}


def test_metrics_file_with_too_many_restart_waits_keeps_only_the_longest_waits():
    waits = {f"{n:016x}": NOW - timedelta(seconds=n) for n in range(MOST_WAITS + 5)}
    text = "".join(restart_wait_lines.encoded(waits))
    found = restart_wait_lines.decoded(text.encode())
    assert (len(found), len(text) < 1 << 19) == (MOST_WAITS, True)
    assert min(found) == f"{5:016x}"
