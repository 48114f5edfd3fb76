"""Tests that an approval lists every planned change."""

from __future__ import annotations

from support.builders import (
    ALWAYS,
    KUBEVIRT,
    VM,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    want,
)

from reconciler.model import fields
from reconciler.model.desired.config import RestartConsent
from reconciler.model.fields import NameSet, WaveName
from reconciler.model.plan.approval import ApprovedAction
from reconciler.model.plan.plan import Effect
from reconciler.model.references import vm_ref
from reconciler.plan.approval_summary import approval_of


def test_approval_lists_every_planned_action_with_its_change():
    other = vm_ref("db", "as-it-is")
    live = make_live(make_vm(), make_vm(other), vmis=(make_vmi(), make_vmi(other)))
    plan = plan_of(make_desired(want("2Gi"), want("1Gi", other)), live)
    found = approval_of(plan)
    (action,) = plan.waves[0].actions
    assert (found.cluster, found.revision, found.digest) == ("cluster", "0123abc", plan.digest)
    assert found.actions == {
        VM: (
            ApprovedAction(
                wave=WaveName.MEMORY,
                digest=action.digest,
                effect=Effect.LIVE,
                reason="hotplug",
                change="guest 1Gi -> 2Gi",
            ),
        )
    }


def test_approval_lists_each_wave_of_a_kubevirt_cr_change_as_a_separate_action():
    wanted = {
        fields.FEATURE_GATES: NameSet.of(("Snapshot",)),
        fields.ROLLOUT_STRATEGY: "LiveUpdate",
    }
    found = approval_of(plan_of(make_desired(kubevirt=wanted), make_live()))
    changes = [(each.wave.value, each.change) for each in found.actions[KUBEVIRT]]
    assert changes == [
        ("feature-gate", "featureGates unset -> [Snapshot]"),
        ("strategy", "vmRolloutStrategy unset -> LiveUpdate"),
    ]
    assert found.of(KUBEVIRT, WaveName.STRATEGY) == found.actions[KUBEVIRT][1]


def test_approval_lists_a_vm_restart_as_a_separate_action():
    live = make_live(make_vm(), vmis=(make_vmi(),))
    plan = plan_of(
        make_desired(want("8Gi")), live, restart=RestartConsent.WINDOW, windows=(ALWAYS,)
    )
    found = approval_of(plan).actions[VM]
    assert [(each.wave.value, each.change) for each in found] == [
        ("memory", "guest 1Gi -> 8Gi"),
        ("restart", "restart"),
    ]
    assert len({each.digest for each in found}) == 2
