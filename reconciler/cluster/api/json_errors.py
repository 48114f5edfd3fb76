"""``UNDECODABLE``: the exceptions that can occur when a server's JSON is decoded."""

from __future__ import annotations

import msgspec

UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""The exceptions that unreadable JSON can cause.

Unreadable JSON contains, for example, a byte that is not UTF-8 (UnicodeDecodeError), a number with
too many digits or nesting that is too deep.
"""
