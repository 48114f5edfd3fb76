"""Determines whether the start of a VM that a run created or restarted has failed.

The functions have no side effects.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Reason
from reconciler.plan.timing.longest_attempt import START_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.model.run.checkpoint import Start

ANSWER_S = 60.0
"""Seconds after which a restart request is considered lost if the VM has not restarted."""
INEFFECTIVE = "restart-ineffective"
_STARTING = ("Always", "RerunOnFailure", "Once")


def starts_itself(manifest: Mapping[str, Any]) -> bool:
    """Return whether a VM with the given manifest starts when the VM is created.

    Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go (RunStrategy).
    """
    spec = manifest.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    return spec.get("running") is True or spec.get("runStrategy") in _STARTING


def starts_now(decision: Decision, live: LiveState) -> bool:
    """Return whether the VM should run but has no active VMI, as during a restart.

    The VM and its VMI are watched separately. So the VM can show that the restart is done before
    the informer has the new VMI.
    """
    vm, vmi = live.vms.get(decision.ref), live.vmis.get(decision.ref)
    return (vmi is None or vmi.final) and vm is not None and vm.running_wanted


def failed_start(
    decision: Decision, start: Start, live: LiveState, now: datetime
) -> Explanation | None:
    """Explain why the start of a VM has failed, or return None if it has not failed so far."""
    if decision.reason is Reason.NOT_STARTING:
        reason, message = decision.reason.value, decision.why.message
    elif starts_now(decision, live) and now - start.at > timedelta(seconds=START_TIMEOUT_S):
        minutes = (now - start.at).total_seconds() / 60
        reason = Reason.NOT_STARTING.value
        message = f"the VM has no running instance {minutes:.0f} min after its start was requested"
    elif decision.reason is Reason.RESTART_PENDING and _is_newer(live, decision, start):
        reason, message = INEFFECTIVE, f"the restart had no effect: {decision.why.message}"
    else:
        return None
    return Explanation(reason=reason, message=message, hint=decision.why.hint)


def may_request_restart(
    decision: Decision, start: Start | None, live: LiveState, now: datetime
) -> bool:
    """Return whether a restart can be requested, because no earlier restart is in progress."""
    if start is None:
        return True
    late = now - start.at > timedelta(seconds=ANSWER_S)
    return late and not _is_newer(live, decision, start)


def _is_newer(live: LiveState, decision: Decision, start: Start) -> bool:
    """Return whether a new VMI has replaced the VMI that existed before the requested restart."""
    vmi = live.vmis.get(decision.ref)
    return vmi is not None and vmi.uid != start.instance
