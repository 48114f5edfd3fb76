"""Streamed JSON equals JSON that is encoded at once, and is produced element by element."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.json_text import compact, dumps, one_line, pieces

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["\n", '"\n"', "\u2028", "ä"])
)
WHOLE = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
PARTS = st.recursive(
    WHOLE | st.lists(WHOLE, max_size=4).map(tuple),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
"""Generated documents with tuples, which the tests convert to iterators or lists."""


def with_each_tuple(value, turned):
    match value:
        case tuple():
            return turned(value)
        case dict():
            return {key: with_each_tuple(each, turned) for key, each in value.items()}
        case list():
            return [with_each_tuple(each, turned) for each in value]
        case _:
            return value


@given(PARTS)
def test_streamed_json_equals_json_that_is_encoded_as_a_whole(document):
    written = "".join(pieces(with_each_tuple(document, iter)))
    assert written == dumps(with_each_tuple(document, list))


@pytest.mark.parametrize("odd", ["\ud800", 2**70])
def test_json_value_that_orjson_rejects_does_not_change_the_format_of_other_values(odd):
    written = "".join(pieces({"a": iter(["ä", odd, "ö"])}))
    assert json.loads(written) == {"a": ["ä", odd, "ö"]}
    assert written.splitlines()[2::2] == ['    "ä",', '    "ö"', "}"]


def test_streamed_json_reads_each_list_element_only_when_the_element_is_written():
    asked = []

    def elements():
        for number in range(3):
            asked.append(number)
            yield {"n": number}

    stream = pieces({"before": {}, "many": elements(), "after": []})
    assert [list(asked) for piece in stream if '"n"' in piece] == [[0], [0, 1], [0, 1, 2]]


@pytest.mark.parametrize("value", ["\ud800", 2**70, {1: "a"}])
def test_json_output_accepts_yaml_values_that_orjson_rejects(value):
    assert json.loads(dumps({"manifest": value}))
    assert json.loads("".join(pieces({"manifest": iter([value])})))
    assert json.loads(compact({"manifest": value}))


def test_json_output_keeps_the_order_of_keys():
    assert list(json.loads(dumps({"b": 1, "a": 2}))) == ["b", "a"]
    assert list(json.loads("".join(pieces({"b": iter([1]), "a": 2})))) == ["b", "a"]


@pytest.mark.parametrize("write", [dumps, compact])
def test_json_output_without_streaming_rejects_an_iterator(write):
    with pytest.raises(TypeError, match="pieces"):
        write({"objects": iter([1])})


def test_single_line_json_keeps_line_breaks_and_spaces_in_values():
    document = {"a": ["two\nlines", "  \u2028spaces  "], "b": {"c": iter((1, {"d": " x"}))}}
    made = {"a": ["two\nlines", "  \u2028spaces  "], "b": {"c": [1, {"d": " x"}]}}
    line = one_line(pieces(document))
    assert line.count("\n") == 1
    assert json.loads(line) == made
