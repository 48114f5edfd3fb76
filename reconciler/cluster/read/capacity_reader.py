"""Reads pods and quotas: two requests, whatever the size of the cluster, decoded as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.cluster.api import resource_paths, threads
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode import list_stream, spare_capacity
from reconciler.errors import ClusterError, ForbiddenError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.capacity import Capacity

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Decoded, Kind
    from reconciler.ports import Clock

V = TypeVar("V")

TIMEOUT_S = 60.0
"""For one answer with every pod of a large cluster in it."""
_CACHED = {"resourceVersion": "0"}
"""Any version, from the API server's own cache: whole, without a page token."""
_NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"


def read_capacity(client: Client, clock: Clock) -> Capacity:
    """The room that pods and quotas leave; what may not be listed is left out, and told.

    Raises:
        ClusterError: They cannot be read, for another reason than missing rights.
    """
    observed_at = clock.now()
    listing = threads.begin(
        _list, client, resource_paths.PODS, spare_capacity.PODS, fieldSelector=_NOT_ENDED
    )
    limits = threads.begin(_list, client, resource_paths.QUOTAS, spare_capacity.QUOTAS)
    pods, quotas = listing.result(), limits.result()
    running = spare_capacity.launchers(pods.values if pods else ())
    return Capacity(
        observed_at=observed_at,
        pods_known=pods is not None,
        quotas_known=quotas is not None,
        nodes=spare_capacity.node_uses(pods.values if pods else (), running),
        launchers=running,
        quotas=spare_capacity.quotas_by_namespace(quotas.values if quotas else (), running),
        diagnostics=(
            *_told(pods, "pods", "whether a node has room for a migration's target"),
            *_told(quotas, "resourcequotas", "whether a quota holds a migration's target"),
        ),
    )


def _list(client: Client, path: str, kind: Kind[Any, V], **selector: str) -> Decoded[V] | None:
    """Every object at *path*, in one answer; None where it may not be listed.

    A launcher pod of a real cluster has some 10 to 20 kB, of which little is kept: so each is
    decoded as it comes, and the answer is never there whole.
    """
    try:
        return client.read(
            path,
            lambda chunks: kind.each(list_stream.objects(chunks)),
            {**_CACHED, **selector},
            timeout_s=TIMEOUT_S,
        )
    except ForbiddenError:
        return None
    except UNDECODABLE as error:
        place = f"{resource_paths.spoken(path)} at {client.host}"
        what = f"the answer to a list of {place} cannot be read: {error}"
        raise ClusterError(what, hint="check that the server is an API server") from error


def _told(found: Decoded[V] | None, plural: str, question: str) -> tuple[Diagnostic, ...]:
    if found is not None:
        return found.diagnostics
    finding = Diagnostic(
        severity=Severity.WARNING,
        code=f"{plural}-unreadable",
        message=f"{plural} may not be listed, so {question} was not looked at",
        hint=f"grant list on {plural}",
    )
    return (finding,)
