"""``SettingsOwner``: the interface for writing settings that end up in the KubeVirt CR.

The KubeVirt CR shows the current settings. The operator that manages the CR, if any, determines
where a setting is written: to the CR itself, or to another object, from which the operator writes
the CR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.plan.plan import Change, PatchOp, WriteTarget
    from reconciler.plan.finding import Finding


class SettingsOwner(Protocol):
    """The client that writes the KubeVirt CR: this program, or an operator with its own object."""

    @property
    def name(self) -> str:
        """The name of the operator in messages, such as ``HyperConverged cnv/hyperconverged``."""
        ...

    @property
    def target(self) -> WriteTarget | None:
        """The object that receives the writes; None for the KubeVirt CR itself."""
        ...

    @property
    def unsettled(self) -> str:
        """Why the operator has not applied its object to the KubeVirt CR, or an empty string."""
        ...

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes, each with the field to which its value is written."""
        ...

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes whose values the target object does not contain yet."""
        ...

    def obstacle(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Finding | None:
        """Return why the KubeVirt CR changes cannot be written now, or None if they can."""
        ...

    def patch(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return the patch that makes the changes in the target object."""
        ...

    def foreseen(self, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Self:
        """Return a copy of this object that represents the state after the changes are written."""
        ...

    def warnings(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return warnings for the user about the given changes to the KubeVirt CR."""
        ...

    def writer(self, changes: tuple[Change, ...]) -> str:
        """Return the field manager that last wrote the first changed field, or an empty string."""
        ...
