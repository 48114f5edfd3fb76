"""Tests the annotation with the saved rollout progress: its format, its size and bad values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.explanation import Explanation
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.model.run.checkpoint import (
    UID_LENGTH,
    Checkpoint,
    RecordedFailure,
    Soak,
    Start,
    WrittenSize,
)
from reconciler.rollout.tracking import checkpoint_codec as codec

NOW = datetime(2026, 11, 23, 12, 0, 30, 250_000, tzinfo=UTC)


def failure(reason="reverted", message="somebody reverted it", target="12Gi", at=NOW):
    why = Explanation(reason=reason, message=message)
    return RecordedFailure(uid="uid-1", target=target, why=why, at=at)


def many(count, **changes):
    return Checkpoint(
        soak=Soak(digest="sha256:1", since=NOW),
        failures={
            vm_ref("db", f"vm-{i}"): failure(at=NOW + timedelta(seconds=i), **changes)
            for i in range(count)
        },
    )


times = st.datetimes(timezones=st.just(UTC))
texts = st.text(max_size=codec.LONGEST_MESSAGE)
checkpoints = st.builds(
    Checkpoint,
    soak=st.none() | st.builds(Soak, digest=texts, since=times),
    failures=st.dictionaries(
        st.builds(vm_ref, texts, texts) | st.builds(kubevirt_ref, texts, texts),
        st.builds(
            RecordedFailure,
            uid=st.none() | texts,
            target=texts,
            why=st.builds(Explanation, reason=texts, message=texts, hint=st.just("")),
            at=times,
        ),
        max_size=5,
    ),
    starts=st.dictionaries(
        st.builds(vm_ref, texts, texts),
        st.builds(
            Start, uid=st.none() | texts, target=texts, instance=st.none() | texts, at=times
        ),
        max_size=5,
    ),
    written=st.dictionaries(
        st.builds(vm_ref, texts, texts),
        st.builds(WrittenSize, uid=st.text(max_size=UID_LENGTH), target=texts, commit=texts),
        max_size=5,
    ),
)


@given(checkpoints)
def test_rollout_checkpoint_is_read_back_unchanged(checkpoint):
    assert codec.decoded(codec.encoded(checkpoint)) == codec.Decoded(checkpoint)


def test_rollout_checkpoint_annotation_has_a_stable_format():
    checkpoint = Checkpoint(
        soak=Soak(digest="sha256:1", since=NOW), failures={vm_ref("db", "pg-0"): failure()}
    )
    assert json.loads(codec.encoded(checkpoint)) == {
        "soak": {"digest": "sha256:1", "since": "2026-11-23T12:00:30.250000Z"},
        "failures": [
            {
                "kind": "VirtualMachine",
                "namespace": "db",
                "name": "pg-0",
                "uid": "uid-1",
                "target": "12Gi",
                "reason": "reverted",
                "message": "somebody reverted it",
                "at": "2026-11-23T12:00:30.250000Z",
            }
        ],
    }


def fleet(count, name="vm"):
    """Return *count* changes in flight, each from one of two commits."""
    return {
        vm_ref("db", f"{name}-{i:04}"): WrittenSize(
            uid="3f2a9c41", target="12884901888", commit="ab"[i % 2] * 40
        )
        for i in range(count)
    }


def test_checkpoint_of_2000_changes_in_flight_stores_each_commit_once_and_has_space_for_failures():
    checkpoint = Checkpoint(written=fleet(2000))
    text = codec.encoded(checkpoint)
    assert (text.count("a" * 40), text.count("b" * 40)) == (1, 1)
    assert len(text) < codec.MOST_BYTES * 3 // 4
    assert codec.decoded(text).checkpoint == checkpoint


def test_rollout_checkpoint_that_is_too_long_omits_the_oldest_changes_in_flight_first():
    failures = many(codec.MOST_FAILURES, message="m" * 300).failures
    checkpoint = Checkpoint(failures=failures, written=fleet(2000, name="v" * 60))
    text = codec.encoded(checkpoint)
    found = codec.decoded(text).checkpoint
    assert len(text) <= codec.MOST_BYTES
    assert found.failures == failures
    newest = vm_ref("db", "v" * 60 + "-1999")
    assert newest in found.written
    assert len(found.written) < 2000


def test_empty_rollout_checkpoint_is_stored_as_no_annotation():
    assert codec.encoded(Checkpoint()) is None
    assert codec.decoded(None) == codec.decoded("") == codec.Decoded(Checkpoint())


def test_rollout_checkpoint_time_in_another_time_zone_is_read_as_the_same_moment():
    east = NOW.astimezone(timezone(timedelta(hours=5)))
    soak = Soak(digest="d", since=east)
    assert codec.decoded(codec.encoded(Checkpoint(soak=soak))).checkpoint.soak == soak


def test_rollout_checkpoint_with_too_many_failures_omits_the_oldest_failures():
    found = codec.decoded(codec.encoded(many(codec.MOST_FAILURES + 7))).checkpoint
    assert len(found.failures) == codec.MOST_FAILURES
    assert vm_ref("db", "vm-6") not in found.failures
    assert vm_ref("db", "vm-7") in found.failures
    assert found.soak is not None


def test_rollout_checkpoint_stores_a_long_message_in_a_shortened_form():
    checkpoint = Checkpoint(failures={vm_ref("db", "pg-0"): failure(message="x" * 5000)})
    (found,) = codec.decoded(codec.encoded(checkpoint)).checkpoint.failures.values()
    assert found.why.message == "x" * (codec.LONGEST_MESSAGE - 1) + "…"


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\x00", '"'])
def test_rollout_checkpoint_annotation_stays_within_its_size_limit(character):
    long = character * 253
    checkpoint = many(codec.MOST_FAILURES, message=character * 5000, reason=long, target=long)
    text = codec.encoded(checkpoint)
    assert len(text.encode()) <= codec.MOST_BYTES
    found = codec.decoded(text).checkpoint
    assert found.failures
    newest = vm_ref("db", f"vm-{codec.MOST_FAILURES - 1}")
    assert newest in found.failures
    assert found.soak == checkpoint.soak


GARBAGE = [
    " ",
    "null",
    "1",
    "[]",
    '"text"',
    "{",
    "[" * 100_000,
    '{"soak": 1}',
    '{"soak": {"digest": "d"}}',
    '{"soak": {"digest": 1, "since": "2026-11-23T12:00:00Z"}}',
    '{"soak": {"digest": "d", "since": "yesterday"}}',
    '{"soak": {"digest": "d", "since": "2026-11-23T12:00:00"}}',
    '{"soak": {"digest": "d", "since": 5}}',
    '{"soak": {"digest": "d", "since": "0001-01-01T00:00:00+23:00"}}',
    '{"failures": 1}',
    '{"failures": {"a": 1}}',
    '{"failures": [1]}',
    '{"failures": [{}]}',
    '{"failures": null}',
    '{"failures": [{"kind": "VirtualMachine"}]}',
    '{"starts": [{"namespace": 1}]}',
    '{"written": {"commit": {"db": ["pg-0"]}}}',
    '{"written": {"commit": {"db": {"pg-0": ["12Gi"]}}}}',
    '{"soak": {"digest": "d", "since": "99999-01-01T00:00:00Z"}}',
    '{"soak": {"digest": "d", "since": 1e400}}',
    '{"soak": {"digest": "\\ud800", "since": "2026-11-23T12:00:00Z"}}',
    '{"unknown": ' + "[" * 100_000,
]


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: text[:30])
def test_unreadable_rollout_checkpoint_annotation_is_reported_and_counts_as_empty(text):
    found = codec.decoded(text)
    assert found.checkpoint == Checkpoint()
    assert (
        "memory.reconciler.dev/rollout of a Lease, which stores the progress of earlier runs, "
        "cannot be read"
    ) in found.problem
    assert "\n" not in found.problem
    assert len(found.problem) < 400


@given(st.text())
def test_random_text_in_the_rollout_checkpoint_annotation_never_raises_an_exception(text):
    found = codec.decoded(text)
    assert bool(found.problem) == (found.checkpoint == Checkpoint() and not _empty(text))


def _empty(text):
    if not text:
        return True
    try:
        document = json.loads(text)
    except ValueError:
        return False
    return isinstance(document, dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["soak", "failures", "uid", "at"]), inner)
        ),
        max_leaves=8,
    )
)
def test_random_json_in_the_rollout_checkpoint_annotation_counts_as_an_empty_checkpoint(value):
    found = codec.decoded(json.dumps(value))
    assert found.checkpoint == Checkpoint()


@pytest.mark.parametrize(("age_s", "kept"), [(0, True), (3600, True), (3601, False), (-5, True)])
def test_vm_failure_in_the_rollout_checkpoint_expires_after_an_hour(age_s, kept):
    soak = Soak(digest="d", since=NOW - timedelta(days=3))
    ref = vm_ref("db", "pg-0")
    checkpoint = Checkpoint(soak=soak, failures={ref: failure(at=NOW - timedelta(seconds=age_s))})
    left = codec.without_expired(checkpoint, NOW)
    assert (ref in left.failures) is kept
    assert left.soak == soak
