"""Reads the settings of HyperConverged and Harvester from a scenario."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.simulator.kubevirt.object_fields import KUBEVIRTS, VMS
from reconciler.simulator.kubevirt.owners import harvester, hyperconverged, hyperconverged_spec
from reconciler.simulator.kubevirt.owners.owner_specs import (
    AutopilotSpec,
    HarvesterSpec,
    HyperConvergedSpec,
    RewriteSpec,
    WriterSpec,
)
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.worlds.field_reader import Fields
    from reconciler.simulator.worlds.world_model import World

OWNERS: Final = ("HyperConverged", "Harvester", "Deckhouse")
_WRITTEN: Final = {"VirtualMachine": VMS, "KubeVirt": KUBEVIRTS}
"""The API resources whose fields a tool such as Argo CD can reset, keyed by kind."""
_DEFAULT_RATIO: Final = harvester.DEFAULT_RATIO


def owned(world: World, owner: str, fields: Fields) -> World:
    """Adds the operator that manages the KubeVirt CR, and the CR itself, to a simulated cluster.

    Args:
        world: The part of the scenario that was already read, including `kubevirt`.
        owner: The field `kubevirt.owner`, one of `OWNERS` or empty.
        fields: The fields of the whole scenario.
    """
    own, suse = fields.nested("hyperConverged"), fields.nested("harvester")
    if owner == "HyperConverged":
        world = _with_hyperconverged(world, own)
        if suse.values:
            world = replace(world, harvester=_harvester(suse))
    elif owner == "Harvester":
        world = _with_harvester(world, suse)
    elif owner == "Deckhouse":
        world = replace(world, deckhouse=True)
    own.finish()
    suse.finish()
    writers = tuple(_writer(entry) for entry in fields.each("rewrittenBy"))
    return replace(world, writers=writers)


def _writer(entry: Fields) -> WriterSpec:
    kind = entry.text("kind", "VirtualMachine", choices=tuple(_WRITTEN))
    key = Key(_WRITTEN[kind], entry.text("namespace", "default"), entry.text("name"))
    made = WriterSpec(key=key, rewrite=_rewrite_of(entry))
    entry.finish()
    return made


def _with_hyperconverged(world: World, fields: Fields) -> World:
    usual = hyperconverged_spec.release_of(world.version)
    name = fields.checked("release", hyperconverged_spec.release, usual)
    release = hyperconverged_spec.release(name)
    spec = hyperconverged_spec.with_defaults(fields.mapping("spec"), release)
    annotations = fields.labels("annotations")
    down = fields.nested("down")
    made = HyperConvergedSpec(
        release=release,
        spec=spec,
        annotations=annotations,
        serves_v1beta1=fields.boolean("servesV1beta1", default=True),
        manager=fields.text("manager", "kubectl-create"),
        unavailable=fields.text("unavailable"),
        down="down" in fields.values,
        back_s=down.seconds("until"),
        rewrite=_rewrite(fields),
        autopilot=_autopilot(fields),
    )
    down.finish()
    if world.kubevirt_spec:
        message = "HyperConverged writes the KubeVirt CR; set hyperConverged.spec instead"
        fields.problem("spec", message)
    try:
        written = hyperconverged_spec.kubevirt_spec(spec, annotations, release)
    except hyperconverged_spec.InvalidAnnotationError as error:
        fields.problem("annotations", str(error))
        written = {}
    return replace(
        world,
        hyperconverged=made,
        kubevirt_namespace=world.kubevirt_namespace
        if world.kubevirt_namespace != "kubevirt"
        else hyperconverged.NAME,
        kubevirt_names=(hyperconverged.kubevirt_name(),),
        kubevirt_spec=written,
    )


def _with_harvester(world: World, fields: Fields) -> World:
    made = _harvester(fields)
    spec: dict[str, Any] = dict(world.kubevirt_spec)
    if made.setting:
        spec = harvester.with_ratio(spec, made.ratio or _DEFAULT_RATIO)
    return replace(
        world,
        harvester=made,
        kubevirt_namespace=harvester.NAMESPACE,
        kubevirt_names=(harvester.NAME,),
        kubevirt_spec=spec,
    )


def _harvester(fields: Fields) -> HarvesterSpec:
    return HarvesterSpec(
        ratio=fields.text("maxHotplugRatio"),
        setting=fields.boolean("setting", default=True),
        down=fields.boolean("down"),
        rewrite=_rewrite(fields),
    )


def _autopilot(fields: Fields) -> AutopilotSpec | None:
    entry = fields.nested("autopilot")
    if not entry.values:
        return None
    made = AutopilotSpec(fields=entry.mapping("fields"), after_s=entry.seconds("after") or 0.0)
    entry.finish()
    return made


def _rewrite(fields: Fields) -> RewriteSpec | None:
    entry = fields.nested("rewrittenBy")
    if not entry.values:
        return None
    made = _rewrite_of(entry)
    entry.finish()
    return made


def _rewrite_of(entry: Fields) -> RewriteSpec:
    return RewriteSpec(
        manager=entry.text("manager", "argocd-controller"),
        after_s=entry.seconds("after") or 5.0,
        patch=entry.mapping("patch"),
    )
