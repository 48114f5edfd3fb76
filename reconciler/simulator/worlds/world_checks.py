"""`check` finds contradictions in a scenario, which describes a simulated cluster."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.simulator.apiserver.request import schema_validation
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.cluster_config import read_config
from reconciler.simulator.kubevirt.object_fields import LIVE_UPDATE_FEATURES
from reconciler.simulator.kubevirt.rules import memory_hotplug, v1_1
from reconciler.simulator.kubevirt.versions import Rollout, behaviour
from reconciler.simulator.store import api_resources, structural_schema
from reconciler.simulator.worlds.field_reader import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.simulator.worlds.world_model import VMSpec, World


def check(world: World) -> Iterator[Problem]:
    """Yields a problem for each contradiction in a scenario."""
    if wrong := list(_wrong_types(world)):
        yield from wrong
        return
    yield from _check_kubevirt(world)
    yield from _check_names(world)
    yield from _check_unique(world)
    yield from _check_tokens(world)
    yield from _check_objects(world)
    for vm in world.vms:
        yield from _check_vm(world, vm)
    for migration in world.migrations:
        key = (migration.namespace, migration.vmi)
        target = next((vm for vm in world.vms if vm.key == key), None)
        if target is None or not target.running:
            yield _problem(
                f"{migration.path}.vmi",
                f"{migration.vmi!r} is not a running VM in namespace {migration.namespace!r}",
            )
        elif not target.profile.migratable:
            yield _problem(
                f"{migration.path}.vmi",
                f"the VM {migration.vmi!r} cannot migrate, because it has migratable: false",
            )


def _wrong_types(world: World) -> Iterator[Problem]:
    """Yields a problem for each field with a wrong type in the spec of the KubeVirt CR."""
    spec = json_codec.copy(dict(world.kubevirt_spec))
    node = structural_schema.child(structural_schema.of("kubevirts.kubevirt.io"), "spec")
    for error in schema_validation.check(spec, node, "kubevirt.spec"):
        yield _problem(error.field, error.message)


def _check_kubevirt(world: World) -> Iterator[Problem]:
    version = behaviour(world.version)
    configuration = world.kubevirt_spec.get("configuration") or {}
    strategy = configuration.get("vmRolloutStrategy")
    if strategy is not None and strategy not in {r.value for r in Rollout}:
        yield _problem(
            "kubevirt.spec.configuration.vmRolloutStrategy",
            f"{strategy!r} is neither Stage nor LiveUpdate",
        )
    elif strategy is not None and version.default_rollout is None:
        yield _problem(
            "kubevirt.spec.configuration.vmRolloutStrategy",
            f"KubeVirt {world.version} does not have this field, which v1.2 added",
        )
    developer = configuration.get("developerConfiguration") or {}
    both = set(developer.get("featureGates") or ()) & set(
        developer.get("disabledFeatureGates") or ()
    )
    if both and version.gate_overlap_denied:
        yield _problem(
            "kubevirt.spec.configuration.developerConfiguration",
            f"{', '.join(sorted(both))} is in featureGates and in disabledFeatureGates, which "
            f"KubeVirt {world.version} denies",
        )


def _check_names(world: World) -> Iterator[Problem]:
    if not world.nodes:
        yield _problem("nodes", "the cluster has no nodes; add at least one node")
    for name, count in Counter(node.name for node in world.nodes).items():
        if not name or count > 1:
            yield _problem(
                "nodes", f"{count} nodes have the name {name!r}; give each node a unique name"
            )
    seen: dict[tuple[str, str], str] = {}
    for vm in world.vms:
        if not vm.name:
            yield _problem(f"{vm.path}.name", "a VM needs a name")
        elif vm.key in seen:
            message = f"{vm.namespace}/{vm.name} is already defined in {seen[vm.key]}"
            yield _problem(f"{vm.path}.name", message)
        seen.setdefault(vm.key, vm.path)


def _check_unique(world: World) -> Iterator[Problem]:
    """Yields a problem for each name that objects of the same kind and namespace share."""
    named = {
        "instancetypes": [(each.namespace, each.name) for each in world.instancetypes],
        "quotas": [(each.namespace, each.name) for each in world.quotas],
        "migrations": [(each.namespace, each.name) for each in world.migrations],
    }
    for field, names in named.items():
        for (namespace, name), count in Counter(names).items():
            if count > 1:
                where = f" in namespace {namespace!r}" if namespace else ""
                message = f"{count} {field} have the name {name!r}{where}; use unique names"
                yield _problem(field, message)


def _check_tokens(world: World) -> Iterator[Problem]:
    for token, who in world.tokens.items():
        if not isinstance(who, dict) or not who.get("user"):
            yield _problem(
                f"tokens.{token}", "the token has no user; set user and, if needed, groups"
            )


def _check_objects(world: World) -> Iterator[Problem]:
    for index, manifest in enumerate(world.objects):
        path = f"objects[{index}]"
        metadata = manifest.get("metadata")
        if not isinstance(metadata, dict) or not metadata.get("name"):
            yield _problem(f"{path}.metadata.name", "an object needs a name")
        kind = kind_of(manifest)
        if kind is None:
            given = f"kind {manifest.get('kind')} (apiVersion {manifest.get('apiVersion')})"
            yield _problem(f"{path}.kind", f"the simulator does not support objects of {given}")
        elif kind.custom:
            yield from _check_schema(path, manifest, structural_schema.served(kind))


def _check_schema(
    path: str, manifest: Mapping[str, Any], node: json_codec.Json
) -> Iterator[Problem]:
    """Yields a problem for each manifest field that an API server would reject or remove."""
    given = json_codec.copy(dict(manifest))
    for error in schema_validation.check(given, node):
        yield _problem(f"{path}.{error.field}", error.message)
    for field in schema_validation.prune(given, node):
        yield _problem(f"{path}.{field}", "unknown field")


def kind_of(manifest: Mapping[str, Any]) -> api_resources.Resource | None:
    """Returns the API resource of a manifest, or None if the simulator does not store its kind."""
    group, _, version = str(manifest.get("apiVersion")).rpartition("/")
    wanted = (group, version, manifest.get("kind"))
    return next(
        (r for r in api_resources.CATALOGUE if (r.group, r.version, r.kind) == wanted), None
    )


def _check_vm(world: World, vm: VMSpec) -> Iterator[Problem]:
    yield from _check_sizes(world, vm)
    yield from _check_state(vm)
    if vm.backup is not None and not behaviour(world.version).backups:
        message = f"KubeVirt {world.version} does not support backups, which v1.8 added"
        yield _problem(f"{vm.path}.backup", message)
    nodes = {node.name: node for node in world.nodes}
    if vm.node and vm.node not in nodes:
        yield _problem(
            f"{vm.path}.node", f"{vm.node!r} is not one of the nodes {', '.join(sorted(nodes))}"
        )
    if vm.instancetype and not any(
        kind.name == vm.instancetype and kind.namespace in {"", vm.namespace}
        for kind in world.instancetypes
    ):
        message = (
            f"the instancetype {vm.instancetype!r} exists neither in the namespace "
            f"{vm.namespace!r} nor cluster-wide"
        )
        yield _problem(f"{vm.path}.instancetype", message)
    if vm.instancetype and vm.guest is not None:
        message = "the instancetype sets the memory of the VM; remove guest or instancetype"
        yield _problem(f"{vm.path}.guest", message)


def _check_sizes(world: World, vm: VMSpec) -> Iterator[Problem]:
    version = behaviour(world.version)
    if vm.guest == 0:
        yield _problem(f"{vm.path}.guest", "the guest size must be more than 0 bytes")
    if not version.vm_live_update_features and vm.live_update_features is not None:
        message = f"KubeVirt {world.version} does not have this field, which v1.2 removed"
        yield _problem(f"{vm.path}.liveUpdateFeatures", message)
    if version.vm_live_update_features:
        yield from _check_live_update_features(world, vm)
        return
    live = read_config({"spec": dict(world.kubevirt_spec)}, version).live_update
    if vm.guest is None or vm.max_guest is None or not live:
        return
    domain = {**vm.domain, "memory": {"guest": quantity.binary(vm.guest)}}
    refused = memory_hotplug.hotplug_refusal(domain, vm.architecture, vm.max_guest, version)
    if refused is not None:
        given = f"guest {quantity.binary(vm.guest)}, maxGuest {quantity.binary(vm.max_guest)}"
        yield _problem(f"{vm.path}.maxGuest", f"KubeVirt denies this VM ({given}): {refused}")


def _check_live_update_features(world: World, vm: VMSpec) -> Iterator[Problem]:
    """Yields a problem for each live update setting of a VM that the v1.1 webhook denies."""
    guest = {} if vm.guest is None else {"guest": quantity.binary(vm.guest)}
    own = {} if vm.max_guest is None else {"maxGuest": quantity.binary(vm.max_guest)}
    switch = (
        {} if vm.live_update_features is None else {LIVE_UPDATE_FEATURES: vm.live_update_features}
    )
    kind = {"instancetype": {"name": vm.instancetype}} if vm.instancetype else {}
    memory = {**guest, **own, **(vm.domain.get("memory") or {})}
    template = {"architecture": vm.architecture, "domain": {**vm.domain, "memory": memory}}
    config = read_config({"spec": dict(world.kubevirt_spec)}, behaviour(world.version))
    asked = {"spec": {**switch, **kind, "template": {"spec": template}}}
    refused = None if vm.spec else v1_1.refusal(asked, config)
    if refused is not None:
        yield _problem(vm.path, f"KubeVirt denies this VM ({refused[1]}): {refused[0]}")
    if vm.booted_under:
        message = f"KubeVirt {world.version} has no rollout strategy, which v1.2 added"
        yield _problem(f"{vm.path}.bootedUnder", message)


def _check_state(vm: VMSpec) -> Iterator[Problem]:
    if not vm.running:
        for name, value in (
            ("bootedWith", vm.booted_with),
            ("bootedUnder", vm.booted_under),
            ("node", vm.node),
            ("launcher", vm.launcher),
            ("guestCurrent", vm.guest_current),
            ("lastPlugRefused", vm.last_plug_refused),
            ("backup", vm.backup),
        ):
            if value:
                yield _problem(
                    f"{vm.path}.{name}",
                    "a VM with running: false cannot have this field, because it has not booted",
                )
    if vm.guest is None and vm.booted_with is not None:
        message = "a VM with bootedWith also needs guest, the new size of the VM"
        yield _problem(f"{vm.path}.bootedWith", message)
    if vm.hotplugged and vm.booted_with is None:
        yield _problem(
            f"{vm.path}.hotplugged",
            "a VM with hotplugged also needs bootedWith, the size before the hotplug",
        )
    keeps, offered = vm.faults.guest_keeps, max(vm.guest or 0, vm.booted_with or 0)
    if keeps is not None and vm.guest is not None and keeps > offered:
        given = (
            f"{quantity.binary(keeps)} is more than the {quantity.binary(offered)} that the VM has"
        )
        yield _problem(f"{vm.path}.faults.guestKeeps", given)


def _problem(path: str, message: str) -> Problem:
    return Problem(path=path, message=message)
