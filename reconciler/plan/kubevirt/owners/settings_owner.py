"""``SettingsOwner``: the interface of the modules that write settings through an owner.

The KubeVirt CR shows which settings are in force. Its owner determines where a setting is written:
to the CR itself, or to another object, from which the owner's operator writes the CR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.plan.plan import Change, PatchOp, WriteTarget
    from reconciler.plan.finding import Finding


class SettingsOwner(Protocol):
    """The writer of the KubeVirt CR: only this program, or an operator with its own object."""

    @property
    def name(self) -> str:
        """The owner as messages name it, such as ``HyperConverged cnv/hyperconverged``."""
        ...

    @property
    def target(self) -> WriteTarget | None:
        """The object that receives the writes; None for the KubeVirt CR itself."""
        ...

    @property
    def unsettled(self) -> str:
        """Why the owner has not applied its object to the KubeVirt CR yet; empty if it has."""
        ...

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes, each with the field of the owner's object that takes its value."""
        ...

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes whose values the owner's object does not hold yet."""
        ...

    def obstacle(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Finding | None:
        """Return why the changes cannot be written through this owner now; None if they can."""
        ...

    def patch(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return the patch of the target that makes the changes."""
        ...

    def foreseen(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Self:
        """Return the owner as it will be after the changes are written."""
        ...

    def warnings(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return what the user must know about these writes."""
        ...

    def writer(self, changes: tuple[Change, ...]) -> str:
        """Return the field manager that wrote the first changed field last, or an empty text."""
        ...
