"""``decide_kubevirt``: decides how the KubeVirt CR changes, and in which wave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.fields import FEATURE_GATES, MIGRATIONS, ROLLOUT_STRATEGY, NameSet, WaveName
from reconciler.model.live.live_state import LiveKubeVirt
from reconciler.model.plan.plan import Action, Change, Decision, Effect, Reason
from reconciler.model.references import dotted
from reconciler.plan.behaviour.effective_config import (
    EffectiveConfig,
    effective_config_of,
    foreseen,
)
from reconciler.plan.behaviour.versions import LIVE_UPDATE_GATE
from reconciler.plan.digest import digested
from reconciler.plan.finding import Finding, blocked, invalid, wait
from reconciler.plan.kubevirt.drift import kubevirt_drift
from reconciler.plan.kubevirt.evictions import would_evict
from reconciler.plan.kubevirt.impact import impact_of
from reconciler.plan.kubevirt.owners.hyperconverged import owns
from reconciler.plan.kubevirt.owners.recognise import owner_of

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import ObjectRef
    from reconciler.plan.kubevirt.owners.settings_owner import SettingsOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeVirtDecision:
    """The decision about the KubeVirt CR, and the KubeVirt CR after the plan's changes."""

    decision: Decision | None
    """The decision about the KubeVirt CR; None if Git has no KubeVirt CR."""
    after: LiveKubeVirt
    """The KubeVirt CR that will be in effect when the memory of VMs changes."""


def decide_kubevirt(
    state: DesiredState,
    live: LiveState,
    hyperconverged: HyperConvergedPolicy = HyperConvergedPolicy.BLOCK,
) -> KubeVirtDecision:
    """Return the decision about the KubeVirt CR, and the CR as the plan will change it.

    The CR shows the current settings. The operator that manages the CR determines where a change
    is written.

    Args:
        state: The desired state from Git.
        live: The snapshot of the cluster.
        hyperconverged: What to do with a setting for which HyperConverged has no field.
    """
    desired, current = state.kubevirt, live.kubevirt
    if desired is None:
        return KubeVirtDecision(decision=None, after=current)
    error = _error_of(state)
    if error is not None:
        decided = _decision(state, current, invalid(error))
        return KubeVirtDecision(decision=replace(decided, at=error.at), after=current)
    owner = owner_of(live, hyperconverged)
    for ref in filter(None, (desired.ref, desired.hyperconverged)):
        if _identity(ref, current, owner) != current.ref:
            finding = blocked(
                Reason.WRONG_KUBEVIRT,
                f"Git declares {ref}, but the cluster has {_owned(current, owner)}",
                "correct the kind, name and namespace in Git",
            )
            decided = _decision(state, current, finding)
            decided = replace(decided, at=state.at(ref) or decided.at)
            return KubeVirtDecision(decision=decided, after=current)
    config = effective_config_of(current)
    drift = kubevirt_drift(state, desired, current)
    changes, warnings = _without_graduated(drift, config)
    if not changes:
        reason = Reason.GATE_GRADUATED if warnings else Reason.CONFIG_AS_DESIRED
        message = warnings[0] if warnings else "the KubeVirt CR matches Git"
        finding = Finding.of(Effect.NONE, reason, message)
        return KubeVirtDecision(decision=_decision(state, current, finding), after=current)
    changes = owner.placed(changes)
    actions, after = _actions(live.cluster_id, current, changes, owner)
    obstacle = _obstacle(changes, current, config, owner) or would_evict(live, after)
    if obstacle is not None:
        held = _decision(state, current, obstacle, changes=changes, warnings=warnings)
        # A waiting change will be made later, so VMs are planned for the CR after the change.
        waits = obstacle.effect is Effect.WAIT
        return KubeVirtDecision(decision=held, after=after if waits else current)
    fields = f"{len(changes)} field{'' if len(changes) == 1 else 's'}"
    through = f" through {owner.name}" if owner.target is not None else ""
    finding = Finding.of(
        Effect.CONFIG, Reason.CONFIG_CHANGE, f"changes {fields} of the KubeVirt CR{through}"
    )
    warnings += (*owner.warnings(changes), *impact_of(changes, live, after))
    decision = _decision(state, current, finding, changes=changes, warnings=warnings)
    decision = replace(decision, actions=actions, owner=owner.writer(changes))
    return KubeVirtDecision(decision=decision, after=after)


def _identity(
    ref: ObjectRef, current: LiveKubeVirt, owner: SettingsOwner | None = None
) -> ObjectRef:
    """Return the reference to the KubeVirt CR that Git describes, with the CR's namespace.

    A HyperConverged object in Git describes the KubeVirt CR that it owns. If the HyperConverged in
    the cluster cannot be read, only the namespaces of both are compared, because the operator uses
    only one HyperConverged.
    """
    ref = ref if ref.namespace else ref._replace(namespace=current.ref.namespace)
    if ref.is_kubevirt or owner is None:
        return ref
    if owner.target is None:
        same = owns(current) and ref.namespace == current.ref.namespace
    else:
        same = ref == owner.target.ref
    return current.ref if same else ref


def _owned(current: LiveKubeVirt, owner: SettingsOwner) -> str:
    """Name the KubeVirt CR and the object, if any, from which an operator writes the CR."""
    written = f", which is written through {owner.name}" if owner.target is not None else ""
    return f"{current.ref}{written}"


