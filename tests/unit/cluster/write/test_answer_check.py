"""Tests the check that the response to a write contains the written values."""

from __future__ import annotations

import pytest

from reconciler.cluster.write.answer_check import uncreated, unpatched
from reconciler.model.plan.plan import PatchOp

GUEST = "/spec/template/spec/domain/memory/guest"
GATES = "/spec/configuration/developerConfiguration/featureGates"
FACTOR = "/spec/configuration/liveUpdateConfiguration/maxHotplugRatio"
NOTE = "/metadata/annotations/memory.reconciler.dev~1applied"


def memory(**sizes):
    return {"spec": {"template": {"spec": {"domain": {"memory": sizes}}}}}


def gates(*names):
    return {"spec": {"configuration": {"developerConfiguration": {"featureGates": list(names)}}}}


def updates(settings):
    return {"spec": {"configuration": {"liveUpdateConfiguration": settings}}}


@pytest.mark.parametrize(
    ("op", "path", "value", "answer", "sentences"),
    [
        ("replace", GUEST, "2Gi", memory(guest="2Gi"), 0),
        # A webhook may write the same quantity in another notation.
        ("replace", GUEST, "2Gi", memory(guest="2048Mi"), 0),
        ("replace", GUEST, "2Gi", memory(guest="1Gi"), 1),
        ("replace", GUEST, "2Gi", memory(guest="much"), 1),
        ("replace", GUEST, "2Gi", {}, 1),
        # A guard describes the object before the write.
        ("test", GUEST, "1Gi", memory(guest="2Gi"), 0),
        ("remove", GUEST, None, memory(), 0),
        ("remove", GUEST, None, memory(guest="2Gi"), 1),
        ("add", f"{GATES}/-", "HotplugVolumes", gates("Snapshot", "HotplugVolumes"), 0),
        ("add", f"{GATES}/-", "HotplugVolumes", gates("Snapshot"), 1),
        ("add", f"{GATES}/-", "HotplugVolumes", {}, 1),
        ("add", FACTOR, 4, updates({"maxHotplugRatio": 4}), 0),
        ("add", FACTOR, 4, updates({"maxHotplugRatio": 2}), 1),
        ("add", FACTOR, 4, updates({}), 1),
        # An added object may come back with defaults, but not without its own keys.
        ("add", FACTOR[: FACTOR.rindex("/")], {}, updates({"maxHotplugRatio": 4}), 0),
        ("add", FACTOR[: FACTOR.rindex("/")], {"maxHotplugRatio": 4}, updates({}), 1),
        ("add", FACTOR[: FACTOR.rindex("/")], {}, {}, 1),
        (
            "add",
            NOTE,
            "{}",
            {"metadata": {"annotations": {"memory.reconciler.dev/applied": "{}"}}},
            0,
        ),
    ],
)
def test_response_to_a_patch_must_contain_every_value_that_the_patch_writes(
    op, path, value, answer, sentences
):
    found = unpatched(answer, (PatchOp(op=op, path=path, value=value),))
    assert len(found) == sentences, found


def test_error_about_a_value_that_was_not_written_contains_its_path_and_both_values():
    op = PatchOp(op="replace", path=GUEST, value="2Gi")
    assert unpatched(memory(guest="1Gi"), (op,)) == (
        "spec.template.spec.domain.memory.guest is 1Gi, not 2Gi",
    )
    assert unpatched({}, (op,)) == ("spec.template.spec.domain.memory.guest is absent, not 2Gi",)


@pytest.mark.parametrize(
    ("manifest", "answer", "sentences"),
    [
        (memory(guest="2Gi"), memory(guest="2Gi", maxGuest="8Gi"), 0),
        (memory(guest="2Gi"), memory(guest="1Gi"), 1),
        ({"spec": {"instancetype": {"name": "small"}}}, {"spec": {}}, 1),
        # Fields that this program does not manage may differ.
        ({"spec": {"running": True}}, {"spec": {}}, 0),
    ],
)
def test_response_to_a_create_request_must_contain_the_managed_fields(manifest, answer, sentences):
    assert len(uncreated(answer, manifest)) == sentences
