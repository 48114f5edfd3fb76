"""``read_aware_quotas``: reads the quotas of Application-Aware Quota, where it is installed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from reconciler.cluster.decode import aaq_objects
from reconciler.cluster.read.api_groups import served_groups
from reconciler.cluster.read.lists import list_kind
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError, UnauthorizedError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.capacity import AwareQuotas

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.cluster.read.api_groups import ServedGroups
    from reconciler.model.live.capacity import Quota

V = TypeVar("V")
GROUP = "aaq.kubevirt.io"
UNREADABLE = "aware-quotas-unreadable"
_API = f"/apis/{GROUP}/v1alpha1"
_NAMESPACES = "/api/v1/namespaces"


def read_aware_quotas(
    client: Client, served: ServedGroups | None = None
) -> tuple[AwareQuotas, tuple[Diagnostic, ...]]:
    """Read the quotas of Application-Aware Quota (AAQ) and the way in which AAQ counts VMs.

    If AAQ is not installed, the result has no quotas. A missing permission is reported as a
    diagnostic, and so is an error of the request for the API groups.

    Args:
        client: Sends the requests.
        served: The API groups that the server serves; if None, they are read first.

    Raises:
        UnauthorizedError: The server rejects the credentials.
        ClusterError: A list cannot be read, for a reason other than missing permissions.
    """
    try:
        known = served or served_groups(client)
    except UnauthorizedError:
        raise
    except ClusterError as error:
        return AwareQuotas(), (_undiscovered(error),)
    if GROUP not in known.versions:
        return AwareQuotas(), ()
    unread: list[Diagnostic] = []

    def listed(path: str, kind: Readable[V]) -> tuple[V, ...]:
        try:
            found = list_kind(client, path, kind)
        except NotFoundError:
            return ()
        except ForbiddenError:
            unread.append(_unreadable(path.rpartition("/")[2]))
            return ()
        unread.extend(found.diagnostics)
        return found.values

    quotas = (
        *listed(f"{_API}/applicationawareresourcequotas", aaq_objects.AWARE_QUOTAS),
        *listed(f"{_API}/applicationawareclusterresourcequotas", aaq_objects.CLUSTER_QUOTAS),
    )
    if not quotas:
        return AwareQuotas(), tuple(unread)
    settings = next(iter(listed(f"{_API}/aaqs", aaq_objects.AAQS)), aaq_objects.AaqSettings())
    namespaces = dict(listed(_NAMESPACES, aaq_objects.NAMESPACES))
    gated = {name for name, labels in namespaces.items() if _is_gated(labels, settings)}
    groups: dict[str, list[Quota]] = defaultdict(list)
    for each in quotas:
        for namespace in gated.intersection(each.namespaces):
            groups[namespace].append(each.quota)
    found = AwareQuotas(
        calculator=settings.calculator,
        by_namespace={
            namespace: tuple(sorted(group, key=lambda quota: quota.name))
            for namespace, group in sorted(groups.items())
        },
    )
    return found, tuple(unread)


def _is_gated(labels: dict[str, str], settings: aaq_objects.AaqSettings) -> bool:
    if settings.selector is None:
        return aaq_objects.ENABLE_GATING in labels
    return all(each.holds(labels) for each in settings.selector)


def _undiscovered(error: ClusterError) -> Diagnostic:
    return Diagnostic(
        severity=Severity.WARNING,
        code=UNREADABLE,
        message="cannot list API groups, so Application-Aware Quota (AAQ) could not be checked "
        f"for migration targets: {error}",
        hint="if the error persists, check the API server; the next plan repeats the request",
    )


def _unreadable(plural: str) -> Diagnostic:
    return Diagnostic(
        severity=Severity.WARNING,
        code=UNREADABLE,
        message=f"no permission to list {plural}, so Application-Aware Quota (AAQ) could not be "
        "checked for migration targets",
        hint=f"grant permission to list {plural} in the API group {GROUP}",
    )
