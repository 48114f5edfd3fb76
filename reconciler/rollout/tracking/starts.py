"""VMs that a run has created or restarted, until they are up; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.plan.plan import Reason
from reconciler.plan.vm.rules.starting import START_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Decision
    from reconciler.model.run.checkpoint import Start

ANSWER_S = 60.0
"""A restart that nothing shows after so long was never asked for: the request did not land."""
INEFFECTIVE = "restart-ineffective"
_STARTING = ("Always", "RerunOnFailure", "Once")


def starts_itself(manifest: Mapping[str, Any]) -> bool:
    """Whether a VM of *manifest* starts when it is created.

    Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go (RunStrategy).
    """
    spec = manifest.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    return spec.get("running") is True or spec.get("runStrategy") in _STARTING


def gap(decision: Decision, live: LiveState) -> bool:
    """Whether the VM is between its old instance and the new one, or has none yet.

    A VM and its instance are watched apart, so that a restart may show as done before the new
    instance shows.
    """
    vm, vmi = live.vms.get(decision.ref), live.vmis.get(decision.ref)
    return (vmi is None or vmi.final) and vm is not None and vm.running_wanted


def failure(
    decision: Decision, start: Start, live: LiveState, now: datetime
) -> tuple[str, str] | None:
    """Reason and message where a VM that was to come up did not, or came up as it was."""
    if decision.reason is Reason.NOT_STARTING:
        return decision.reason.value, decision.message
    if gap(decision, live) and now - start.at > timedelta(seconds=START_TIMEOUT_S):
        minutes = (now - start.at).total_seconds() / 60
        return Reason.NOT_STARTING.value, f"no instance of it runs, {minutes:.0f} min after that"
    if decision.reason is Reason.RESTART_PENDING and _is_newer(live.vmis.get(decision.ref), start):
        return INEFFECTIVE, f"it was restarted, and still: {decision.message}"
    return None


def may_ask(decision: Decision, start: Start | None, live: LiveState, now: datetime) -> bool:
    """Whether a restart may be asked for: not a second time while the first may be under way."""
    if start is None:
        return True
    late = now - start.at > timedelta(seconds=ANSWER_S)
    return late and not _is_newer(live.vmis.get(decision.ref), start)


def _is_newer(vmi: LiveVMI | None, start: Start) -> bool:
    """Whether it is another instance than the one before the start."""
    return vmi is not None and vmi.uid != start.instance
