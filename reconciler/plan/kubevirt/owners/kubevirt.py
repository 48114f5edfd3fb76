"""``DirectOwner``: writes settings to a KubeVirt CR that no other operator manages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from reconciler.model.live.live_state import LiveKubeVirt
from reconciler.plan.behaviour.reverting_tools import warnings_of
from reconciler.plan.patches import settings_patch

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Change, PatchOp
    from reconciler.plan.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectOwner:
    """Implements ``SettingsOwner`` for a KubeVirt CR that no other operator manages."""

    kubevirt: LiveKubeVirt
    name: str = "the KubeVirt CR"
    target: None = None
    unsettled: str = ""

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes unmodified, because each is written to its own KubeVirt CR field."""
        return changes

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return all changes, because the KubeVirt CR does not contain their values yet."""
        return changes

    def obstacle(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Finding | None:
        """Return None, because no other operator reverts the changes."""
        return None

    def patch(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return the patch that makes the changes in the KubeVirt CR."""
        return settings_patch(kubevirt, changes)

    def foreseen(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Self:
        """Return this object unmodified, because no other object contains settings."""
        return self

    def warnings(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return a warning for each tool that will or might overwrite the changed values."""
        managers = {each.field: self.kubevirt.managers.get(each.field, "") for each in changes}
        return warnings_of(managers, self.kubevirt.tracked_by)

    def writer(self, changes: tuple[Change, ...]) -> str:
        """Return the field manager that last wrote the first changed field of the KubeVirt CR."""
        managers = (self.kubevirt.managers.get(each.field, "") for each in changes)
        return next(filter(None, managers), "")
