"""``micro_time``: formats times in the MicroTime format of Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def micro_time(at: datetime) -> str:
    """Format a time as a Kubernetes MicroTime, such as ``2026-11-23T00:48:52.000000Z``."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
