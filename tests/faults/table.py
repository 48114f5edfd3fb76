"""The table of faults: how each is injected, at which steps, and what it changes permanently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from faults.acts import (
    PATCHES,
    answering,
    asked_to_end,
    deleted,
    foreign_migration,
    full,
    labelled,
    lease_deleted,
    lease_taken,
    losing,
    owned,
    quota,
    recreated,
    resized,
    silent,
    status,
    striking,
    taken_back,
    upgrading,
    vanishing,
)
from faults.stage import TARGET, VMS
from faults.steps import STEPS, between

from reconciler.simulator.apiserver.request.api_faults import Effect
from reconciler.simulator.kubevirt.vm_faults import ALWAYS
from reconciler.simulator.kubevirt.vm_faults import Fault as Kind

FIRST, LAST = "lease taken", "end"
ALIKE = {
    "default": {
        "strategy settled",
        *(f"{TARGET} {each}" for each in ("Scheduling", "Scheduled", "PreparingTarget")),
        f"{TARGET} TargetReady",
    },
    "gated": {"lease taken", "strategy patched", "strategy settled"},
}
"""Steps at which the product acts as at the previous step, or as with the other KubeVirt CR."""
NO_MIGRATION = {
    "default": {each.name for each in between("default", "strategy patch", "strategy settled")},
    "gated": {each.name for each in between("gated", "gate patched", "strategy settled")},
}
"""The steps before the first VM patch, except the first step, at which no migration is wanted."""
MAIN = {
    "default": {"lease taken", "strategy patch", f"{TARGET} patch", f"{TARGET} Running"},
    "gated": {"gate patch"},
}
"""The steps for a milder variant of a fault that is injected at more steps."""
LAST_WRITE = f"{VMS[-1]} patch"
WEBHOOK = (
    'Internal error occurred: failed calling webhook "virtualmachine-validator.kubevirt.io": '
    'failed to call webhook: Post "https://virt-api.kubevirt.svc:443/virtualmachines-validate": '
    "context deadline exceeded"
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that is injected at a step of a rollout.

    *begin* injects the fault, and returns a function that returns how often it has taken effect.
    """

    name: str
    begin: Callable
    first: str = FIRST
    last: str = LAST
    why: str = ""
    """Why the fault cannot be injected before the step *first* or after the step *last*."""
    controls: tuple = ("default", "gated")
    at_next_patch: bool = False
    """Whether the fault waits for the next patch, so that all steps before it are equivalent."""
    of_migration: bool = False
    """Whether the fault affects only migrations, so that all steps before a VM patch are equal."""
    every_phase: bool = False
    """Whether the fault's result depends on the phase of a migration, so each step is tested."""
    variant: bool = False
    """Whether a more severe fault in the table covers the other steps."""
    leaves: dict = field(default_factory=dict)
    """The objects that the fault keeps from their desired state, and the allowed reasons."""

    def steps(self):
        """Return the steps of a rollout at which the fault can be injected."""
        return [each for control in self.controls for each in self._of(control)]

    def _of(self, control):
        names = {each.name for each in STEPS[control]}
        if self.first not in names and self.first not in {each.name for each in STEPS["default"]}:
            raise ValueError(self.first)
        if control == "gated" and self.first not in names:
            return []
        found = between(control, self.first, self.last)
        if self.of_migration:
            found = [each for each in found if each.name not in NO_MIGRATION[control]]
        if self.at_next_patch:
            return [each for each in found if each.before_patch]
        if self.variant:
            return [each for each in found if each.name in MAIN[control]]
        return [each for each in found if self.every_phase or each.name not in ALIKE[control]]

    def __str__(self):
        return self.name


WRITES_LEFT = "the product sends no patch after its last one"
PLUGGED = "the result of a migration is decided before it succeeds"
UNBORN = "there is no migration of the VM to strike before it is wanted"
B_ONLY = {"controls": ("default",)}
REFUSED = {TARGET: {"plug-refused", "plug-failed-before", "restart-pending"}}
SILENT = {TARGET: {"guest-silent", "guest-accepting"}}
GONE = {TARGET: {"deleted", "not-found"}}
HYPERCONVERGED = {
    "kubevirt": {"owned-by-hyperconverged", "reverted"},
    **{name: {"no-live-migrate", "converged", None} for name in VMS},
}

