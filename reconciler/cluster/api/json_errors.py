"""``UNDECODABLE``: the exceptions that can occur while JSON from an API server is decoded."""

from __future__ import annotations

import msgspec

UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""The exceptions that can occur while invalid JSON is decoded.

JSON is invalid if it contains, for example, a byte that is not UTF-8 (UnicodeDecodeError), a
number with too many digits or nesting that is too deep.
"""
