"""``tracking_tool``: recognises the tool that applies an object's manifest, by its marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.quoting import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANNOTATIONS = (
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("meta.helm.sh/release-name", "Helm"),
)
_LABELS = (
    ("kustomize.toolkit.fluxcd.io/name", "Flux Kustomization"),
    ("helm.toolkit.fluxcd.io/name", "Flux HelmRelease"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kapp.k14s.io/app", "kapp"),
)
"""The labels and annotations with which each tool marks the objects that it applies.

Source: the documentation of Argo CD (resource tracking), Flux (Kustomization, HelmRelease), Helm
(labels and annotations); the label of kapp is general knowledge.
"""


def tracking_tool(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """Return the tool and the name in its mark, such as ``Flux Kustomization apps``."""
    for keys, found in ((_LABELS, labels), (_ANNOTATIONS, annotations)):
        for key, tool in keys:
            if key in found:
                return f"{tool} {cut(found[key].partition(':')[0])}"
    if labels.get("app.kubernetes.io/managed-by") == "Helm":
        return "Helm"
    return ""