FAULTS = (
    Fault(
        name="conflict, once",
        begin=status(409, methods=PATCHES, times=1),
        last=LAST_WRITE,
        why=WRITES_LEFT,
        at_next_patch=True,
    ),
    Fault(
        name="conflict, three times",
        begin=status(409, methods=PATCHES, times=3),
        last=LAST_WRITE,
        why=WRITES_LEFT,
        at_next_patch=True,
    ),
    Fault(
        name="forbidden for 30 s",
        begin=status(403, methods=PATCHES, lasts_s=30.0),
        last=LAST_WRITE,
        why=WRITES_LEFT,
    ),
    Fault(name="429 with Retry-After", variant=True, begin=status(429, retry_after_s=7, times=5)),
    Fault(name="500, twice", variant=True, begin=status(500, times=2)),
    Fault(name="503 for 20 s", variant=True, begin=status(503, lasts_s=20.0)),
    Fault(name="503 for 200 s", begin=status(503, lasts_s=200.0)),
    Fault(
        name="webhook down for 20 s",
        begin=status(500, methods=PATCHES, message=WEBHOOK, lasts_s=20.0),
        last=LAST_WRITE,
        why=WRITES_LEFT,
    ),
    Fault(
        name="responses 5 s late for 40 s",
        begin=partial(answering, effect=Effect.SLOW, seconds=5.0, lasts_s=40.0),
    ),
    Fault(
        name="response lost after the write",
        begin=partial(losing, answers=1),
        last=LAST_WRITE,
        why=WRITES_LEFT,
        at_next_patch=True,
    ),
    Fault(
        name="two responses lost after the writes",
        begin=partial(losing, answers=2),
        last=LAST_WRITE,
        why=WRITES_LEFT,
        at_next_patch=True,
    ),
    Fault(
        name="request lost",
        begin=partial(losing, requests=1),
        last=LAST_WRITE,
        why=WRITES_LEFT,
        at_next_patch=True,
    ),
    Fault(name="401, once", variant=True, begin=status(401, times=1)),
    Fault(name="401 for 30 s", begin=status(401, lasts_s=30.0)),
    Fault(
        name="lease cannot be renewed for 40 s",
        begin=status(500, methods=frozenset({"PUT", "PATCH"}), resource="leases", lasts_s=40.0),
    ),
    Fault(
        name="migration fails once",
        variant=True,
        begin=partial(striking, kind=Kind.MIGRATION_FAILS, migration_fails=1),
        last=f"{TARGET} Running",
        why=PLUGGED,
        **B_ONLY,
    ),
    Fault(
        name="migration fails twice",
        of_migration=True,
        every_phase=True,
        begin=partial(striking, kind=Kind.MIGRATION_FAILS, migration_fails=2),
        last=f"{TARGET} Running",
        why=PLUGGED,
        **B_ONLY,
    ),
    Fault(
        name="migration fails for 15 minutes",
        of_migration=True,
        every_phase=True,
        begin=partial(striking, kind=Kind.MIGRATION_FAILS, migration_fails=ALWAYS, ends_s=900.0),
        last=f"{TARGET} Running",
        why=PLUGGED,
        **B_ONLY,
    ),
    Fault(
        name="target unschedulable once",
        of_migration=True,
        every_phase=True,
        begin=partial(striking, kind=Kind.TARGET_UNSCHEDULABLE, target_unschedulable=1),
        last=f"{TARGET} noticed",
        why="a pod is scheduled as soon as it is created",
        **B_ONLY,
    ),
    Fault(
        name="hotplug rejected",
        of_migration=True,
        every_phase=True,
        begin=partial(striking, kind=Kind.PLUG_REFUSED, plug_refused=ALWAYS),
        last=f"{TARGET} Running",
        why=PLUGGED,
        leaves=REFUSED,
        **B_ONLY,
    ),
    Fault(
        name="guest does not accept the memory",
        of_migration=True,
        begin=silent,
        last=f"{TARGET} accepts",
        why="the guest already has its memory",
        leaves=SILENT,
        **B_ONLY,
    ),
    Fault(name="KubeVirt upgrade", begin=upgrading),
    Fault(name="foreign migration", begin=foreign_migration),
    Fault(
        name="migration disappears",
        every_phase=True,
        begin=vanishing,
        first=f"{TARGET} Pending",
        last=f"{TARGET} Running",
        why="no migration is running",
        **B_ONLY,
    ),
    Fault(
        name="nodes full for 120 s",
        of_migration=True,
        begin=full,
        last=LAST_WRITE,
        why="no pod is created after the last patch",
    ),
    Fault(
        name="quota for 120 s",
        of_migration=True,
        begin=quota,
        last=LAST_WRITE,
        why="no pod is created after the last patch",
    ),
    Fault(
        name="CR reverted once",
        begin=taken_back,
        first="strategy patched",
        why="there is no change to revert yet",
    ),
    Fault(
        name="CR owned by HyperConverged",
        begin=owned,
        first="strategy patched",
        why="there is no change to revert yet",
        leaves=HYPERCONVERGED,
        **B_ONLY,
    ),
    Fault(name="VM resized by another client", begin=partial(resized, guest="1536Mi"), **B_ONLY),
    Fault(
        name="VM size reverted",
        begin=partial(resized, guest="1Gi"),
        first=f"{TARGET} patched",
        why="there is no change to revert yet",
        **B_ONLY,
    ),
    Fault(name="VM labelled by another client", variant=True, begin=labelled),
    Fault(name="VM deleted and created again", begin=recreated, **B_ONLY),
    Fault(name="VM deleted", begin=deleted, leaves=GONE, **B_ONLY),
    Fault(name="lease taken by another client", begin=lease_taken),
    Fault(name="lease deleted", begin=lease_deleted),
    Fault(name="interrupted", begin=asked_to_end),
)
