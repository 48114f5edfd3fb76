"""``HarvesterOwner``: writes ``maxHotplugRatio`` to Harvester's Setting ``max-hotplug-ratio``.

Harvester's KubeVirt CR comes from chart values, which Fleet applies repeatedly; only the ratio
comes from a Setting. Source: harvester v1.6 pkg/controller/master/setting/max_hotplug_ratio.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from reconciler.model.fields import MAX_HOTPLUG_RATIO, UPDATE_METHODS, FieldType, NameSet
from reconciler.model.live.conditions import is_false
from reconciler.model.live.live_owner import HARVESTER_GROUP, LiveOwner
from reconciler.model.plan.plan import PatchOp, Reason, WriteTarget, WrittenField
from reconciler.model.references import dotted, pointer
from reconciler.plan.behaviour.platform import HARVESTER_UPGRADE
from reconciler.plan.behaviour.reverting_tools import warnings_of
from reconciler.plan.finding import blocked, wait
from reconciler.plan.kubevirt.owners.closed import failure_of
from reconciler.plan.kubevirt.owners.owner_object import OwnerObject
from reconciler.plan.patches import same_generation, same_object

if TYPE_CHECKING:
    from reconciler.model.desired.config import HyperConvergedPolicy
    from reconciler.model.live.live_state import LiveKubeVirt, LiveState
    from reconciler.model.plan.plan import Change
    from reconciler.model.references import FieldPath
    from reconciler.plan.finding import Finding

VALUE: FieldPath = ("value",)
"""The path of the value in a Harvester Setting; if the value is empty, the default applies."""
SETTING = OwnerObject(
    group=HARVESTER_GROUP,
    kind="Setting",
    plural="settings",
    fields={"v1beta1": {VALUE: FieldType.WORD}},
    only="max-hotplug-ratio",
)
"""The Setting that Harvester copies to ``maxHotplugRatio``; other Settings can contain secrets."""
LOWEST, HIGHEST = 1, 20
"""The bounds of the Setting ``max-hotplug-ratio``, whose default is 4. Source: harvester v1.6."""
_CONFIGURED = "configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvesterOwner:
    """Implements ``SettingsOwner`` for the KubeVirt CR of a Harvester cluster."""

    held: LiveOwner | None
    """The Setting ``max-hotplug-ratio``; None if it does not exist or cannot be read."""
    failure: str = ""
    """What the user can do if the Setting could not be read; empty if it was read."""

    @property
    def name(self) -> str:
        """The name of the operator in messages: ``Harvester``."""
        return "Harvester"

    @property
    def target(self) -> WriteTarget | None:
        """Harvester's Setting ``max-hotplug-ratio``, to which changes are written."""
        held = self.held
        return None if held is None else WriteTarget(ref=held.ref, version=held.version)

    @property
    def unsettled(self) -> str:
        """Why Harvester has not applied its Setting yet, or an empty string if it has."""
        held = self.held
        if held is None or not is_false(held.conditions, _CONFIGURED):
            return ""
        return f"{held.ref} is not configured: {held.conditions[_CONFIGURED].message}"

    def placed(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes, with Harvester's Setting as the target for ``maxHotplugRatio``."""
        target = self.target
        if target is None:
            return changes
        written = WrittenField(target=target, path=VALUE)
        return tuple(
            replace(each, written=written) if each.field == MAX_HOTPLUG_RATIO else each
            for each in changes
        )

    def unwritten(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes whose values Harvester's Setting does not contain yet."""
        held = self.held
        value = held.spellings.get(VALUE) if held is not None else None
        return tuple(each for each in changes if value != str(each.after))

    def obstacle(self, changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Finding | None:
        """Return a planning result if the changes cannot be written through Harvester now."""
        others = [each for each in changes if each.field != MAX_HOTPLUG_RATIO]
        if others:
            names = ", ".join(dotted(each.field) for each in others)
            values = ", ".join(f"spec.values.kubevirt.{dotted(each.field)}" for each in others)
            hint = f"set {values} in the ManagedChart fleet-local/harvester"
            if any(_emptied(each) for each in others):
                hint = f"{HARVESTER_UPGRADE}; if no upgrade is running, {hint}"
            return blocked(
                Reason.OWNED_BY_HARVESTER,
                f"Harvester's chart sets {names}, and Fleet overwrites direct changes when it "
                "applies the chart again",
                hint,
            )
        if self.held is None:
            return blocked(
                Reason.OWNED_BY_HARVESTER,
                "the Setting max-hotplug-ratio, from which Harvester writes "
                f"{dotted(MAX_HOTPLUG_RATIO)}, cannot be read; it exists only in Harvester v1.6 "
                "and newer",
                self.failure
                or "grant permission to get the Setting (examples/deploy/overlays/harvester), or "
                "upgrade Harvester",
            )
        ratio = changes[0].after
        if not isinstance(ratio, int) or not LOWEST <= ratio <= HIGHEST:
            return blocked(
                Reason.DENIED_BY_ADMISSION,
                f"Harvester accepts a max-hotplug-ratio from {LOWEST} to {HIGHEST}, not {ratio}",
                "correct maxHotplugRatio in Git",
            )
        if why := self.unsettled:
            return wait(
                Reason.OWNER_NOT_SETTLED, f"Harvester has not applied its own Setting yet: {why}"
            )
        if not self.unwritten(changes):
            return wait(
                Reason.OWNER_NOT_SETTLED,
                f"{self.held.ref} already has the value {ratio}, but Harvester has not written it "
                f"to the KubeVirt CR yet, which still has {changes[0].before}",
            )
        return None

    def patch(self, changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> tuple[PatchOp, ...]:
        """Return the patch that writes ``maxHotplugRatio`` to Harvester's Setting as a string."""
        held, path, value = self.held, pointer(VALUE), str(changes[0].after)
        if held is None:
            return ()
        if VALUE in held.spellings:
            return (
                same_object(held.uid),
                PatchOp(op="test", path=path, value=held.spellings[VALUE]),
                PatchOp(op="replace", path=path, value=value),
            )
        guards = (same_object(held.uid), same_generation(held.generation))
        return (*guards, PatchOp(op="add", path=path, value=value))

    def foreseen(self, changes: tuple[Change, ...], _kubevirt: LiveKubeVirt) -> Self:
        """Return a copy of this object in which Harvester's Setting has the new ratio."""
        if self.held is None:
            return self
        held = replace(
            self.held,
            generation=self.held.generation + 1,
            spellings={VALUE: str(changes[0].after)},
        )
        return replace(self, held=held)

    def warnings(self, _changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Return a warning if a tool will or might overwrite the value of Harvester's Setting."""
        held = self.held
        if held is None:
            return ()
        return warnings_of({VALUE: held.managers.get(VALUE, "")}, held.tracked_by)

    def writer(self, _changes: tuple[Change, ...]) -> str:
        """Return the field manager that last wrote Harvester's Setting."""
        return self.held.managers.get(VALUE, "") if self.held is not None else ""


def owner(live: LiveState, _policy: HyperConvergedPolicy) -> HarvesterOwner:
    """Create the ``HarvesterOwner`` of a cluster from Harvester's Setting, if that exists."""
    found = [each for each in live.owners if each.ref.kind == SETTING.kind]
    return HarvesterOwner(held=found[0] if found else None, failure=failure_of(live))


def _emptied(change: Change) -> bool:
    """Return whether a change would restore update methods that Harvester has removed."""
    return change.field == UPDATE_METHODS and change.before in (None, NameSet.of(()))
