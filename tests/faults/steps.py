"""The steps of a rollout at which faults are injected: requests, responses and changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

from faults.stage import CR_PATH, DEFAULT, GATED, TARGET, VMS, conditions, size, vm_path

VMIS = "virtualmachineinstances.kubevirt.io"
MIGRATIONS = "virtualmachineinstancemigrations.kubevirt.io"
LEASES = "leases.coordination.k8s.io"
PHASES = (
    "Pending",
    "Scheduling",
    "Scheduled",
    "PreparingTarget",
    "TargetReady",
    "Running",
    "Succeeded",
)


@dataclass(frozen=True)
class Asked:
    """The *nth* patch of *path*, before the server receives it or after its response arrives."""

    path: str
    when: str = "asked"
    nth: int = 1


@dataclass(frozen=True)
class Changed:
    """The first change to an object of *resource* for which *seen* is true."""

    resource: str
    seen: object


@dataclass(frozen=True)
class Step:
    """A step of a rollout; *place* is its position among the steps for the same KubeVirt CR."""

    name: str
    place: int
    control: str
    moment: object

    @property
    def kubevirt(self):
        return {"default": DEFAULT, "gated": GATED}[self.control]

    @property
    def before_patch(self):
        """Return whether this is the last step before a patch of the product."""
        return self.name.endswith((" patch", " settled"))

    def __str__(self):
        return self.name


def reach(stage, step, act):
    """Call *act* once, when the rollout reaches *step*; append the time to the returned list."""
    came = []

    def once():
        if not came:
            came.append(stage.clock.now())
            act()

    moment = step.moment
    if isinstance(moment, Asked):
        seen = []

        def hook(when, method, path):
            if (when, method, path) == (moment.when, "PATCH", moment.path):
                seen.append(path)
                if len(seen) == moment.nth:
                    once()

        stage.hooks.append(hook)
    else:

        def change(event):
            if came or event.key.resource != moment.resource or event.type == "DELETED":
                return
            if moment.seen(stage, json.loads(event.body)):
                # Run it after the write that causes this change has ended.
                stage.soon(once)

        stage.sim.store.subscribe(change)
    return came


def _named(name, thing):
    return thing["metadata"]["name"] == name


def _lease_taken(stage, lease):
    return "memory" in lease["metadata"]["name"] and lease["spec"]["holderIdentity"]


def _settling(generation, stage, cr):
    return cr["metadata"]["generation"] >= generation and cr["status"]["phase"] == "Deploying"


def _settled(generation, stage, cr):
    return cr["status"]["phase"] == "Deployed" and cr["status"]["observedGeneration"] >= generation


def _noticed(stage, vmi):
    return _named(TARGET, vmi) and conditions(vmi).get("HotMemoryChange") == "True"


def _phase(phase, stage, migration):
    of_target = migration["spec"]["vmiName"] == TARGET
    return of_target and migration.get("status", {}).get("phase") == phase


def _accepts(stage, vmi):
    memory = vmi["status"].get("memory", {})
    asked, has = size(memory.get("guestRequested")), size(memory.get("guestCurrent"))
    return _named(TARGET, vmi) and asked == "2Gi" and has == "1Gi"


def _converged(name, stage, vmi):
    return _named(name, vmi) and size(vmi["status"].get("memory", {}).get("guestCurrent")) == "2Gi"


def _wave(name, nth, generation):
    """Return the steps for one patch of the KubeVirt CR, which creates *generation*."""
    cr = "kubevirts.kubevirt.io"
    return [
        (f"{name} patch", Asked(CR_PATH, "asked", nth)),
        (f"{name} patched", Asked(CR_PATH, "answered", nth)),
        (f"{name} settling", Changed(cr, partial(_settling, generation))),
        (f"{name} settled", Changed(cr, partial(_settled, generation))),
    ]


LEASE = ("lease taken", Changed(LEASES, _lease_taken))
MEMORY = [
    (f"{TARGET} patch", Asked(vm_path(TARGET))),
    (f"{TARGET} patched", Asked(vm_path(TARGET), "answered")),
    (f"{TARGET} noticed", Changed(VMIS, _noticed)),
    *((f"{TARGET} {phase}", Changed(MIGRATIONS, partial(_phase, phase))) for phase in PHASES),
    (f"{TARGET} accepts", Changed(VMIS, _accepts)),
    (f"{VMS[-1]} patch", Asked(vm_path(VMS[-1]))),
    (f"{TARGET} converged", Changed(VMIS, partial(_converged, TARGET))),
    ("end", Changed(VMIS, partial(_converged, VMS[-1]))),
]


def _steps(control, *moments):
    return [Step(name, place, control, moment) for place, (name, moment) in enumerate(moments)]


STEPS = {
    "default": _steps("default", LEASE, *_wave("strategy", 1, 2), *MEMORY),
    "gated": _steps("gated", LEASE, *_wave("gate", 1, 3), *_wave("strategy", 2, 4)),
}
"""The steps for each KubeVirt CR; the "gated" CR changes in two steps, the default CR in one."""


def between(control, first, last):
    """Return the steps from *first* to *last* (inclusive) that exist for a given KubeVirt CR."""
    names = [each.name for each in STEPS[control]]
    begin = names.index(first) if first in names else 0
    end = names.index(last) if last in names else len(names) - 1
    return STEPS[control][begin : end + 1]
