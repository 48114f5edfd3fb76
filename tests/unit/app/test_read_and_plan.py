"""Tests how a command plans: what it reads, in which order, and which errors end it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, want

from reconciler.app.read_and_plan import plan_of_snapshot, read_and_plan
from reconciler.errors import InvalidError, WrongClusterError
from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import DesiredState, Reading
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.live_state import LiveState
from reconciler.model.quantity import Duration
from reconciler.model.references import Location, vm_ref
from reconciler.plan.plan_policy import PlanPolicy


class FixedClock:
    def now(self):
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"planning never waits, but slept {seconds} s")


@dataclass
class Desired:
    state: DesiredState

    def read(self) -> Reading:
        return Reading(config=Config(), state=self.state)


@dataclass
class Live:
    state: LiveState
    reads: list[str] = field(default_factory=list)

    def read(self) -> LiveState:
        self.reads.append("state")
        return self.state

    def capacity(self) -> None:
        self.reads.append("capacity")


def look(state: DesiredState, live: Live, **policy):
    return read_and_plan(Desired(state), live, FixedClock(), lambda _config: PlanPolicy(**policy))


def test_planning_with_an_invalid_configuration_sends_no_request_to_the_cluster():
    error = Diagnostic(severity=Severity.ERROR, code="any", message="wrong")
    live = Live(make_live())
    with pytest.raises(InvalidError, match="1 error in the desired state") as caught:
        look(make_desired(diagnostics=(error,), unusable=True), live)
    assert caught.value.diagnostics == (error,)
    assert live.reads == []


def test_invalid_manifest_blocks_only_the_object_that_the_manifest_defines():
    other = Diagnostic(severity=Severity.ERROR, code="any", message="wrong", ref=vm_ref("db", "x"))
    unreadable = Diagnostic(severity=Severity.ERROR, code="not-yaml", message="wrong")
    live = Live(make_live(make_vm(), vmis=(make_vmi(),)))
    found = look(make_desired(want("2Gi"), diagnostics=(other, unreadable)), live)
    assert [each.effect for each in found.plan.decisions] == ["live"]
    assert (found.plan.errored, found.plan.applyable) == (True, True)


@pytest.mark.parametrize(
    ("found", "says"), [("another", "comes from cluster another"), ("", "ID cannot be read")]
)
def test_desired_state_for_a_different_cluster_is_rejected(found, says):
    with pytest.raises(WrongClusterError, match=says):
        look(make_desired(), Live(make_live(cluster_id=found)), cluster="the-right-one")


def test_desired_state_for_the_connected_cluster_is_planned():
    live = Live(make_live(cluster_id="the-right-one"))
    assert look(make_desired(), live, cluster="the-right-one").plan.cluster == "the-right-one"


def test_planning_reads_capacity_only_if_a_vm_would_migrate():
    still = Live(make_live(make_vm(), vmis=(make_vmi(),)))
    look(make_desired(want("1Gi")), still)
    assert still.reads == ["state"]
    moving = Live(make_live(make_vm(), vmis=(make_vmi(),)))
    look(make_desired(want("2Gi")), moving)
    assert moving.reads == ["state", "capacity"]


@pytest.mark.parametrize(("hours", "codes"), [(23, []), (25, ["snapshot-age"])])
def test_plan_from_a_cluster_snapshot_file_warns_if_the_file_is_older_than_a_day(hours, codes):
    live = Live(make_live(observed_at=NOW - timedelta(hours=hours)))
    found = plan_of_snapshot(look(make_desired(), live), FixedClock())
    assert [each.code for each in found.diagnostics] == codes


def test_warning_about_an_old_cluster_snapshot_does_not_change_the_digest_of_the_plan():
    live = make_live(make_vm(), vmis=(make_vmi(),))
    fresh = look(make_desired(want("2Gi")), Live(live))
    old = look(make_desired(want("2Gi")), Live(replace(live, observed_at=NOW - timedelta(days=9))))
    assert fresh.plan.digest == plan_of_snapshot(old, FixedClock()).digest


def test_maximum_snapshot_age_is_read_from_the_configuration_file():
    at = Location(path=".reconciler.yaml", line=3, column=17)
    config = Config().overridden({"snapshotMaxAge": Duration.parse("10m")}, at)
    live = Live(make_live(observed_at=NOW - timedelta(minutes=11)))
    planned = replace(look(make_desired(), live), config=config)
    (warning,) = plan_of_snapshot(planned, FixedClock()).diagnostics
    assert (warning.at, warning.severity) == (at, Severity.WARNING)
    assert "more than 10m ago" in warning.message
