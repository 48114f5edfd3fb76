"""CATALOGUE: one entry for each reason code, in the order of the enum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.blocked_reasons import BLOCKED
from reconciler.plan.reasons.change_reasons import CHANGES
from reconciler.plan.reasons.restart_reasons import RESTARTS
from reconciler.plan.reasons.wait_reasons import WAITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

_ENTRIES = {**CHANGES, **RESTARTS, **WAITS, **BLOCKED}
CATALOGUE: Mapping[Reason, ReasonEntry] = {each: _ENTRIES[each] for each in Reason}
