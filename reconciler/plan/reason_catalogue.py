"""``CATALOGUE``: the meaning of each reason code, the user's next step, and the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.blocked_setting_reasons import BLOCKED_SETTINGS
from reconciler.plan.reasons.blocked_vm_reasons import BLOCKED_VMS
from reconciler.plan.reasons.change_reasons import CHANGES
from reconciler.plan.reasons.restart_reasons import RESTARTS
from reconciler.plan.reasons.wait_reasons import WAITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

BLOCKED: Mapping[Reason, ReasonEntry] = {**BLOCKED_VMS, **BLOCKED_SETTINGS}
"""The catalogue entries for the reasons why a change is blocked."""
_ENTRIES = {**CHANGES, **RESTARTS, **WAITS, **BLOCKED}
CATALOGUE: Mapping[Reason, ReasonEntry] = {each: _ENTRIES[each] for each in Reason}
"""The catalogue entries for all reasons, in the order of the enum ``Reason``."""
