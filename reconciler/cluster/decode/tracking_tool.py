"""``tracking_tool``: finds the deployment tool, such as Argo CD, that applies an object."""

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
"""The labels and annotations that deployment tools set on the objects that they apply.

Source: the documentation of Argo CD (resource tracking), Flux (Kustomization, HelmRelease), Helm
(labels and annotations). The source of the kapp label was not checked.
"""


def tracking_tool(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """Return the tool that applies an object, such as ``Argo CD apps``, or an empty string."""
    for keys, found in ((_LABELS, labels), (_ANNOTATIONS, annotations)):
        for key, tool in keys:
            if key in found:
                return f"{tool} {cut(found[key].partition(':')[0])}"
    if labels.get("app.kubernetes.io/managed-by") == "Helm":
        return "Helm"
    return ""
