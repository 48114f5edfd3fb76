"""``consented``: selects the planned writes and restarts that the user permits for a VM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.annotations import RESTART
from reconciler.model.desired.config import RestartConsent, WindowKind
from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Action, Effect, Reason, Verb
from reconciler.plan.capacity.fit import pod_for
from reconciler.plan.digest import digested
from reconciler.plan.vm.rules.guest_progress import has_memory
from reconciler.plan.vm.rules.vm_inputs import RunningVM

if TYPE_CHECKING:
    from reconciler.model.plan.plan import PatchOp
    from reconciler.plan.finding import Finding
    from reconciler.plan.vm.rules.vm_inputs import VMInputs
    from reconciler.plan.vm.target_size import TargetSize

STAGED = "the reconciler writes the size, which takes effect at the VM's next restart"
RESTARTED = "the reconciler writes the size and restarts the VM in a maintenance window"
RESTARTED_NOW = "the reconciler restarts the VM in a maintenance window"
TOO_LARGE = (
    "the reconciler does not restart the VM, because no node is large enough to start it again"
)
WITHHELD = f"the annotation {RESTART}: never in Git forbids a restart"
NO_WINDOW = (
    "`restart: window` has no effect without a window with `kind: allow`; add one to `windows`"
)


def consented(
    inputs: VMInputs, finding: Finding, size: TargetSize
) -> tuple[Finding, tuple[Action, ...]]:
    """Return a planning result with a hint about restarts, and the writes that the user permits.

    A restart is requested only if the guest does not have the desired memory. If only another
    field waits for a restart, the user who changed that field has to restart the VM.
    """
    if finding.effect in (Effect.LIVE, Effect.COLD):
        return finding, _patched(inputs, finding, size)
    if finding.effect is not Effect.RESTART:
        return finding, ()
    hint, actions = _with_restart(inputs, finding, size)
    if actions:
        hint = f"{hint}, as {_consent(inputs)} permits"
    why = replace(finding.why, hint=hint or finding.why.hint)
    return replace(finding, why=why), actions


def _with_restart(
    inputs: VMInputs, finding: Finding, size: TargetSize
) -> tuple[str, tuple[Action, ...]]:
    patch = _patched(inputs, finding, size)
    match inputs.consent:
        case RestartConsent.WINDOW:
            return _in_a_window(inputs, patch)
        case RestartConsent.STAGE if patch:
            return STAGED, patch
        case RestartConsent.NEVER if inputs.policy.restart is not RestartConsent.NEVER:
            return f"{finding.why.hint}; {WITHHELD}" if finding.why.hint else WITHHELD, ()
        case _:
            return "", ()


def _in_a_window(inputs: VMInputs, patch: tuple[Action, ...]) -> tuple[str, tuple[Action, ...]]:
    if not patch and not _lacks_memory(inputs):
        return "", ()
    if not any(each.kind is WindowKind.ALLOW for each in inputs.policy.windows):
        return NO_WINDOW, ()
    if _fits_nowhere(inputs):
        return TOO_LARGE, ()
    # The restart request is the same whether or not the size is already written.
    restart = _action(
        inputs, WaveName.RESTART, Effect.RESTART, Reason.RESTART_PENDING, verb=Verb.RESTART
    )
    return RESTARTED if patch else RESTARTED_NOW, (*patch, restart)


def _fits_nowhere(inputs: VMInputs) -> bool:
    """Return whether the VM's new pod requests more memory than any schedulable node has."""
    sizes = [each.allocatable for each in inputs.nodes if each.schedulable]
    if inputs.vmi is None or not sizes or any(size is None for size in sizes):
        return False
    pod = pod_for(inputs.capacity, inputs.rendering, inputs.vmi, inputs.target)
    return all(size is not None and pod.request > size.n_bytes for size in sizes)


def _consent(inputs: VMInputs) -> str:
    """Return the name of the setting with which the user permits restarts."""
    if inputs.desired.restart is not None:
        return f"the annotation {RESTART} in Git"
    return f"`restart: {inputs.consent}`"


def _lacks_memory(inputs: VMInputs) -> bool:
    return isinstance(inputs, RunningVM) and not has_memory(inputs)


def _patched(inputs: VMInputs, finding: Finding, size: TargetSize) -> tuple[Action, ...]:
    if not size.changes:
        return ()
    return (_action(inputs, WaveName.MEMORY, finding.effect, finding.reason, patch=size.patch),)


def _action(
    inputs: VMInputs,
    wave: WaveName,
    effect: Effect,
    reason: Reason,
    *,
    verb: Verb = Verb.PATCH,
    patch: tuple[PatchOp, ...] = (),
) -> Action:
    ref, uid = inputs.vm.ref, inputs.vm.uid
    action = Action(
        ref=ref, uid=uid, wave=wave, effect=effect, reason=reason, verb=verb, patch=patch
    )
    return digested(action, inputs.cluster)
