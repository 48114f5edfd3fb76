"""``read_owners``: reads the objects from which operators write the KubeVirt CR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.paging import unreadable
from reconciler.cluster.decode import owners
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.cluster.read.api_groups import SETTING_VERSION, ServedGroups, served_groups
from reconciler.cluster.read.lists import list_kind
from reconciler.errors import ForbiddenError, NotFoundError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.live_owner import HARVESTER_GROUP, LiveOwner
from reconciler.model.references import HYPERCONVERGED_GROUP

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client

RATIO_SETTING = "max-hotplug-ratio"
"""The Setting from which Harvester writes ``maxHotplugRatio``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The objects of operators that write the KubeVirt CR, and the platform's API groups."""

    values: tuple[LiveOwner, ...] = ()
    groups: frozenset[str] = frozenset()
    diagnostics: tuple[Diagnostic, ...] = ()


def read_owners(client: Client, served: ServedGroups | None = None) -> Owners:
    """Read every HyperConverged, and Harvester's Setting, where the server serves them.

    A missing permission becomes a diagnostic, because only changes of the KubeVirt CR need these
    objects.

    Raises:
        ClusterError: An object cannot be read, although the permission and the kind exist.
    """
    served = served or served_groups(client)
    found = Owners(groups=served.platforms)
    if version := served.hyperconverged:
        found = _joined(found, read_hyperconverged(client, version))
    if served.harvester:
        found = _joined(found, read_setting(client))
    return found


def _joined(left: Owners, right: Owners) -> Owners:
    values = sorted((*left.values, *right.values), key=lambda each: each.ref)
    return Owners(
        values=tuple(values),
        groups=left.groups | right.groups,
        diagnostics=(*left.diagnostics, *right.diagnostics),
    )


def hyperconverged_path(version: str) -> str:
    """Return the API path of all HyperConverged objects in an API version."""
    api = f"/apis/{HYPERCONVERGED_GROUP}/{version}"
    return resource_paths.collection(resource_paths.HYPERCONVERGEDS, api=api)


def read_hyperconverged(client: Client, version: str) -> Owners:
    """List every HyperConverged in an API version.

    Raises:
        ClusterError: The list cannot be read, although the permission and the kind exist.
    """
    kind = owners.HyperConvergeds(version)
    try:
        listed = list_kind(client, hyperconverged_path(version), kind)
    except NotFoundError:
        return Owners()
    except ForbiddenError:
        return Owners(diagnostics=(_unread("hyperconvergeds", "list", HYPERCONVERGED_GROUP),))
    return Owners(values=listed.values, diagnostics=listed.diagnostics)


def read_setting(client: Client) -> Owners:
    """Read only the Setting of the hotplug ratio, because other Settings contain secrets.

    Raises:
        ClusterError: The Setting cannot be read, although the permission and the kind exist.
    """
    api = f"/apis/{HARVESTER_GROUP}/{SETTING_VERSION}"
    path = resource_paths.member(resource_paths.HARVESTER_SETTINGS, "", RATIO_SETTING, api)
    try:
        body = client.get(path)
    except NotFoundError:
        return Owners()
    except ForbiddenError:
        what = f"settings {RATIO_SETTING}"
        return Owners(diagnostics=(_unread(what, "get", HARVESTER_GROUP),))
    try:
        return Owners(values=(owners.setting(body, SETTING_VERSION),))
    except UnreadableError as error:
        raise unreadable(client, path, str(error)) from error


def _unread(what: str, verb: str, group: str) -> Diagnostic:
    return Diagnostic(
        severity=Severity.NOTE,
        code="owner-unreadable",
        message=f"no permission to {verb} {what}, so the settings of the KubeVirt CR's owner are "
        "unknown",
        hint=f"grant permission to {verb} {what} in the API group {group}",
    )