def _error_of(state: DesiredState) -> Diagnostic | None:
    """Return the first error about a KubeVirt CR in Git; Git can contain several KubeVirt CRs."""
    errors = state.errors().items()
    return next((error for ref, error in errors if ref.is_config), None)


def _decision(
    state: DesiredState,
    current: LiveKubeVirt,
    finding: Finding,
    *,
    changes: tuple[Change, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Decision:
    written = state.kubevirt.ref if state.kubevirt else current.ref
    # The decision is about the KubeVirt CR, even if Git contains a HyperConverged instead.
    ref = _identity(written, current) if written.is_kubevirt else current.ref
    held = finding.effect in (Effect.BLOCKED, Effect.WAIT)
    return Decision(
        ref=ref,
        uid=current.uid if ref == current.ref else None,
        effect=finding.effect,
        why=finding.why,
        at=(changes[0].at if held and changes else None) or state.at(written),
        changes=changes,
        warnings=warnings,
    )


def _without_graduated(
    changes: tuple[Change, ...], config: EffectiveConfig
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Remove feature gates that have graduated in this KubeVirt version, and warn about them.

    Source: kubevirt v1.5.0 pkg/virt-config/featuregate/inactive.go:98; a graduated gate only
    causes an admission warning (kubevirt-update-admitter.go:448-473).
    """
    kept: list[Change] = []
    warnings: list[str] = []
    graduated = config.capabilities.graduated_gates
    for change in changes:
        if change.field != FEATURE_GATES:
            kept.append(change)
            continue
        before, after = (
            each.raw if isinstance(each, NameSet) else () for each in (change.before, change.after)
        )
        missing = [name for name in after if name not in before]
        if LIVE_UPDATE_GATE not in missing or LIVE_UPDATE_GATE not in graduated:
            kept.append(change)
            continue
        warnings.append(
            f"the feature gate {LIVE_UPDATE_GATE} graduated in KubeVirt v1.5.0, so the reconciler "
            "does not add it; remove the gate from Git"
        )
        others = tuple(name for name in missing if name != LIVE_UPDATE_GATE)
        if others:
            kept.append(replace(change, after=NameSet.of((*before, *others))))
    return tuple(kept), tuple(warnings)


def _obstacle(
    changes: tuple[Change, ...],
    current: LiveKubeVirt,
    config: EffectiveConfig,
    owner: SettingsOwner,
) -> Finding | None:
    owned = owner.obstacle(changes, current)
    if owned is not None:
        return owned
    disabled = _disabled(changes, current) if config.capabilities.gate_overlap_denied else []
    if disabled:
        return blocked(
            Reason.GATE_DISABLED,
            f"the cluster's disabledFeatureGates lists {', '.join(disabled)}, and KubeVirt denies "
            "a gate that is in both lists",
            "remove the gate from disabledFeatureGates in the KubeVirt CR first"
            if owner.target is None
            else f"enable the gate in {owner.name}, or remove it from disabledFeatureGates in its "
            "annotation first, because a direct change to the KubeVirt CR is overwritten",
        )
    unknown = [dotted(each.field) for each in changes if not _known(each, config)]
    if unknown:
        return blocked(
            Reason.UNKNOWN_FIELD,
            f"KubeVirt {current.version} has no {', '.join(unknown)}; the API server would drop "
            "the value",
            "remove the field from Git, or upgrade KubeVirt",
        )
    if config.unsettled:
        return wait(
            Reason.KUBEVIRT_NOT_SETTLED,
            f"KubeVirt has not applied its CR yet: {config.unsettled}",
        )
    return None


def _disabled(changes: tuple[Change, ...], current: LiveKubeVirt) -> list[str]:
    """Return the feature gates that Git enables but the KubeVirt CR in the cluster disables.

    KubeVirt v1.8 and newer deny such a CR.

    Source: kubevirt v1.9.0 kubevirt-update-admitter.go:508-532.
    """
    gates = next((each.after for each in changes if each.field == FEATURE_GATES), None)
    return sorted(gates.names & current.disabled_gates) if isinstance(gates, NameSet) else []


def _known(change: Change, config: EffectiveConfig) -> bool:
    """Return whether this KubeVirt version has the KubeVirt CR field that a change sets.

    The version has every field that the CR already contains, because the API server drops fields
    that the CustomResourceDefinition does not have.
    """
    if change.before is not None:
        return True
    if change.field == ROLLOUT_STRATEGY:
        return config.capabilities.strategy_field
    if change.field == (*MIGRATIONS, "allowWorkloadDisruption"):
        return config.capabilities.allow_workload_disruption
    return True


def _actions(
    cluster: str, current: LiveKubeVirt, changes: tuple[Change, ...], owner: SettingsOwner
) -> tuple[tuple[Action, ...], LiveKubeVirt]:
    """Return the planned changes to the KubeVirt CR, one per wave, and the resulting CR."""
    actions: list[Action] = []
    after = current
    for wave in (WaveName.FEATURE_GATE, WaveName.STRATEGY):
        own = tuple(each for each in changes if each.wave is wave)
        if unwritten := owner.unwritten(own):
            action = Action(
                ref=current.ref,
                uid=current.uid,
                target=owner.target,
                wave=wave,
                effect=Effect.CONFIG,
                reason=Reason.CONFIG_CHANGE,
                patch=owner.patch(unwritten, after),
            )
            actions.append(digested(action, cluster))
            owner = owner.foreseen(unwritten, after)
        after = foreseen(after, own)
    return tuple(actions), after
