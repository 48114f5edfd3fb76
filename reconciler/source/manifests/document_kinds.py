"""``classify``: says whether a YAML document is a managed object, another object or a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model import quoting
from reconciler.model.references import HYPERCONVERGED, HYPERCONVERGED_GROUP, KUBEVIRT_GROUP
from reconciler.schema.violations import closest, did_you_mean
from reconciler.source.yaml.nodes import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.source.yaml.nodes import Node

VERSION = "v1"
API_VERSION = f"{KUBEVIRT_GROUP}/{VERSION}"
MANAGED = ("KubeVirt", "VirtualMachine")
_HYPERCONVERGED_VERSIONS = ("v1", "v1beta1")
"""The supported API versions of HyperConverged, whose operator writes the KubeVirt CR."""
_OTHERS = (
    "VirtualMachineInstance",
    "VirtualMachineInstanceMigration",
    "VirtualMachineInstancePreset",
    "VirtualMachineInstanceReplicaSet",
)
"""The kinds in the KubeVirt API group that this program knows but does not manage.

Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/register.go.
"""
_ALIKE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Says whether a YAML document is a managed object, an unmanaged object, a list or a mistake.

    At most one field is set; no field is set if the document is not a manifest.
    """

    managed: str | None = None
    skipped: str | None = None
    listed: str | None = None
    """The default kind of the list's items, or None if the document is not a list."""
    problem: Problem | None = None


def classify(node: Node, *, kind: object, api_version: object) -> Kind:
    """Classify a YAML document by its kind and apiVersion.

    A mapping without a kind, such as Helm values or a CI workflow, is not a manifest. A mapping
    without an apiVersion is a manifest only if it has a managed kind.
    """
    if not isinstance(kind, str) or not (isinstance(api_version, str) or kind in MANAGED):
        return Kind()
    if not isinstance(api_version, str):
        return _wrong_version(node, "kind", f"this {kind} does not set apiVersion")
    if kind == "List" and api_version == "v1":
        return Kind(listed="")
    group, _, version = api_version.rpartition("/")
    if group in _KINDS:
        return _KINDS[group](node, kind, version)
    if kind in MANAGED and (not group or closest(group, [KUBEVIRT_GROUP], cutoff=_ALIKE)):
        message = f"apiVersion is {quoting.version(api_version)}; expected {API_VERSION!r}"
        return _wrong_version(node, "apiVersion", message)
    return Kind(skipped=quoting.cut(kind))


def _kubevirt_kind(node: Node, kind: str, version: str) -> Kind:
    if kind in _OTHERS:
        return Kind(skipped=quoting.cut(kind))
    known = (*MANAGED, *_OTHERS)
    single = kind.removesuffix("List")
    if single not in known:
        message = f"the API group {KUBEVIRT_GROUP} has no kind {quoting.quoted(kind)}"
        hint = did_you_mean(kind, known) or f"known: {', '.join(known)}"
        return _problem(node, "kind", "unknown-kind", message, hint)
    if single in MANAGED and version != VERSION:
        found = quoting.version(f"{KUBEVIRT_GROUP}/{version}")
        message = f"apiVersion is {found}, which is not supported; expected {API_VERSION!r}"
        return _wrong_version(node, "apiVersion", message)
    return Kind(listed=single) if single != kind else Kind(managed=kind)


def _hyperconverged_kind(node: Node, kind: str, version: str) -> Kind:
    single = kind.removesuffix("List")
    if single != HYPERCONVERGED:
        return Kind(skipped=quoting.cut(kind))
    if version not in _HYPERCONVERGED_VERSIONS:
        found = quoting.version(f"{HYPERCONVERGED_GROUP}/{version}")
        known = " or ".join(f"{HYPERCONVERGED_GROUP}/{each}" for each in _HYPERCONVERGED_VERSIONS)
        message = f"apiVersion is {found}, which is not supported"
        return _problem(node, "apiVersion", "bad-api-version", message, f"write {known}")
    return Kind(listed=single) if single != kind else Kind(managed=kind)


_KINDS: Mapping[str, Callable[[Node, str, str], Kind]] = {
    KUBEVIRT_GROUP: _kubevirt_kind,
    HYPERCONVERGED_GROUP: _hyperconverged_kind,
}
"""Maps the name of each API group to the function that classifies the kinds in the group."""


def _wrong_version(node: Node, key: str, message: str) -> Kind:
    return _problem(node, key, "bad-api-version", message, f"write apiVersion: {API_VERSION}")


def _problem(node: Node, key: str, code: str, message: str, hint: str) -> Kind:
    mark = node.at((key,))
    return Kind(problem=Problem(mark=mark, code=code, message=message, hint=hint))
