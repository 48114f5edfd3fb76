"""Reasons of the effects none, config, live, cold and create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import VM_CONTROLLER, own, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

CHANGES: Mapping[Reason, ReasonEntry] = {
    Reason.CONVERGED: recorded(
        "The VM's spec and its running guest have the memory that Git asks for.",
        "",
        "hotplug-succeeds, all versions",
    ),
    Reason.STOPPED_AS_DESIRED: recorded(
        "The VM is not running, and its spec has the size that Git asks for.",
        "",
        "halted, all versions",
    ),
    Reason.CONFIG_AS_DESIRED: own(
        "The KubeVirt CR has every setting that Git names.", "", "nothing that Git names differs"
    ),
    Reason.GATE_GRADUATED: recorded(
        "Git names the feature gate VMLiveUpdateFeatures, which this version no longer needs."
        " It is not added.",
        "You can remove the gate from Git.",
        "gate-missing v1.6.3: hotplugs without the gate",
        since="v1.5",
    ),
    Reason.NOTHING_NAMED: own(
        "Git has the VM and names no memory for it.",
        "Name `memory.guest` if this VM's memory should be managed.",
        "Git names no memory",
    ),
    Reason.CONFIG_CHANGE: recorded(
        "Settings of the KubeVirt CR differ from Git and will be patched.",
        "Read the warnings: they say which VMs the new settings affect.",
        "api mechanics; how a CR settles is read from v1.9.0 code",
    ),
    Reason.HOTPLUG: recorded(
        "The memory grows in the running guest through a live migration.",
        "",
        "hotplug-succeeds, all versions",
    ),
    Reason.HOTUNPLUG: source(
        "The memory shrinks in the running guest through a live migration. The guest may keep a"
        " part of it.",
        "",
        f"v1.9.0 {VM_CONTROLLER}:3498-3502",
    ),
    Reason.BACK_TO_RUNNING: recorded(
        "The VM's spec differs from Git, but its running instance already has the desired size."
        " The spec is written and no migration is needed.",
        "",
        "above-max-then-revert v1.9.0",
    ),
    Reason.NOT_RUNNING: recorded(
        "The VM is not running. The spec is written, and the VM has the new size when it starts.",
        "",
        "halted, all versions",
    ),
    Reason.NEW: recorded(
        "The cluster has no such VM. It will be created from Git, because `create: true` is set.",
        "",
        "hotplug-succeeds, first request",
    ),
}
