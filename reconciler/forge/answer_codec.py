"""``decoded``: decodes the JSON body of a response from a Git host (GitHub, GitLab, …)."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from reconciler.decoders import json_decoder
from reconciler.errors import ForgeError

T = TypeVar("T")


def decoded(body: bytes, kind: type[T]) -> T:
    """Decode a JSON response body into a value of type *kind*, and ignore unknown fields.

    Raises:
        ForgeError: The body is not JSON, or does not match the documented API of the Git host.
    """
    try:
        return json_decoder(kind).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ForgeError(
            "the response of the Git host does not match the documentation of its API",
            hint="check that the URL is the API URL of the Git host, such as https://HOST/api/v3",
        ) from error
