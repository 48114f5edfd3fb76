"""Checks that the fast check of plan files accepts only files that jsonschema accepts."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.slow_check import slow_check

from reconciler.schema.check import check
from reconciler.schema.fast_check import fits

GOLDENS = Path(__file__).parents[1] / "golden"
PLANS = [json.loads((GOLDENS / f"{name}.json").read_text()) for name in ("plan", "plan-paced")]
DIGEST = "sha256:" + "0" * 64
WORDS = [
    *("", "live", "memory", "someday", "wait", "patch", "remove", "recorded", "error", "Plan"),
    *("a-b", "a--b", "A", DIGEST, DIGEST[:-1], DIGEST + "\n", "2Gi", "\ud800"),
    *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:00", "2026-13-01T00:00:00Z", "2026-01-01"),
]
KEYS = ["op", "path", "value", "wave", "line", "condition", "from", "manifestDigest", "x", "none"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.just(2**70)
    | st.floats()
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(tree, at=()):
    yield at, tree
    match tree:
        case dict():
            steps = tree.items()
        case list():
            steps = enumerate(tree)
        case _:
            steps = ()
    for step, each in steps:
        yield from places(each, (*at, step))


def changed(tree, path, new):
    """Return a copy of a JSON value with *new* at a path; an Ellipsis removes the key."""
    if not path:
        return new
    step, *rest = path
    if isinstance(tree, list):
        made = [changed(each, rest, new) if n == step else each for n, each in enumerate(tree)]
        return [each for each in made if each is not ...]
    if not isinstance(tree, dict):
        return tree
    made = {**tree, step: changed(tree.get(step), rest, new)}
    return {key: each for key, each in made.items() if each is not ...}


def by_name(tree):
    """Group the paths and values in a JSON value by the last key of the path."""
    found = defaultdict(list)
    for path, value in places(tree):
        keys = [each for each in path if isinstance(each, str)]
        found[keys[-1] if keys else ""].append((path, value))
    return found


@st.composite
def edited(draw):
    """Generate a plan file in which one or two values are changed."""
    plan = draw(st.sampled_from(PLANS))
    objects = draw(st.lists(st.sampled_from(plan["objects"]), max_size=3))
    tree = {**plan, "objects": objects, "diagnostics": plan["diagnostics"][:2]}
    for _ in range(draw(st.integers(1, 2))):
        # Choose the key first, because some keys occur far more often than others.
        found = by_name(tree)
        path, old = draw(st.sampled_from(found[draw(st.sampled_from(sorted(found)))]))
        if draw(st.integers(0, 7)) == 0:
            path = (*path[:-1], draw(st.sampled_from(KEYS)))
        alike = st.sampled_from(WORDS) if isinstance(old, str) else st.integers(-1, 2)
        tree = changed(tree, path, draw(st.one_of(alike, alike, JSON, st.just(...))))
    return tree


def as_found(violations):
    return sorted(map(repr, violations))


@given(edited())
@settings(max_examples=100, deadline=None)
def test_fast_schema_check_finds_the_same_errors_in_plan_files_as_jsonschema(tree):
    found = slow_check(tree, "plan")
    if fits("plan")(tree):
        assert found == ()
    assert as_found(check(tree, "plan")) == as_found(found)


def test_unmodified_plan_files_pass_the_fast_schema_check():
    for plan in PLANS:
        assert fits("plan")(plan)
