"""Verifies webhook signatures in constant time, with pure functions.

Each function computes the signature for every secret, and compares whole values, so that the
duration depends on neither the sender's value nor the secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

KEY_PREFIX = "whsec_"
"""The prefix of a Standard Webhooks secret; the rest of the secret is the key in base64."""
WINDOW_S = 300.0
"""The maximum difference in seconds between the signed time and the arrival time.

Source: Standard Webhooks specification 1.0.0, "Verifying webhook authenticity".
"""
_ALGORITHMS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_MAX_SIGNATURES = 16
"""The maximum number of signatures in one header; a sender that rotates its keys sends two."""
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def hex_signature(header: str, prefixes: Iterable[str]) -> tuple[str, bytes] | None:
    """Parse the algorithm and the value of a header such as ``sha256=<hex>``.

    Args:
        header: The value of the header.
        prefixes: The permitted algorithms; an empty string permits a header without an algorithm,
            which means SHA-256.

    Returns:
        The algorithm and the decoded value, or None if the header does not have this form.
    """
    name, separator, digits = header.rpartition("=")
    algorithm = name if separator else ""
    if algorithm not in prefixes:
        return None
    algorithm = algorithm or "sha256"
    n_digits = _ALGORITHMS[algorithm]().digest_size * 2
    if len(digits) != n_digits or not re.fullmatch("[0-9a-fA-F]+", digits):
        return None
    return algorithm, bytes.fromhex(digits)


def matches_hmac(body: bytes, signature: tuple[str, bytes], secrets: Iterable[bytes]) -> bool:
    """Return whether a value is the HMAC of the request body with any of the secrets."""
    algorithm, value = signature
    return _any_equal(
        (hmac.new(each, body, _ALGORITHMS[algorithm]).digest() for each in secrets), value
    )


def matches_token(token: str, secrets: Iterable[bytes]) -> bool:
    """Return whether a plain-text token equals any of the secrets."""
    # Digests have the same length, so that not even the length of a secret shows.
    value = hashlib.sha256(token.encode("latin-1", "replace")).digest()
    return _any_equal((hashlib.sha256(each).digest() for each in secrets), value)


def standard_signatures(header: str) -> tuple[bytes, ...]:
    """Parse a header with space-separated signatures of the form ``v1,<base64>``."""
    found = []
    for each in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, text = each.partition(",")
        if version != "v1":
            continue
        try:
            value = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(value) == hashlib.sha256().digest_size:
            found.append(value)
    return tuple(found)


def matches_standard(
    body: bytes,
    *,
    message_id: str,
    timestamp: str,
    signatures: Iterable[bytes],
    keys: Iterable[bytes],
) -> bool:
    """Return whether any of the Standard Webhooks signatures matches any of the keys."""
    signed = f"{message_id}.{timestamp}.".encode("latin-1", "replace") + body
    expected = [hmac.digest(each, signed, "sha256") for each in keys]
    return True in [_any_equal(expected, each) for each in signatures]


def is_recent(timestamp: str, now: datetime) -> bool:
    """Return whether a Unix time in seconds differs from now by at most five minutes."""
    if not _TIMESTAMP.fullmatch(timestamp):
        return False
    return abs(int(timestamp) - now.timestamp()) <= WINDOW_S


def standard_key(secret: str) -> bytes | None:
    """Decode the key in a Standard Webhooks secret; return None if it is not base64.

    The prefix ``whsec_`` and the padding are optional.
    """
    text = secret.removeprefix(KEY_PREFIX).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _any_equal(expected: Iterable[bytes], value: bytes) -> bool:
    """Return whether a value equals any expected value; always compare it with all of them."""
    return True in [hmac.compare_digest(each, value) for each in expected]
