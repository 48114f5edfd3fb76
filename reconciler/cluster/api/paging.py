"""``pages``: lists objects page by page, and restarts the list if a continue token expires."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from reconciler.cluster.api import list_items, resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.decoders import json_decoder
from reconciler.errors import ClusterError, ExpiredError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.client import Client

log = logging.getLogger(__name__)

PAGE_SIZE = 500
"""The number of objects per page of a list; 500 was faster than 2000 on a real API server."""
MAX_PAGES = 2_000
"""The maximum number of pages in a list; 2,000 pages of 500 contain one million objects."""
MAX_LIST_S = 600.0
"""The maximum time for all pages of a list, in seconds of the monotonic clock."""
MAX_TOKEN = 65_536
"""The maximum length of a continue token in characters; API servers use a few hundred."""
_RELISTS = 3


class Page(NamedTuple):
    """One page of a list of Kubernetes objects."""

    body: bytes
    first: bool
    """Whether the list starts, or starts again, with this page.

    If so, the caller discards earlier pages.
    """
    resource_version: str
    """The resourceVersion from which a watch can continue."""


class _ListMeta(
    msgspec.Struct, frozen=True, rename={"token": "continue", "version": "resourceVersion"}
):
    token: str | None = None
    version: str | None = None


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    kind: str
    items: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def pages(client: Client, path: str) -> Iterator[Page]:
    """Yield the list at an API path page by page.

    If a continue token expires, the list is restarted, at most three times. ``Page.first`` is True
    for the first page after each start.

    Raises:
        ClusterError: The list cannot be read, or does not end.
    """
    relists, token = 0, ""
    tokens: set[str] = set()
    ends_at = monotonic() + MAX_LIST_S
    while True:
        wanted = {"limit": str(PAGE_SIZE)}
        if token:
            wanted["continue"] = token
        try:
            body = client.get(path, wanted)
        except ExpiredError:
            relists += 1
            if not token or relists > _RELISTS:
                raise
            log.info(
                "the continue token of a list request expired; listing from the start",
                extra={"path": path},
            )
            token = ""
            tokens.clear()
            continue
        meta = _meta(client, path, body)
        yield Page(body, not token, meta.version or "")
        token = meta.token or ""
        if not token:
            return
        if len(token) > MAX_TOKEN:
            why = f"the continue token has {len(token)} characters, but the limit is {MAX_TOKEN}"
            raise unreadable(client, path, why)
        if token in tokens or len(tokens) >= MAX_PAGES:
            raise unreadable(client, path, "the server repeats a page or sends too many pages")
        if monotonic() > ends_at:
            raise unreadable(client, path, f"the list requests take longer than {MAX_LIST_S:g} s")
        tokens.add(token)


def _meta(client: Client, path: str, body: bytes) -> _ListMeta:
    """Parse the list metadata of a page, and check that the page lists the expected kind."""
    try:
        try:
            found = json_decoder(_List).decode(body)
        except RecursionError:
            found = json_decoder(_List).decode(list_items.split(body).envelope)
        list_items.check_kind(found.kind, path.rpartition("/")[2])
        if found.items is msgspec.UNSET:
            raise ValueError("the response has no `items` array")
    except UNDECODABLE as error:
        raise unreadable(client, path, str(error)) from error
    return found.metadata


def unreadable(client: Client, path: str, why: str) -> ClusterError:
    """Return the error for a list of Kubernetes objects that cannot be read."""
    place = f"{resource_paths.spoken(path)} at {client.host}"
    return ClusterError(
        f"the response to the list request for {place} cannot be read: {why}",
        hint="check that `server` in the kubeconfig is the URL of a Kubernetes API server",
    )
