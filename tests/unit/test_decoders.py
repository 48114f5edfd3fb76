"""A thread gets a msgspec decoder for a new type only when the decoder is complete."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from reconciler.decoders import convert, json_decoder, msgpack_decoder

YIELDS = 200


def new_type(while_reading) -> Any:
    """Return a nested type; msgspec calls *while_reading* before it has analyzed the whole type.

    msgspec evaluates annotations that are strings, here a function call.
    """

    def value_type() -> type:
        while_reading()
        return int

    inner = msgspec.defstruct(
        "Inner", [("value", "value_type()")], namespace={"value_type": staticmethod(value_type)}
    )
    return msgspec.defstruct("Outer", [("inner", inner)])


def converted(kind: Any) -> None:
    with suppress(msgspec.ValidationError):
        convert({}, kind)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (json_decoder, json_decoder),
        (json_decoder, msgpack_decoder),
        (msgpack_decoder, json_decoder),
        (converted, json_decoder),
        (json_decoder, converted),
    ],
)
def test_second_thread_waits_until_the_first_thread_has_created_the_decoder_of_a_type(
    first, second
):
    ended = []

    def while_reading() -> None:
        other.start()
        for _ in range(YIELDS):  # the other thread runs, and ends now unless it waits
            other.join(0)
        ended.append("first")

    def decode() -> None:
        second(kind)
        ended.append("second")

    kind = new_type(while_reading)
    other = threading.Thread(target=decode)
    first(kind)
    other.join()
    assert ended == ["first", "second"]


def test_decoder_of_a_type_is_created_once():
    kind = new_type(lambda: None)
    assert json_decoder(kind) is json_decoder(kind)
