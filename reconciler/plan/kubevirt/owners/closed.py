"""``ClosedOwner``: an operator that manages the KubeVirt CR but takes no settings from users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from reconciler.model.diagnostic import OWNER_UNREADABLE, Severity
from reconciler.model.plan.plan import Change, Reason
from reconciler.plan.finding import blocked

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt, LiveState
    from reconciler.model.plan.plan import PatchOp
    from reconciler.plan.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedOwner:
    """Implements ``SettingsOwner`` for an operator through which no setting can be written."""

    name: str
    reason: Reason
    why: str
    """Why no setting can be written, as a sentence without a full stop."""
    hint: Callable[[tuple[Change, ...]], str]
    """Returns a hint that says where the user can change these settings."""
    target: None = None
    unsettled: str = ""

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes unmodified, because the operator has no fields for them."""
        return changes

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return all changes as unwritten, because the operator accepts no changes."""
        return changes

    def obstacle(self, changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Finding | None:
        """Return a planning result that blocks every KubeVirt CR change, with the reason."""
        return blocked(self.reason, self.why, self.hint(changes))

    def patch(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return no patch operations, because every change to the KubeVirt CR is blocked."""
        return ()

    def foreseen(self, _changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Self:
        """Return this object unmodified, because no change is written."""
        return self

    def warnings(self, _changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return no warnings, because no change is written."""
        return ()

    def writer(self, _changes: tuple[Change, ...]) -> str:
        """Return the name of the operator that manages the KubeVirt CR."""
        return self.name


def failure_of(live: LiveState) -> str:
    """Return what the user can do if the managing operator's object could not be read.

    The result is empty if the object was read, or if only the permission to read it is missing.
    """
    return next(
        (
            each.hint
            for each in live.diagnostics
            if each.code == OWNER_UNREADABLE and each.severity is Severity.WARNING
        ),
        "",
    )
