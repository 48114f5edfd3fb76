"""Encodes and decodes the continue tokens of paged lists.

Clients do not interpret a token, but they see the error messages about tokens.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/storage/continue.go.
"""

from __future__ import annotations

import base64
import binascii
import string
from dataclasses import dataclass
from typing import Final

import orjson

from reconciler.simulator.encoding import go_json

_VERSION: Final = "meta.k8s.io/v1"
_LETTERS: Final = frozenset(string.ascii_letters + string.digits + "-_")
_INCONSISTENT: Final = -1

EXPIRED_MESSAGE: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


class TokenError(ValueError):
    """Raised for an invalid continue token, with the error message of kube-apiserver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The position in a paged list at which the next page starts."""

    revision: int | None
    """The resourceVersion of the list, or None for the newest state (after a 410 response)."""
    after: str
    """The path of the last object on the previous page of the list."""


def encode(position: Position, namespace: str | None) -> str:
    """Encodes a list position as a continue token, for one namespace or for all namespaces."""
    prefix = f"{namespace}/" if namespace else ""
    revision = _INCONSISTENT if position.revision is None else position.revision
    start = position.after.removeprefix(prefix) + "\0"
    token = orjson.dumps({"v": _VERSION, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def decode(token: str, namespace: str | None) -> Position:
    """Decodes a continue token into a list position.

    Raises:
        TokenError: The API server did not create the token.
    """
    prefix = f"{namespace}/" if namespace else ""
    content = _decode_base64(token)
    try:
        fields = go_json.loads(content)
    except go_json.MalformedError as error:
        raise TokenError(f"continue key is not valid: {error}") from error
    if not isinstance(fields, dict) or fields.get("v") != _VERSION:
        version = fields.get("v", "") if isinstance(fields, dict) else ""
        raise TokenError(
            "continue key is not valid: server does not recognize this encoded version "
            f'"{version}"'
        )
    revision, start = fields.get("rv"), fields.get("start")
    if not isinstance(revision, int) or revision == 0:
        raise TokenError("continue key is not valid: incorrect encoded start resourceVersion")
    if not isinstance(start, str) or not start:
        raise TokenError("continue key is not valid: encoded start key empty")
    return Position(
        revision=None if revision == _INCONSISTENT else revision,
        after=prefix + start.lstrip("/").removesuffix("\0"),
    )


def _decode_base64(token: str) -> bytes:
    bad = next((i for i, letter in enumerate(token) if letter not in _LETTERS), None)
    if bad is None and len(token) % 4 == 1:
        bad = len(token) - 1
    if bad is not None:
        raise TokenError(f"continue key is not valid: illegal base64 data at input byte {bad}")
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error as error:
        raise TokenError(f"continue key is not valid: {error}") from error
