"""Tests how long a plan waits until KubeVirt has applied its changed CR."""

from __future__ import annotations

import pytest
from support.builders import NOW, decide, make_desired, make_live, make_vm, make_vmi, want

from reconciler.model.desired.config import Config
from reconciler.model.fields import ROLLOUT_STRATEGY
from reconciler.model.quantity import Duration
from reconciler.plan.plan_policy import plan_policy
from reconciler.report.json_documents import plan_json
from reconciler.report.plan_markdown import plan_markdown
from reconciler.report.plan_text import plan_text


def planned(**config):
    """Return a plan that changes first the KubeVirt CR and then the memory of a VM."""
    desired = make_desired(want("2Gi"), kubevirt={ROLLOUT_STRATEGY: "LiveUpdate"})
    live = make_live(make_vm(), vmis=(make_vmi(),))
    return decide(desired, live, plan_policy(Config(**config)), NOW)


def test_plan_shows_the_configured_timeout_for_applying_the_kubevirt_cr():
    plan = planned(settle_timeout=Duration.parse("7m30s"))
    assert [each.barrier and each.barrier.deadline_s for each in plan.waves] == [None, 450.0]


def test_plan_waits_up_to_five_minutes_by_default_until_the_kubevirt_cr_is_applied():
    assert [each.barrier and each.barrier.deadline_s for each in planned().waves] == [None, 300.0]


@pytest.mark.parametrize(
    ("render", "printed"),
    [
        (lambda plan: plan_text(plan, width=200, color=False, verbose=False), "at most 7m30s)"),
        (plan_markdown, "at most 7m30s)"),
        (plan_json, '"deadlineSeconds": 450'),
    ],
    ids=["text", "markdown", "json"],
)
def test_every_plan_output_format_shows_the_configured_timeout_for_applying_the_kubevirt_cr(
    render, printed
):
    assert printed in "".join(render(planned(settle_timeout=Duration.parse("7m30s"))))
