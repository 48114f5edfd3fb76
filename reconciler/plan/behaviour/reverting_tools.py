"""``written_back``: warns about tools that apply whole manifests again, and names their rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.references import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.references import FieldPath

REVERTING_MANAGERS: Mapping[str, str] = {
    **dict.fromkeys(("argocd-controller", "argocd-application-controller"), "argocd-cm.yaml"),
    "kustomize-controller": "flux-kustomization.yaml",
    "helm-controller": "flux-helmrelease.yaml",
    "kapp": "kapp-config.yaml",
    **dict.fromkeys(("helm", "kluctl"), ""),
}
"""The field managers of tools that apply whole manifests again.

Each has the file in ``examples/interop`` with a rule by which the tool ignores our fields, or an
empty text if the tool has no such rules.
"""


def written_back(manager: str, what: str, tool: str = "") -> str:
    """Return a warning if a field manager will write its own value back; otherwise nothing.

    Args:
        manager: The field manager that wrote the value last, from managedFields.
        what: The field, such as ``the guest size``.
        tool: The tool and the name in its mark on the object; may be empty.
    """
    if manager not in REVERTING_MANAGERS:
        return ""
    rule = REVERTING_MANAGERS[manager]
    mark = f" ({tool})" if tool else ""
    advice = (
        f"the rule in examples/interop/{rule} makes it ignore this field"
        if rule
        else "change the value there as well"
    )
    return f"{manager} owns {what} and will write its own value back{mark}; {advice}"


def warnings_of(managers: Mapping[FieldPath, str]) -> tuple[str, ...]:
    """Return one warning for each tool that will write fields back, given their managers."""
    by_tool: dict[str, list[str]] = {}
    for path, manager in managers.items():
        by_tool.setdefault(manager, []).append(dotted(path))
    found = (written_back(manager, ", ".join(names)) for manager, names in by_tool.items())
    return tuple(filter(None, found))
