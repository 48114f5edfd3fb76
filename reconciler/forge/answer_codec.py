"""``decoded``: decodes JSON from a forge's response."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from reconciler.decoders import json_decoder
from reconciler.errors import ForgeError

T = TypeVar("T")


def decoded(body: bytes, kind: type[T]) -> T:
    """Return a JSON body as a value of a given type; unknown fields are ignored.

    Raises:
        ForgeError: The body is not JSON, or is not what the forge documents.
    """
    try:
        return json_decoder(kind).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ForgeError(
            "the answer of the forge does not match the documentation of its API",
            hint="check that the address is that of the API, such as https://HOST/api/v3",
        ) from error
