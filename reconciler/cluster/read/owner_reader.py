"""``read_owners``: reads the custom resources from which an operator generates the KubeVirt CR.

Only changes to the KubeVirt CR need these resources, so an unreadable resource is reported as a
diagnostic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.paging import unreadable
from reconciler.cluster.decode import owners
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.cluster.read.api_groups import ServedGroups, served_groups
from reconciler.cluster.read.lists import list_kind
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError, UnauthorizedError
from reconciler.model.diagnostic import OWNER_UNREADABLE, Diagnostic, Severity
from reconciler.model.live.live_owner import LiveOwner
from reconciler.plan.kubevirt.owners import owner_table

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.plan.kubevirt.owners.owner_object import OwnerObject


class OwnerRequest(NamedTuple):
    """A request for custom resources from which an operator generates the KubeVirt CR."""

    verb: str
    what: str
    group: str
    """The API group of the requested objects; empty for the list of API groups itself."""

    @classmethod
    def of(cls, kind: OwnerObject) -> OwnerRequest:
        """Return the request that reads all objects of one kind."""
        what = f"{kind.plural} {kind.only}" if kind.only else kind.plural
        return cls("get" if kind.only else "list", what, kind.group)

    def unread(self, error: ClusterError) -> Diagnostic:
        """Return the diagnostic that reports that this request has failed."""
        what, unknown = (
            f"{self.verb} {self.what}",
            "the settings of the operator that manages the KubeVirt CR",
        )
        if isinstance(error, ForbiddenError):
            return Diagnostic(
                severity=Severity.NOTE,
                code=OWNER_UNREADABLE,
                message=f"no permission to {what}, so {unknown} are unknown",
                hint=f"grant permission to {what} in the API group {self.group}",
            )
        served_by = (
            f"the API server extension that serves the API group {self.group}"
            if self.group
            else "the API server"
        )
        return Diagnostic(
            severity=Severity.WARNING,
            code=OWNER_UNREADABLE,
            message=f"cannot {what}, so {unknown} are unknown: {error}",
            hint=f"if the error persists, check {served_by}; the next plan repeats the request",
        )


GROUPS = OwnerRequest("list", "API groups", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The custom resources that determine the KubeVirt CR, and the served API groups."""

    values: tuple[LiveOwner, ...] = ()
    served: ServedGroups | None = None
    """The API groups that the API server serves, or None if they could not be listed."""
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """The served API groups that show which virtualization platform runs in the cluster."""
        return self.served.platforms if self.served is not None else frozenset()


def read_owners(client: Client) -> Owners:
    """Read the objects from which operators generate the KubeVirt CR, if the server serves them.

    Raises:
        UnauthorizedError: The server rejects the credentials.
    """
    try:
        served = served_groups(client)
    except UnauthorizedError:
        raise
    except ClusterError as error:
        return Owners(diagnostics=(GROUPS.unread(error),))
    values: list[LiveOwner] = []
    findings: list[Diagnostic] = []
    for kind in owner_table.owner_objects():
        version = served.version_of(kind)
        if not version:
            continue
        found = _optional(client, kind, version)
        values += found.values
        findings += found.diagnostics
    ordered = tuple(sorted(values, key=lambda each: each.ref))
    return Owners(values=ordered, served=served, diagnostics=tuple(findings))


def _optional(client: Client, kind: OwnerObject, version: str) -> Owners:
    try:
        return read_objects(client, kind, version)
    except NotFoundError:
        return Owners()
    except UnauthorizedError:
        raise
    except ClusterError as error:
        return Owners(diagnostics=(OwnerRequest.of(kind).unread(error),))


def path_of(kind: OwnerObject, version: str) -> str:
    """Return the API path that reads a kind: a list or, if a name is given, a single object."""
    api = f"/apis/{kind.group}/{version}"
    if kind.only:
        return resource_paths.member(kind.plural, "", kind.only, api)
    return resource_paths.collection(kind.plural, api=api)


def read_objects(client: Client, kind: OwnerObject, version: str) -> Owners:
    """Read the objects, of one kind and version, from which an operator writes the KubeVirt CR.

    Raises:
        NotFoundError: The server does not know the kind, or the requested object does not exist.
        ClusterError: The objects cannot be read.
    """
    path = path_of(kind, version)
    if not kind.only:
        listed = list_kind(client, path, owners.OwnerObjects(kind, version))
        return Owners(values=listed.values, diagnostics=listed.diagnostics)
    body = client.get(path)
    try:
        return Owners(values=(owners.owner_object(body, kind, version),))
    except UnreadableError as error:
        raise unreadable(client, path, str(error)) from error
