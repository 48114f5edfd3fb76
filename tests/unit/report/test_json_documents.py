"""Tests digests, notations and unusual values in JSON that the golden files do not contain."""

from __future__ import annotations

import tracemalloc
from collections import deque
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from reconciler.model.explanation import Explanation
from reconciler.model.fields import NameSet, WaveName
from reconciler.model.plan.plan import Action, Decision, Effect, PatchOp, Plan, Reason, Wave
from reconciler.model.plan.plan_forecast import Forecast
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.references import Uid, kubevirt_ref, vm_ref
from reconciler.report.json_documents import _object, plan_document, plan_json
from reconciler.report.json_text import dumps
from reconciler.report.json_values import number, plain, timestamp

REF = kubevirt_ref("kubevirt", "kubevirt")


def decided(*digests: str) -> dict:
    actions = tuple(
        Action(
            ref=REF,
            uid=Uid("u"),
            wave=wave,
            effect=Effect.CONFIG,
            reason=Reason.CONFIG_CHANGE,
            patch=(PatchOp(op="test", path=f"/{n}", value=None), PatchOp(op="remove", path="/x")),
            digest=digest,
        )
        for n, (wave, digest) in enumerate(zip(WaveName, digests, strict=False))
    )
    return _object(
        Decision(
            ref=REF,
            uid=Uid("u"),
            effect=Effect.CONFIG,
            why=Explanation(reason=Reason.CONFIG_CHANGE, message="m"),
            actions=actions,
        )
    )


def test_plan_json_contains_the_digest_of_an_object_with_one_planned_change():
    assert decided("sha256:aa")["digest"] == "sha256:aa"
    assert decided()["digest"] is None
    assert decided()["wave"] is None


def test_plan_json_contains_a_combined_digest_for_an_object_with_several_planned_changes():
    expected = sha256(b"sha256:aa\nsha256:bb").hexdigest()
    assert decided("sha256:aa", "sha256:bb")["digest"] == f"sha256:{expected}"


def test_plan_json_lists_the_patches_of_an_object_in_order():
    paths = [op["path"] for op in decided("sha256:aa", "sha256:bb")["patch"]]
    assert paths == ["/0", "/x", "/1", "/x"]


def test_plan_json_keeps_null_values_of_json_patch_test_operations():
    first, second = decided("sha256:aa")["patch"]
    assert first == {"op": "test", "path": "/0", "value": None}
    assert second == {"op": "remove", "path": "/x"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(MemoryQuantity.parse("2048Mi"), "2048Mi"), (MemoryQuantity.parse(1024), 1024),
     (Duration.parse("1m0s"), "1m0s"), (NameSet.of(("B", "A")), ["B", "A"]), (True, True),
     (3, 3), ("Stage", "Stage"), (None, None)],
)  # fmt: skip
def test_json_values_keep_the_notation_in_which_they_were_read(value, expected):
    assert plain(value) == expected


def test_timestamp_in_json_is_in_utc():
    at = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(at) == "2025-12-31T23:00:00Z"
    assert timestamp(datetime(2026, 1, 1, 0, 0, 0, 7000, tzinfo=UTC)) == "2026-01-01T00:00:00.007Z"


def test_duration_of_whole_seconds_has_no_fraction_in_json():
    assert [number(300.0), number(1.23456)] == [300, 1.235]


def odd_plan(n: int) -> Plan:
    """Build a plan of *n* objects with empty lists and values that orjson rejects."""
    odd, plain = ("\ud800", 2**70), ({"a": [], "b": {}}, "a\nb", None)
    decisions = tuple(
        Decision(
            ref=vm_ref("db", f"vm-{number}"),
            uid=None,
            effect=Effect.CREATE,
            why=Explanation(reason=Reason.NEW, message="m" * 500),
            actions=(
                Action(
                    ref=vm_ref("db", f"vm-{number}"),
                    uid=None,
                    wave=WaveName.MEMORY,
                    effect=Effect.CREATE,
                    reason=Reason.NEW,
                    patch=tuple(
                        PatchOp(op="add", path="/a", value=each)
                        for each in (plain if number else odd + plain)
                    ),
                    digest="sha256:aa",
                ),
            ),
        )
        for number in range(n)
    )
    return Plan(
        revision="working-tree",
        dirty=True,
        cluster="c",
        kubevirt=REF,
        kubevirt_version="",
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        decisions=decisions,
        waves=(Wave(name=WaveName.MEMORY, barrier=None, actions=()),),
        forecast=Forecast(
            migrations=0, n_bytes_copied=0, peak_extra_requests={}, earliest_s=0, latest_s=0
        ),
    )


@pytest.mark.parametrize("n", [0, 1, 2])
def test_streamed_plan_json_equals_plan_json_that_is_encoded_as_a_whole(n):
    plan = odd_plan(n)
    document = plan_document(plan)
    whole = document | {
        "objects": [_object(each) for each in plan.decisions],
        "waves": [{"name": "memory", "barrier": None, "actions": []}],
        "forecast": document["forecast"] | {"vms": []},
        "diagnostics": [],
    }
    assert "".join(plan_json(plan)) == dumps(whole)


def test_streamed_plan_json_memory_use_does_not_grow_with_the_number_of_objects():
    peaks = []
    for n in (20, 400):
        plan = odd_plan(n)
        tracemalloc.start()
        deque(plan_json(plan), maxlen=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]
