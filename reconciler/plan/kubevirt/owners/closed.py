"""``ClosedOwner``: an owner without fields for these settings, or with an unreadable object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from reconciler.model.plan.plan import Change, Reason
from reconciler.plan.finding import blocked

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.plan.plan import PatchOp
    from reconciler.plan.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedOwner:
    """Implements ``SettingsOwner`` for an owner through which nothing can be written."""

    name: str
    reason: Reason
    why: str
    """Why nothing can be written, as a sentence without a full stop."""
    hint: Callable[[tuple[Change, ...]], str]
    """Returns where a person changes these settings."""
    target: None = None
    unsettled: str = ""

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes as they are; the owner has no fields for them."""
        return changes

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes."""
        return changes

    def obstacle(self, changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Finding | None:
        """Return the reason why the owner blocks every change."""
        return blocked(self.reason, self.why, self.hint(changes))

    def patch(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return no operations, because ``obstacle`` blocks every change."""
        return ()

    def foreseen(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Self:
        """Return the same owner."""
        return self

    def warnings(self, _changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return no warnings."""
        return ()

    def writer(self, _changes: tuple[Change, ...]) -> str:
        """Return the owner's name."""
        return self.name
