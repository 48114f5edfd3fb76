"""``UNDECODABLE``: the exceptions that decoding of a server's JSON may raise."""

from __future__ import annotations

import msgspec

UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""The errors of unreadable JSON, also for a byte that is not UTF-8 (UnicodeDecodeError), a number
with too many digits, and nesting that is too deep."""
