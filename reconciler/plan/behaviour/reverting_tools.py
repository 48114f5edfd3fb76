"""Warns about tools that apply manifests repeatedly and might revert this program's writes.

``written_back`` is certain: according to managedFields, the tool has written the field, so the
tool's manifest sets the field. ``may_be_written_back`` is less certain: only labels or annotations
show that the tool manages the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.references import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.references import FieldPath

OUR_MANAGER = "reconciler"
"""The field manager of this program's own writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that applies whole manifests repeatedly, such as Argo CD."""

    writes: str
    """A phrase that says when the tool applies an object's manifest again."""
    rule: str = ""
    """The file in ``examples/interop`` that makes the tool ignore this program's fields."""

    @property
    def advice(self) -> str:
        """Advice on how to prevent the tool from reverting the value that this program writes."""
        if not self.rule:
            return "set the same value in the source that this tool applies"
        return f"to make the tool ignore this field, add the rule in examples/interop/{self.rule}"


ARGO_CD = Tool(
    writes="at the next sync, or immediately if self-heal is enabled", rule="argocd-cm.yaml"
)
FLUX_KUSTOMIZATION = Tool(
    writes="at its next reconciliation, even without a new commit", rule="flux-kustomization.yaml"
)
FLUX_HELM_RELEASE = Tool(
    writes="at the next upgrade, or at any time if drift detection is enabled",
    rule="flux-helmrelease.yaml",
)
KAPP = Tool(writes="at its next deploy", rule="kapp-config.yaml")
HELM = Tool(
    writes="at the next upgrade (Helm 3 and older: only if the new chart version changes the "
    "field)"
)
KLUCTL = Tool(writes="at its next deploy")

REVERTING_MANAGERS: Mapping[str, Tool] = {
    **dict.fromkeys(("argocd-controller", "argocd-application-controller"), ARGO_CD),
    "kustomize-controller": FLUX_KUSTOMIZATION,
    "helm-controller": FLUX_HELM_RELEASE,
    "kapp": KAPP,
    "helm": HELM,
    "kluctl": KLUCTL,
}
"""Tools that apply whole manifests repeatedly, by the name of their field manager."""

MARKING_TOOLS: Mapping[str, Tool] = {
    "Argo CD": ARGO_CD,
    "Flux Kustomization": FLUX_KUSTOMIZATION,
    "Flux HelmRelease": FLUX_HELM_RELEASE,
    "kapp": KAPP,
    "Helm": HELM,
}
"""Tools that apply whole manifests, by the name that their labels and annotations show.

Source: the documentation of Argo CD (automated sync), Flux (Kustomization, HelmRelease drift
detection) and kapp; helm v3 pkg/kube/client.go (createPatch: for custom resources, the difference
between the old and the new manifest). Labels do not show whether the manifest sets the field.
"""


def written_back(manager: str, what: str, tracked_by: str = "") -> str:
    """Return a warning if a tool that wrote a field will overwrite this program's value.

    Args:
        manager: The field manager that wrote the value last, from managedFields.
        what: The field, such as ``the guest size``.
        tracked_by: The tool that the object's labels and annotations name; can be empty.
    """
    tool = REVERTING_MANAGERS.get(manager)
    if tool is None:
        return ""
    mark = f" ({tracked_by})" if tracked_by else ""
    return (
        f"the field manager {manager}{mark} wrote {what} last and will overwrite the new value "
        f"with its own; {tool.advice}"
    )


def may_be_written_back(manager: str, what: str, tracked_by: str) -> str:
    """Return a warning if a tool that manages an object might overwrite this program's value.

    The result is empty if managedFields show what will happen: either the tool has written the
    field, or this program wrote the field last and the tool has not reverted it since.

    Args:
        manager: The field manager that wrote the value last, from managedFields.
        what: The field, such as ``the guest size``.
        tracked_by: The tool that the object's labels and annotations name; can be empty.
    """
    name = next((each for each in MARKING_TOOLS if f"{tracked_by} ".startswith(f"{each} ")), None)
    if name is None or manager == OUR_MANAGER or manager in REVERTING_MANAGERS:
        return ""
    tool = MARKING_TOOLS[name]
    return (
        f"the labels or annotations of this object show that {tracked_by} applies it, but "
        f"managedFields do not show whether the applied manifest sets {what}. If it does, {name} "
        f"overwrites the new value {tool.writes}; {tool.advice}"
    )


def warnings_of(managers: Mapping[FieldPath, str], tracked_by: str = "") -> tuple[str, ...]:
    """Return a warning for each tool that will or might overwrite this program's values.

    Args:
        managers: The fields that change, and for each field, the manager that wrote it last.
        tracked_by: The tool that the object's labels and annotations name; can be empty.
    """
    by_manager: dict[str, list[str]] = {}
    for path, manager in managers.items():
        by_manager.setdefault(manager, []).append(dotted(path))
    found = [written_back(manager, ", ".join(names)) for manager, names in by_manager.items()]
    unknown = [
        name
        for manager, names in by_manager.items()
        if may_be_written_back(manager, "", tracked_by)
        for name in names
    ]
    if unknown:
        found.append(may_be_written_back("", ", ".join(unknown), tracked_by))
    return tuple(filter(None, found))
