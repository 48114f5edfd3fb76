"""Tests that the KubeVirt CR is written in steps before the memory of VMs changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    KUBEVIRT,
    NOW,
    decide,
    make_desired,
    make_kubevirt,
    make_live,
    with_settings,
)
from support.fake_ports import FakePorts

from reconciler.errors import ClocksDifferError
from reconciler.model import fields
from reconciler.model.clock_difference import ClockDifference
from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.plan.approval import Approval
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.model.run.write_result import Refusal, Written
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.tracking.build_outcome import build_outcome
from reconciler.rollout.waves.kubevirt_waves import KubeVirtWaves
from reconciler.rollout.writes.send_and_handle_answer import Writes

DESIRED = make_desired(kubevirt={fields.PARALLEL_MIGRATIONS: 9})
PARALLEL = fields.PARALLEL_MIGRATIONS[-1]
CHANGED = with_settings(make_kubevirt(generation=2, observed_generation=2), **{PARALLEL: 9})
UNSETTLED = replace(CHANGED, observed_generation=1)
CLOSED = Window(kind=WindowKind.ALLOW, cron="0 22 * * *", duration=Duration.parse("2h"))
SETTLE_S = 5.0


class Waves:
    """The steps of a KubeVirt CR change with fakes; ``step`` passes a snapshot to them."""

    def __init__(self, *answers, kubevirt=None, approval=None, ports=None, **policy) -> None:
        self.ports = ports or FakePorts()
        self.ports.writer.answers[:] = answers
        self.policy, self.clocks = PlanPolicy(**policy), None
        live = make_live(kubevirt=kubevirt or make_kubevirt())
        self.waves = KubeVirtWaves(
            decide(DESIRED, live, PlanPolicy(), NOW),
            RolloutPolicy(approval=approval, settle_s=SETTLE_S),
            self.ports.context,
            Writes(self.ports.context, self.ports.closer, revision="c", annotate=False),
        )

    def step(self, kubevirt=None, *, after_s=1.0) -> bool:
        self.ports.clock.sleep(after_s)
        live = make_live(kubevirt=kubevirt or make_kubevirt(), observed_at=self.ports.clock.now())
        return self.waves.step(
            Planner().update(
                DESIRED, live, self.policy, self.ports.clock.now(), clocks=self.clocks
            )
        )

    @property
    def reason(self) -> str:
        final = self.waves.tracked.final
        return final.why.reason if final else ""

    @property
    def steps(self):
        return [each.step for each in self.ports.progress]


def test_kubevirt_cr_change_is_complete_only_after_kubevirt_has_applied_the_cr():
    waves = Waves()
    assert not waves.step()
    assert waves.waves.tracked.written
    assert not waves.step(UNSETTLED)
    assert not waves.step(CHANGED)
    assert waves.waves.open
    assert waves.step(CHANGED, after_s=SETTLE_S)
    assert (waves.waves.open, waves.waves.failed) == (False, False)
    assert waves.steps == [Step.WAVE, Step.PATCHED, Step.BARRIER, Step.DONE]
    assert waves.ports.recorder.events == [("ConfigPatched", "kubevirt")]


def test_kubevirt_cr_that_already_has_the_desired_settings_is_not_written():
    waves = Waves(kubevirt=CHANGED)
    assert waves.waves.tracked is None
    assert waves.step(CHANGED)
    assert waves.ports.writer.sent == []


def test_kubevirt_cr_change_that_is_not_applied_in_time_fails_in_this_run_only():
    waves = Waves()
    waves.step()
    assert not waves.step(UNSETTLED, after_s=waves.policy.settle_deadline_s)
    assert (waves.reason, waves.waves.failed, waves.waves.overdue) == ("not-settled", True, True)
    assert not waves.ports.config_lease.writes


def test_reverted_kubevirt_cr_change_is_a_failure_in_this_run_and_in_the_next_run():
    waves = Waves()
    waves.step()
    reverted = make_kubevirt(generation=3, observed_generation=3)
    assert not waves.step(reverted, after_s=SETTLE_S)
    waves.step(reverted, after_s=SETTLE_S)
    assert (waves.reason, waves.waves.failed) == ("reverted", True)
    assert len(waves.ports.writer.sent) == 1
    later = FakePorts(clock=waves.ports.clock, config_lease=waves.ports.config_lease)
    again = Waves(ports=later)
    again.step(reverted)
    assert again.reason == "reverted"
    assert later.writer.sent == []
    assert later.config_lease.writes == 1


def test_kubevirt_cr_that_was_recreated_during_its_change_is_written_again():
    waves = Waves()
    waves.step()
    new = make_kubevirt(uid="another", generation=1)
    waves.step(new, after_s=SETTLE_S)
    waves.step(new, after_s=SETTLE_S)
    assert [each.uid for each in waves.ports.writer.sent] == ["uid-kubevirt", "another"]
    assert waves.waves.open
    assert waves.waves.tracked.patched_at == waves.ports.clock.now()


def test_kubevirt_cr_change_fails_if_the_server_rejects_the_write():
    waves = Waves(Written(refusal=Refusal.FORBIDDEN, status=403, message="no right to patch"))
    waves.step()
    outcome = build_outcome(waves.waves.tracked)
    assert (outcome.result, outcome.reason) == (Result.FAILED, "forbidden")
    assert waves.waves.failed
    assert waves.ports.recorder.events == [("WriteRefused", "kubevirt")]


@pytest.mark.parametrize("approved", [True, False])
def test_kubevirt_cr_change_without_an_approval_is_not_written(approved):
    waves = Waves(
        approval=None
        if approved
        else Approval(digest="d", cluster="cluster", revision="c", actions={})
    )
    waves.step()
    assert len(waves.ports.writer.sent) == approved
    assert waves.waves.failed is not approved
    assert waves.reason == ("" if approved else "not-approved")


def test_kubevirt_cr_change_waits_for_a_maintenance_window():
    waves = Waves(windows=(CLOSED,))
    waves.step()
    assert waves.ports.writer.sent == []
    assert waves.waves.open
    assert waves.waves.hold.why.reason == "outside-window"


def test_kubevirt_cr_is_not_written_without_the_lease_for_the_kubevirt_cr():
    waves = Waves()
    waves.ports.config_lease.is_held = False
    waves.step()
    assert waves.ports.writer.sent == []
    assert waves.waves.tracked.ref == KUBEVIRT
    assert waves.waves.open


def test_kubevirt_cr_is_not_written_if_api_server_and_local_clock_disagree_about_the_window():
    opened_by = Window(kind=WindowKind.ALLOW, cron="0 11 * * *", duration=Duration.parse("2h"))
    waves = Waves(windows=(opened_by,))
    waves.clocks = ClockDifference(
        server="api:6443", server_time=NOW, local_time=NOW + timedelta(hours=2)
    )
    with pytest.raises(ClocksDifferError, match="open only according to the API server's clock"):
        waves.step()
    assert waves.ports.writer.sent == []
