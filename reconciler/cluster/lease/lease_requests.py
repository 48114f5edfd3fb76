"""``LeaseRequests``: sends requests that read, create and update one Lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.cluster.api import resource_paths
from reconciler.cluster.lease import lease_record
from reconciler.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cluster.api.client import Client


class LeaseRequests:
    """Reads, creates and updates one Lease, with one request each."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        # Retries here could outlast the lease, so the caller of this class repeats requests.
        self._client = client.without_retries()
        api = resource_paths.LEASES_API
        self._collection = resource_paths.collection("leases", namespace, api)
        self._path = resource_paths.member("leases", namespace, name, api)
        self.host = client.host
        """The server's host and port, safe to print."""

    def read(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the Lease, or None if it does not exist.

        Raises:
            ClusterError: The Lease cannot be read.
        """
        try:
            answer = self._client.send("GET", self._path, timeout_s=timeout_s)
        except NotFoundError:
            return None
        return lease_record.decoded(answer.body)

    def create(self, record: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Create the Lease, and return the Lease from the response.

        Raises:
            ConflictError: The Lease already exists.
            ClusterError: The Lease cannot be created.
        """
        answer = self._client.send("POST", self._collection, body=record, timeout_s=timeout_s)
        return lease_record.decoded(answer.body)

    def update(self, record: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Replace the Lease, and return the Lease from the response.

        Raises:
            ConflictError: Another client has written the Lease since *record* was read.
            ClusterError: The Lease cannot be updated.
        """
        answer = self._client.send("PUT", self._path, body=record, timeout_s=timeout_s)
        return lease_record.decoded(answer.body)
