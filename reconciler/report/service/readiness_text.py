"""``readiness_text``: says in plain text whether ``serve`` is ready and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import printable
from reconciler.report.json_values import timestamp

if TYPE_CHECKING:
    from reconciler.model.service.view import ServiceView


def readiness_text(view: ServiceView) -> str:
    """Return ``ready`` or ``not ready``, and one line for each thing the process waits for."""
    waits = (
        f"waiting for {each.kind} since {timestamp(each.since)}: {printable(each.message)}"
        for each in view.waits
    )
    return "\n".join(("ready" if view.ready else "not ready", *waits)) + "\n"
