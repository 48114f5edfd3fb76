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
from reconciler.cluster.read.api_groups import SETTING_VERSION, ServedGroups, served_groups
from reconciler.cluster.read.lists import list_kind
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError, UnauthorizedError
from reconciler.model.diagnostic import OWNER_UNREADABLE, Diagnostic, Severity
from reconciler.model.live.live_owner import HARVESTER_GROUP, LiveOwner
from reconciler.model.references import HYPERCONVERGED_GROUP

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client

RATIO_SETTING = "max-hotplug-ratio"
"""The name of the Setting that Harvester copies to ``maxHotplugRatio`` in the KubeVirt CR."""


class OwnerRequest(NamedTuple):
    """A request for custom resources from which an operator generates the KubeVirt CR."""

    verb: str
    what: str
    group: str
    """The API group of the requested objects; empty for the list of API groups itself."""

    def unread(self, error: ClusterError) -> Diagnostic:
        """Return the diagnostic that reports the failure of this request."""
        what, unknown = f"{self.verb} {self.what}", "the settings of the KubeVirt CR's owner"
        if isinstance(error, ForbiddenError):
            return Diagnostic(
                severity=Severity.NOTE,
                code=OWNER_UNREADABLE,
                message=f"no permission to {what}, so {unknown} are unknown",
                hint=f"grant permission to {what} in the API group {self.group}",
            )
        served_by = f"what serves the API group {self.group}" if self.group else "the API server"
        return Diagnostic(
            severity=Severity.WARNING,
            code=OWNER_UNREADABLE,
            message=f"cannot {what}, so {unknown} are unknown: {error}",
            hint=f"if this lasts, check {served_by}; the next plan tries again",
        )


GROUPS = OwnerRequest("list", "API groups", "")
HYPERCONVERGEDS = OwnerRequest("list", "hyperconvergeds", HYPERCONVERGED_GROUP)
SETTING = OwnerRequest("get", f"settings {RATIO_SETTING}", HARVESTER_GROUP)


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
    """Read all HyperConverged objects and the Harvester Setting, if the server serves them.

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
    for request, version in (
        (HYPERCONVERGEDS, served.hyperconverged),
        (SETTING, SETTING_VERSION if served.harvester else ""),
    ):
        if not version:
            continue
        found = _optional(client, request, version)
        values += found.values
        findings += found.diagnostics
    ordered = tuple(sorted(values, key=lambda each: each.ref))
    return Owners(values=ordered, served=served, diagnostics=tuple(findings))


def _optional(client: Client, request: OwnerRequest, version: str) -> Owners:
    try:
        if request is SETTING:
            return read_setting(client)
        return read_hyperconverged(client, version)
    except NotFoundError:
        return Owners()
    except UnauthorizedError:
        raise
    except ClusterError as error:
        return Owners(diagnostics=(request.unread(error),))


def hyperconverged_path(version: str) -> str:
    """Return the API path that lists all HyperConverged objects in an API version."""
    api = f"/apis/{HYPERCONVERGED_GROUP}/{version}"
    return resource_paths.collection(resource_paths.HYPERCONVERGEDS, api=api)


def read_hyperconverged(client: Client, version: str) -> Owners:
    """List all HyperConverged objects in an API version.

    Raises:
        NotFoundError: The server does not know the kind.
        ClusterError: The list cannot be read.
    """
    kind = owners.HyperConvergeds(version)
    listed = list_kind(client, hyperconverged_path(version), kind)
    return Owners(values=listed.values, diagnostics=listed.diagnostics)


def read_setting(client: Client) -> Owners:
    """Read the Harvester Setting for the hotplug ratio; other Settings can contain secrets.

    Raises:
        NotFoundError: Harvester has no such Setting, since it is older than v1.6.
        ClusterError: The Setting cannot be read.
    """
    api = f"/apis/{HARVESTER_GROUP}/{SETTING_VERSION}"
    path = resource_paths.member(resource_paths.HARVESTER_SETTINGS, "", RATIO_SETTING, api)
    body = client.get(path)
    try:
        return Owners(values=(owners.setting(body, SETTING_VERSION),))
    except UnreadableError as error:
        raise unreadable(client, path, str(error)) from error
