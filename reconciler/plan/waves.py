"""``waves_of``: groups planned changes into waves: settings, then memory, then restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Barrier, Wave

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef

SETTLED = (
    "KubeVirt has the phase Deployed and has observed the newest generation of its CR, and its "
    "components have read the CR"
)


def waves_of(
    actions: Iterable[Action],
    priorities: Mapping[ObjectRef, int],
    ranks: Mapping[ObjectRef, int],
    settle_deadline_s: float,
) -> tuple[Wave, ...]:
    """Group the planned changes into waves, in the order in which the changes start.

    The order is by rank (canaries, then each batch, then the rest), then by priority, highest
    first, then by reference. The default rank and priority are 0. If a wave changes the KubeVirt
    CR, each later wave waits until KubeVirt has applied the CR, except the restart wave.
    """
    by_wave: dict[WaveName, list[Action]] = {name: [] for name in WaveName}
    for action in actions:
        by_wave[action.wave].append(action)

    targets = {action.target.ref for own in by_wave.values() for action in own if action.target}
    owners = "".join(f"{each} is applied, " for each in sorted(targets))
    condition = owners + SETTLED

    def position(action: Action) -> tuple[int, int, ObjectRef]:
        return ranks.get(action.ref, 0), -priorities.get(action.ref, 0), action.ref

    waves: list[Wave] = []
    for name, members in by_wave.items():
        if not members:
            continue
        settles = waves and name is not WaveName.RESTART
        barrier = Barrier(condition=condition, deadline_s=settle_deadline_s) if settles else None
        ordered = sorted(members, key=position)
        waves.append(Wave(name=name, barrier=barrier, actions=tuple(ordered)))
    return tuple(waves)
