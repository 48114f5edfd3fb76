"""``json_decoder``: builds decoders of msgspec, in only one thread at a time.

msgspec reads the annotations of a type when the type is first used. Before version 0.23, other
threads can use the type before all its fields are read, and the process then ends with SIGSEGV:
``StructInfo_Convert`` in ``msgspec/_core.c`` of 0.22 stores its result in the type and fills it
afterwards. Version 0.23 stores complete results only.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
JSONDecoder = msgspec.json.Decoder
_building = threading.RLock()


def built_once(build: Callable[..., T]) -> Callable[..., T]:
    """Cache the results of a function that builds decoders; only one thread builds at a time."""
    stored = functools.cache(build)

    @functools.wraps(build)
    def locked(*arguments: Any) -> T:  # noqa: ANN401 - types
        with _building:
            return stored(*arguments)

    return locked


def json_decoder(kind: type[T]) -> JSONDecoder[T]:
    """Return an msgspec decoder that converts JSON to values of the given type."""
    return cast("JSONDecoder[T]", _json_decoder(kind))


def msgpack_decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    """Return an msgspec decoder that converts MessagePack to values of the given type."""
    return cast("msgspec.msgpack.Decoder[T]", _msgpack_decoder(kind))


def json_value(body: bytes | str | msgspec.Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON to Python dicts, lists, strings, numbers, booleans and None.

    Raises:
        msgspec.DecodeError: *body* is not JSON; msgspec can also raise other errors.
    """
    return msgspec.json.decode(body)


def convert(value: object, kind: type[T], dec_hook: Callable[[type, Any], Any] | None = None) -> T:
    """Convert Python dicts, lists and scalars to a value of a type, as ``msgspec.convert`` does.

    Raises:
        msgspec.ValidationError: *value* does not match the type.
    """
    msgpack_decoder(kind)  # reads the type; a decoder for JSON would not permit all types
    return msgspec.convert(value, kind, dec_hook=dec_hook)


@built_once
def _json_decoder(kind: Any) -> JSONDecoder[Any]:  # noqa: ANN401 - a type
    return msgspec.json.Decoder(kind)


@built_once
def _msgpack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:  # noqa: ANN401 - a type
    return msgspec.msgpack.Decoder(kind)
