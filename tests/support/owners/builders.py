"""Builds KubeVirt CRs that HyperConverged or Harvester manages, and the operators' objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from support.builders import condition, make_kubevirt, make_live

from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.references import ObjectRef, Uid, kubevirt_ref

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState

NAMESPACE = "kubevirt-hyperconverged"
HYPERCONVERGED = ObjectRef(
    kind="HyperConverged",
    namespace=NAMESPACE,
    name="kubevirt-hyperconverged",
    group="hco.kubevirt.io",
)
OWNED = kubevirt_ref(NAMESPACE, "kubevirt-kubevirt-hyperconverged")
SETTING = ObjectRef(
    kind="Setting", namespace="", name="max-hotplug-ratio", group="harvesterhci.io"
)
HARVESTER = kubevirt_ref("harvester-system", "kubevirt")
READY = {"ReconcileComplete": condition("True"), "Available": condition("True")}


def make_owner(release: str = "1.19.0", version: str = "v1", **overrides: Any) -> LiveOwner:
    """Build a HyperConverged object that is fully reconciled and has no settings."""
    containers = {("spec",), ("spec", "virtualization")} if version == "v1" else {("spec",)}
    base = LiveOwner(
        ref=HYPERCONVERGED,
        version=version,
        uid=Uid("uid-hco"),
        generation=3,
        observed_generation=3,
        release=release,
        conditions=READY,
        containers=frozenset(containers),
        resource_version="42",
    )
    return replace(base, **overrides)


def make_owned(owner: LiveOwner | None, *, version: str = "v1.9.0", **overrides: Any) -> LiveState:
    """Build a cluster whose KubeVirt CR HyperConverged manages."""
    kubevirt = make_kubevirt(
        version,
        ref=OWNED,
        owners=("HyperConverged/kubevirt-hyperconverged",),
        **overrides,
    )
    return make_live(kubevirt=kubevirt, owners=(owner,) if owner else ())


def make_harvester(
    setting: dict[tuple[str, ...], object] | None, *, version: str = "v1.9.0", **overrides: Any
) -> LiveState:
    """Build a Harvester cluster; *setting* is the value of its Setting, None for no Setting."""
    owners = ()
    if setting is not None:
        owners = (
            LiveOwner(
                ref=SETTING, version="v1beta1", uid=Uid("uid-set"), generation=1, spellings=setting
            ),
        )
    return make_live(
        kubevirt=make_kubevirt(version, ref=HARVESTER, **overrides),
        owners=owners,
        api_groups=frozenset({"harvesterhci.io"}),
    )
