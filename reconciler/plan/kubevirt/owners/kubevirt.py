"""``DirectOwner``: a KubeVirt CR that no other operator writes; settings go to the CR itself."""

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
    """Implements ``SettingsOwner`` for a KubeVirt CR whose fields this program may write."""

    kubevirt: LiveKubeVirt
    name: str = "the KubeVirt CR"
    target: None = None
    unsettled: str = ""

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes: each is written to its own field."""
        return changes

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes: the CR shows what it holds."""
        return changes

    def obstacle(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Finding | None:
        """Return None: no owner reverts the changes."""
        return None

    def patch(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return the patch of the KubeVirt CR."""
        return settings_patch(kubevirt, changes)

    def foreseen(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Self:
        """Return the same owner, which holds no settings of its own."""
        return self

    def warnings(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return a warning for each tool that will or may write its own values back."""
        managers = {each.field: self.kubevirt.managers.get(each.field, "") for each in changes}
        return warnings_of(managers, self.kubevirt.tracked_by)

    def writer(self, changes: tuple[Change, ...]) -> str:
        """Return the field manager of the first changed field of the CR."""
        managers = (self.kubevirt.managers.get(each.field, "") for each in changes)
        return next(filter(None, managers), "")
