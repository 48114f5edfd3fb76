"""VMLiveUpdater: applies changes to a VM template to the running VMI.

The modules `rules.live_update` and `rules.live_update_cpu` decide which changes can be applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import (
    FAILURE,
    RESTART_REQUIRED,
    REVISIONS,
    VMIS,
    VMS,
    Json,
    condition,
    dig,
    drop_condition,
    key_of,
    make_condition,
    section,
    set_condition,
    size,
)
from reconciler.simulator.kubevirt.rules import (
    defaults,
    in_place,
    instancetypes,
    live_update,
    live_update_cpu,
)
from reconciler.simulator.kubevirt.rules.live_update import Verdict
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster

MANAGER: Final = "virt-controller"
HOTPLUG_ERROR: Final = "HotPlugMemoryError"
SYNC_ERRORS: Final = frozenset(
    {
        HOTPLUG_ERROR,
        live_update_cpu.CPU_ERROR,
        live_update_cpu.PLACEMENT_ERROR,
        live_update_cpu.TOLERATIONS_ERROR,
    }
)


class VMLiveUpdater:
    """Applies VM changes to the running VMI, for the VM controller."""

    def __init__(self, cluster: Cluster, types: instancetypes.Instancetypes) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._types = types

    def update(self, vm: Json, vmi: Json) -> Json:
        """Applies VM changes to the VMI; sets VM conditions for changes that cannot be applied.

        Returns:
            The VMI after the changes.
        """
        config = self._cluster.config
        revision = self._start_revision(vmi)
        if revision is None:
            return vmi
        if revision["data"]["spec"]["template"] == vm["spec"]["template"]:
            vmi = self._bump_generation(vm, vmi)
        self.keep_instancetype(vm)
        if not config.behaviour.restart_required:
            if config.updates_live(vm):
                self._update_memory(vm, vmi)
            return vmi
        started = self._template_at_start(vm, revision["data"]["spec"])
        known = config.behaviour.instancetypes_live
        current = live_update.expanded_template(
            vm["spec"]["template"]["spec"],
            self._types.effective(vm, config.behaviour) if known else None,
        )
        if live_update.needs_restart(started, current, config):
            self._require_restart(vm, live_update.NON_LIVE_FIELD)
        elif config.behaviour.self_clearing:
            self._clear_unless_same(vm, vmi)
            return vmi
        if config.live_update and condition(vm, RESTART_REQUIRED) is None:
            self._update_live(vm, vmi)
        return vmi

    def _clear_unless_same(self, vm: Json, vmi: Json) -> None:
        """Reevaluates RestartRequired; an unchanged condition keeps its lastTransitionTime."""
        earlier = condition(vm, RESTART_REQUIRED)
        drop_condition(vm, RESTART_REQUIRED)
        if self._cluster.config.live_update:
            self._update_live(vm, vmi)
        again = condition(vm, RESTART_REQUIRED)
        if earlier is not None and again is not None and earlier["message"] == again["message"]:
            again["lastTransitionTime"] = earlier["lastTransitionTime"]

    def _update_live(self, vm: Json, vmi: Json) -> None:
        """Applies CPU, placement and memory changes; none if a CPU or placement change fails.

        Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:3351-3366.
        """
        template = vm["spec"]["template"]["spec"]
        cpu = live_update_cpu.decide_cpu(self._domain(vm), vmi)
        placement = live_update_cpu.decide_placement(template, vmi)
        failed = next((step for step in (cpu, placement) if step.reason), None)
        if cpu.restart:
            self._require_restart(vm, cpu.restart)
        if failed is not None:
            self._fail(vm, failed.message, failed.reason)
            return
        if live_update_cpu.has_changes(template, vmi, cpu.sockets):
            self._store.mutate(
                key_of(VMIS, vmi),
                lambda stored: live_update_cpu.apply_changes(stored, template, cpu.sockets),
                manager=MANAGER,
            )
        self._update_memory(vm, vmi)

    def _domain(self, vm: Json) -> Json:
        """Returns a VM's domain section; from KubeVirt v1.3 on, with the instancetype applied."""
        behaviour = self._cluster.config.behaviour
        if not behaviour.instancetypes_live:
            return vm["spec"]["template"]["spec"]["domain"]  # type: ignore[no-any-return]  # JSON
        return self._types.domain(vm, behaviour)

    def _update_memory(self, vm: Json, vmi: Json) -> None:
        config = self._cluster.config
        decision = live_update.decide_memory(self._domain(vm), vmi, config)
        failure = condition(vm, FAILURE)
        if decision.verdict is Verdict.REFUSED:
            self._fail(vm, decision.message)
            return
        if failure is not None and failure.get("reason") in SYNC_ERRORS:
            drop_condition(vm, FAILURE)
        if decision.verdict is Verdict.RESTART and config.behaviour.restart_required:
            self._require_restart(vm, decision.message)
        elif decision.verdict is Verdict.HOTPLUG:
            self._store.mutate(
                key_of(VMIS, vmi),
                lambda stored: self._hotplug(stored, decision),
                manager=MANAGER,
            )

    def _hotplug(self, vmi: Json, decision: live_update.MemoryDecision) -> None:
        domain, config = vmi["spec"]["domain"], self._cluster.config
        present = size(domain, "memory", "guest") or 0
        if in_place.fits(domain, wanted=decision.guest, present=present, config=config):
            section(vmi, "metadata", "annotations")[in_place.ANNOTATION] = "true"
        live_update.hotplug(vmi, decision)

    def _require_restart(self, vm: Json, message: str) -> None:
        now = self._cluster.now()
        set_condition(vm, make_condition(RESTART_REQUIRED, "True", at=now, message=message))

    def _fail(self, vm: Json, message: str, reason: str = HOTPLUG_ERROR) -> None:
        now = self._cluster.now()
        set_condition(vm, make_condition(FAILURE, "True", at=now, reason=reason, message=message))

    def _start_revision(self, vmi: Json) -> Json | None:
        name = dig(vmi, "status", "virtualMachineRevisionName")
        return self._store.get(Key(REVISIONS, vmi["metadata"]["namespace"], name or ""))

    def _bump_generation(self, vm: Json, vmi: Json) -> Json:
        """Writes the generation of a VM into an annotation of its VMI.

        Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:1438-1474; recorded on a real cluster.
        """
        generation = str(vm["metadata"]["generation"])
        if dig(vmi, "metadata", "annotations", defaults.GENERATION_ANNOTATION) == generation:
            return vmi

        def annotate(stored: Json) -> None:
            section(stored, "metadata", "annotations")[defaults.GENERATION_ANNOTATION] = generation

        return self._store.mutate(key_of(VMIS, vmi), annotate, manager=MANAGER) or vmi

    def _template_at_start(self, vm: Json, spec: Json) -> Json:
        name = dig(spec, "instancetype", "name")
        if name is None or not self._cluster.config.behaviour.instancetypes_live:
            return spec["template"]["spec"]  # type: ignore[no-any-return]  # JSON
        meta = vm["metadata"]
        prefix = f"{meta['name']}-{name}-v1beta1-"
        keys = self._store.keys(REVISIONS, meta["namespace"])
        kept = next((key for key in keys if key.name.startswith(prefix)), None)
        revision = None if kept is None else self._store.get(kept)
        return live_update.expanded_template(
            spec["template"]["spec"], None if revision is None else revision["data"]
        )

    def keep_instancetype(self, vm: Json) -> None:
        """Stores the instancetype of a VM in a ControllerRevision, to which the VM then refers."""
        behaviour = self._cluster.config.behaviour
        if not dig(vm, "spec", "instancetype"):
            return
        if instancetypes.revision_of(vm, behaviour) is not None:
            return
        found = self._types.named(vm)
        if found is None:
            return
        revision = self._types.keep_revision(vm, found)

        def refer(stored: Json) -> None:
            instancetypes.reference_revision(stored, revision, behaviour)

        refer(vm)
        if not behaviour.instancetype_in_status:
            self._store.mutate(key_of(VMS, vm), refer, manager=MANAGER)
