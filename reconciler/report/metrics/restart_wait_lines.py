"""Encodes and decodes when VMs started to wait for a restart, as comments in a metrics file.

Comments are not samples, so the metrics have no label for each VM. A collector ignores a line
that begins with ``#`` unless the next word is HELP or TYPE.

Source: Prometheus documentation, exposition formats, text format 0.0.4 (comments).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import ObjectRef

MOST_WAITS = 10_000
"""The maximum number of VMs in a file (about 450 kB); the VMs that wait longest are kept."""
_LINE = re.compile(rb"^# restart-wait ([0-9a-f]{16}) ([0-9]{1,11})$", re.MULTILINE)


def restart_since(
    plan: Plan, before: Mapping[str, datetime], now: datetime
) -> dict[ObjectRef, datetime]:
    """Return when each VM started to wait for a restart, according to this run and earlier runs.

    Args:
        plan: The newest plan.
        before: The start times of waits that an earlier run wrote, by digest of the VM.
        now: The start time of a wait that the earlier run did not find.
    """
    return {
        each.ref: min(before.get(_digest(each), now), now)
        for each in plan.decisions
        if each.effect is Effect.RESTART and each.ref.is_vm
    }


def waits_by_digest(plan: Plan, since: Mapping[ObjectRef, datetime]) -> dict[str, datetime]:
    """Return the start times of waits to write to the metrics file, by digest of the VM."""
    return {_digest(each): since[each.ref] for each in plan.decisions if each.ref in since}


def encoded(waits: Mapping[str, datetime]) -> Iterator[str]:
    """Yield a comment line for each VM that waits, the longest wait first."""
    oldest = sorted(waits.items(), key=lambda item: (item[1], item[0]))
    for digest, since in oldest[:MOST_WAITS]:
        yield f"# restart-wait {digest} {int(since.timestamp())}\n"


def decoded(content: bytes) -> dict[str, datetime]:
    """Decode the start times of waits from the content of a metrics file; ignore other lines."""
    return {
        found[1].decode(): datetime.fromtimestamp(int(found[2]), UTC)
        for found in islice(_LINE.finditer(content), MOST_WAITS)
    }


def _digest(decision: Decision) -> str:
    """Return 16 hexadecimal digits for a VM; a VM that is created again gets other digits."""
    return sha256(f"{decision.ref} {decision.uid}".encode()).hexdigest()[:16]
