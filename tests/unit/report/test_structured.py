"""JSON: digests, spellings and odd values, apart from the goldens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from reconciler.model.fields import NameSet, WaveName
from reconciler.model.plan import Action, Decision, Effect, PatchOp, Reason
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.refs import Uid, kubevirt_ref
from reconciler.report.structured import _object, dumps, number, plain, timestamp

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
            reason=Reason.CONFIG_CHANGE,
            message="m",
            actions=actions,
        )
    )


def test_an_object_has_the_digest_of_its_one_action():
    assert decided("sha256:aa")["digest"] == "sha256:aa"
    assert decided()["digest"] is None
    assert decided()["wave"] is None


def test_an_object_with_several_actions_has_one_digest_over_theirs():
    expected = sha256(b"sha256:aa\nsha256:bb").hexdigest()
    assert decided("sha256:aa", "sha256:bb")["digest"] == f"sha256:{expected}"


def test_the_patch_of_an_object_is_that_of_its_actions_in_order():
    paths = [op["path"] for op in decided("sha256:aa", "sha256:bb")["patch"]]
    assert paths == ["/0", "/x", "/1", "/x"]


def test_a_test_for_null_keeps_its_value_and_a_remove_has_none():
    first, second = decided("sha256:aa")["patch"]
    assert first == {"op": "test", "path": "/0", "value": None}
    assert second == {"op": "remove", "path": "/x"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(MemoryQuantity.parse("2048Mi"), "2048Mi"), (MemoryQuantity.parse(1024), 1024),
     (Duration.parse("1m0s"), "1m0s"), (NameSet.of(("B", "A")), ["B", "A"]), (True, True),
     (3, 3), ("Stage", "Stage"), (None, None)],
)  # fmt: skip
def test_values_are_spelled_as_they_were_read(value, expected):
    assert plain(value) == expected


def test_times_are_in_utc():
    at = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(at) == "2025-12-31T23:00:00Z"
    assert timestamp(datetime(2026, 1, 1, 0, 0, 0, 7000, tzinfo=UTC)) == "2026-01-01T00:00:00.007Z"


def test_whole_seconds_have_no_fraction():
    assert [number(300.0), number(1.23456)] == [300, 1.235]


@pytest.mark.parametrize("value", ["\ud800", 2**70, {1: "a"}])
def test_what_yaml_can_spell_can_be_written(value):
    assert json.loads(dumps({"manifest": value}))


def test_keys_keep_their_order():
    assert list(json.loads(dumps({"b": 1, "a": 2}))) == ["b", "a"]
