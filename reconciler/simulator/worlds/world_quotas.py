"""Reads the quotas that a scenario defines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.worlds.world_model import ClusterQuotaSpec, QuotaSpec

if TYPE_CHECKING:
    from reconciler.simulator.worlds.field_reader import Fields


def read_quota(entry: Fields) -> QuotaSpec:
    """Reads a ResourceQuota, or an Application-Aware Quota (AAQ) for one namespace."""
    made = QuotaSpec(
        path=entry.path,
        name=entry.text("name", "quota"),
        namespace=entry.text("namespace", "default"),
        hard=_hard(entry),
        scope_selector=entry.mapping("scopeSelector"),
        labels=entry.labels("labels"),
    )
    entry.finish()
    return made


def read_cluster_quota(entry: Fields) -> ClusterQuotaSpec:
    """Reads an Application-Aware Quota (AAQ) that several namespaces share."""
    made = ClusterQuotaSpec(
        name=entry.text("name", "quota"), hard=_hard(entry), selects=entry.labels("selects")
    )
    entry.finish()
    return made


def _hard(entry: Fields) -> dict[str, str]:
    return {name: str(value) for name, value in entry.mapping("hard").items()}
