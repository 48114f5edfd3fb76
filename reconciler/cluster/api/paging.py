"""Lists an API server's objects page by page, and begins again where a page token expires."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.errors import ClusterError, ExpiredError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.cluster.api.client import Client

log = logging.getLogger(__name__)

PAGE_SIZE = 500
"""Objects a page; 500 answered faster than 2000 when measured against a real API server."""
_RELISTS = 3


class Page(NamedTuple):
    """One page of a list."""

    body: bytes
    first: bool
    """A list begins, or begins again because its token expired: drop what came before."""
    resource_version: str
    """Where a watch goes on after the list."""


class _ListMeta(
    msgspec.Struct, frozen=True, rename={"token": "continue", "version": "resourceVersion"}
):
    token: str | None = None
    version: str | None = None


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()


def pages(
    client: Client, path: str, query: Mapping[str, str] | None = None, *, limit: int = PAGE_SIZE
) -> Iterator[Page]:
    """The list at *path*, page by page.

    Where a page token expires in the middle, the list begins again, at most three times; the
    page that begins it says so.

    Raises:
        ClusterError: The list cannot be read.
    """
    relists, token = 0, ""
    while True:
        wanted = {**(query or {}), "limit": str(limit)}
        if token:
            wanted["continue"] = token
        try:
            body = client.get(path, wanted)
        except ExpiredError:
            relists += 1
            if not token or relists > _RELISTS:
                raise
            log.info("page token expired, listing again", extra={"path": path})
            token = ""
            continue
        try:
            meta = msgspec.json.decode(body, type=_List).metadata
        except UNDECODABLE as error:
            place = f"{resource_paths.spoken(path)} at {client.host}"
            what = f"the answer to a list of {place} cannot be read: {error}"
            raise ClusterError(what, hint="check that the server is an API server") from error
        yield Page(body, not token, meta.version or "")
        token = meta.token or ""
        if not token:
            return
