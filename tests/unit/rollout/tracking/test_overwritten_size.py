"""Tests the explanations for a written value that another client has overwritten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    KUBEVIRT,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    want,
)

from reconciler.model import fields
from reconciler.model.plan.plan import Effect
from reconciler.rollout.tracking.overwritten_size import lost, wanted

LIVE = make_live(make_vm(guest="3Gi"), vmis=(make_vmi(),))
(DECISION,) = plan_of(make_desired(want("2Gi")), LIVE).decisions


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        (
            {"owner": "kubectl-edit"},
            "reverted",
            "after this run wrote its value, kubectl-edit changed the value to 3Gi",
        ),
        (
            {"owner": ""},
            "reverted",
            "after this run wrote its value, another client changed the value to 3Gi",
        ),
        (
            {"changes": ()},
            "reverted",
            "after this run wrote its value, another client changed the value to another size",
        ),
        (
            {"effect": Effect.CREATE},
            "deleted",
            ("the run created the VM, and then another client deleted it"),
        ),
    ],
)
def test_message_about_a_reverted_memory_size_contains_the_current_value(changes, reason, message):
    why = lost(replace(DECISION, **({"owner": ""} | changes)))
    assert why.reason == reason
    assert why.message.startswith(message)
    assert why.hint


def test_rollout_checkpoint_stores_the_target_size_of_a_vm_in_bytes():
    assert wanted(DECISION) == str(2 * 1024**3)
    assert wanted(replace(DECISION, target=None)) == ""


def test_rollout_checkpoint_stores_the_changed_fields_of_the_kubevirt_cr_as_target():
    desired = make_desired(kubevirt={fields.PARALLEL_MIGRATIONS: 9})
    (decision,) = plan_of(desired, make_live(kubevirt=make_kubevirt())).decisions
    assert decision.ref == KUBEVIRT
    assert wanted(decision).endswith("parallelMigrationsPerCluster=9")
