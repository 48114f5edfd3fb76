"""Tests that a list response is split into objects while it arrives in chunks of any size."""

from __future__ import annotations

import json
from itertools import chain, count, pairwise, repeat

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cluster.decode import list_stream
from reconciler.cluster.decode.list_stream import objects

SEAM = ',{"metadata":{'
NAMES = st.sampled_from(["a", "ü", SEAM, f"x]{SEAM}}}", '"items":[', "\\", '\\"'])
VALUES = st.recursive(
    NAMES | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries({"metadata": st.fixed_dictionaries({"name": inner})})
        | st.dictionaries(NAMES, inner, max_size=2)
    ),
    max_leaves=6,
)
PODS = st.lists(
    st.fixed_dictionaries(
        {"metadata": st.fixed_dictionaries({"name": NAMES}), "spec": VALUES, "status": VALUES}
    ),
    max_size=5,
)


def parted(text: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[begin:end] for begin, end in pairwise(cuts)]


def read(chunks) -> list[object]:
    return [json.loads(bytes(each)) for each in objects(chunks, "pods")]


@given(PODS, st.lists(st.integers(0, 5_000), max_size=12), st.booleans())
@settings(max_examples=300)
def test_objects_of_a_streamed_list_equal_those_of_a_list_that_is_decoded_as_a_whole(
    pods, places, spaced
):
    document = {"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": pods}
    form = {} if spaced else {"separators": (",", ":")}
    text = json.dumps(document, ensure_ascii=False, **form).encode()
    assert read(parted(text, places)) == pods


@pytest.mark.parametrize("place", range(36, 49))
def test_streamed_object_is_yielded_before_the_next_object_arrives(place):
    """This is also true if the text between two objects arrives in two chunks."""
    text = b'{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}},{"metadata":{}}]}'
    come = []

    def chunks():
        for part in parted(text, [12, place, 53, 70]):
            come.append(part)
            yield part

    first = next(objects(chunks(), "pods"))
    assert json.loads(bytes(first)) == {"metadata": {"name": "a"}}
    assert len(b"".join(come)) == 53


@pytest.mark.parametrize("items", ['"items":null', '"items":[]', '"items": [ ]'])
@pytest.mark.parametrize("kind", ["PodList", "List"])
def test_empty_list_response_yields_no_objects(items, kind):
    assert read([f'{{{items},"kind":"{kind}"}}'.encode()]) == []


@pytest.mark.parametrize(
    "text",
    [
        *('{"items":[]}', '{"kind":"Status","status":"Success"}', '{"kind":"Pod","items":[]}'),
        *('{"kind":"NodeList","items":[]}', '{"items":[{"metadata":{}}],"kind":"PolicyList"}'),
        *('{"kind":"SList","items":[]}', '{"kind":"PodList"}', "{}", "[]"),
    ],
)
def test_list_response_of_an_unexpected_kind_is_not_read_as_an_empty_list(text):
    with pytest.raises(ValueError, match=r"is not a list of pods|no `items` array|required field"):
        read([text.encode()])


def test_list_with_thousands_of_small_objects_is_decoded_completely():
    many = ",".join(['{"spec":{}}'] * 5_000)
    assert len(read([f'{{"kind":"PodList","items":[{many}]}}'.encode()])) == 5_000


@pytest.mark.parametrize(
    "text", ["", "<html>", '{"items":[{"metadata":{}}', '{"items":[{"metadata":{}}]']
)
def test_incomplete_list_response_raises_an_error(text):
    with pytest.raises(msgspec.DecodeError):
        read([text.encode()])


def test_list_item_with_too_many_nested_objects_raises_an_error():
    inner = ",".join(['{"metadata":{}}'] * 10_000)
    with pytest.raises(ValueError, match="more than 100 nested objects"):
        read([f'{{"items":[{{"metadata":{{"all":[{inner}]}}}}]}}'.encode()])


def test_number_of_objects_in_a_list_response_is_limited(monkeypatch):
    monkeypatch.setattr(list_stream, "MAX_OBJECTS", 50)
    pod = b'{"metadata":{"name":"a"}}'
    endless = chain([b'{"items":[' + pod], repeat(b"," + pod))
    with pytest.raises(ValueError, match="the list has more than 50 objects"):
        read(endless)


@pytest.mark.parametrize(
    ("start", "most"), [('{"items":[{"metadata":{"name":"', 33 << 20), ("", 128 << 10)]
)
def test_endless_list_response_raises_an_error(start, most):
    arrived = count()

    def chunks():
        yield start.encode()
        for _ in arrived:
            yield b" " * 65_536

    with pytest.raises(ValueError, match=r"an object is larger than|array does not start"):
        read(chunks())
    assert next(arrived) * 65_536 <= most
