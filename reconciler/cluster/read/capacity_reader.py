"""``read_capacity``: lists pods and quotas, and decodes each object as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.cluster.api import resource_paths, threads
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode import aaq_objects, limit_range_objects, list_stream, spare_capacity
from reconciler.cluster.read.aware_quota_reader import read_aware_quotas
from reconciler.errors import ClusterError, ForbiddenError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.capacity import Capacity

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Decoded, Kind
    from reconciler.cluster.read.api_groups import ServedGroups
    from reconciler.ports import Clock

V = TypeVar("V")

TIMEOUT_S = 300.0
"""The maximum time for a list response, in seconds; a large cluster has many pods."""
_CACHED = {"resourceVersion": "0"}
"""The query parameters for lists from the API server's cache, which can be slightly outdated."""
_NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"


def read_capacity(
    client: Client,
    clock: Clock,
    served: ServedGroups | None = None,
    start: threads.Start = threads.start,
) -> Capacity:
    """List pods and quotas, and compute the free capacity; report forbidden lists as diagnostics.

    Args:
        client: Sends the requests.
        clock: Provides the observation time of the result.
        served: The API groups that the server serves; if None, they are read as well.
        start: Calls a function that lists one kind; by default, in a new thread.
    """
    observed_at = clock.now()
    listing = start(
        _list, client, resource_paths.PODS, spare_capacity.PODS, fieldSelector=_NOT_ENDED
    )
    limits = start(_list, client, resource_paths.QUOTAS, spare_capacity.QUOTAS)
    defaults = start(_list, client, resource_paths.LIMIT_RANGES, limit_range_objects.LIMIT_RANGES)
    aware = start(read_aware_quotas, client, served)
    pods, quotas = listing.result(), limits.result()
    ranges = defaults.result()
    aware_quotas, unread = aware.result()
    running = spare_capacity.launchers(pods.values if pods else ())
    return Capacity(
        observed_at=observed_at,
        pods_known=pods is not None,
        quotas_known=quotas is not None,
        nodes=spare_capacity.node_uses(pods.values if pods else (), running),
        launchers=running,
        quotas=spare_capacity.quotas_by_namespace(quotas.values if quotas else (), running),
        aware=aaq_objects.with_moving(aware_quotas, running),
        limit_ranges=limit_range_objects.limit_ranges_by_namespace(
            ranges.values if ranges else ()
        ),
        diagnostics=(
            *_findings(pods, "pods", "free memory"),
            *_findings(quotas, "resourcequotas", "quotas"),
            *_findings(ranges, "limitranges", "LimitRanges"),
            *unread,
        ),
    )


def _list(client: Client, path: str, kind: Kind[Any, V], **selector: str) -> Decoded[V] | None:
    """List all objects at an API path in one response; return None without permission.

    A launcher pod has about 10 to 20 kB, and only a few of its fields are used. So each pod is
    decoded as it arrives, and the whole response is never in memory.
    """
    try:
        return client.read(
            path,
            lambda chunks: kind.each(list_stream.objects(chunks, path.rpartition("/")[2])),
            {**_CACHED, **selector},
            timeout_s=TIMEOUT_S,
        )
    except ForbiddenError:
        return None
    except UNDECODABLE as error:
        place = f"{resource_paths.spoken(path)} at {client.host}"
        what = f"the response to the list request for {place} cannot be read: {error}"
        raise ClusterError(
            what,
            hint="check that `server` in the kubeconfig is the URL of a Kubernetes API server",
        ) from error


def _findings(found: Decoded[V] | None, plural: str, unknown: str) -> tuple[Diagnostic, ...]:
    if found is not None:
        return found.diagnostics
    finding = Diagnostic(
        severity=Severity.WARNING,
        code=f"{plural}-unreadable",
        message=f"no permission to list {plural}, so {unknown} could not be checked for "
        "migration targets",
        hint=f"grant permission to list {plural}",
    )
    return (finding,)
