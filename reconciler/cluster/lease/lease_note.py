"""``write_note``: writes annotations to a Lease that another process holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cluster.lease import lease_record
from reconciler.cluster.lease.lease_requests import LeaseRequests
from reconciler.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cluster.api.client import Client

_ATTEMPTS = 3
_REQUEST_S = 5.0


def write_note(
    client: Client, namespace: str, name: str, annotations: Mapping[str, str | None]
) -> bool:
    """Write annotations to a Lease without changing its holder or its other fields.

    The holder's next renewal gets a conflict, so the holder reads the Lease with the annotations.

    Returns:
        Whether the annotations were written; False if the Lease does not exist, or if other
        clients changed the Lease during each attempt.

    Raises:
        ClusterError: The Lease cannot be read or written.
    """
    requests = LeaseRequests(client, namespace, name)
    for _ in range(_ATTEMPTS):
        record = requests.read(_REQUEST_S)
        if record is None:
            return False
        try:
            requests.update(lease_record.annotated(record, annotations), _REQUEST_S)
        except ConflictError:
            continue
        return True
    return False
