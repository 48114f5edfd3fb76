"""Checks the error of a command that could not read a Git repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.served import Ended


def failed(ended: Ended) -> tuple[int, str, str]:
    """Return the exit code, the message and the hint of a command that must fail."""
    lines = [line.strip() for line in ended.err.splitlines()]
    message, hint = (
        next(line.partition(": ")[2] for line in lines if line.startswith(f"{kind}: "))
        for kind in ("error", "hint")
    )
    assert ended.out == ""
    return ended.code, message, hint
