"""``setting_hint``: explains how to change a KubeVirt CR setting that live updates need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import FEATURE_GATES, ROLLOUT_STRATEGY, UPDATE_METHODS, NameSet
from reconciler.plan.behaviour.effective_config import LIVE_MIGRATE

if TYPE_CHECKING:
    from reconciler.model.fields import Settings
    from reconciler.model.references import FieldPath

_HOW = {
    FEATURE_GATES: "add the feature gate to the KubeVirt manifest in Git",
    ROLLOUT_STRATEGY: "set vmRolloutStrategy: LiveUpdate in the KubeVirt manifest in Git",
    UPDATE_METHODS: f"add {LIVE_MIGRATE} to workloadUpdateMethods in the KubeVirt manifest in Git",
}


def setting_hint(settings: Settings, field: FieldPath, value: str) -> str:
    """Return a hint that says how to set a field of the KubeVirt CR.

    *settings* are the KubeVirt CR's settings in Git; they are empty if Git has no KubeVirt CR.

    If Git already sets the value, the hint says that the change to the CR is blocked.
    """
    desired = settings.get(field)
    if value in (desired.names if isinstance(desired, NameSet) else (desired,)):
        return (
            "Git already has this setting; see the plan's decision about the KubeVirt CR, "
            "which says why the CR stays unchanged"
        )
    return _HOW[field]
