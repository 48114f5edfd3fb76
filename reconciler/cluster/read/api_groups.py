"""``served_groups``: lists the API groups and versions that the API server serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.api.paging import unreadable
from reconciler.decoders import json_decoder
from reconciler.errors import ForbiddenError, NotFoundError
from reconciler.plan.kubevirt.owners import owner_table

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.plan.kubevirt.owners.owner_object import OwnerObject


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Group(msgspec.Struct, frozen=True):
    name: str = ""
    versions: tuple[_Version, ...] = ()


class _Groups(msgspec.Struct, frozen=True, tag_field="kind", tag="APIGroupList"):
    groups: tuple[_Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedGroups:
    """The API versions that the API server serves, by API group."""

    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def platforms(self) -> frozenset[str]:
        """The served API groups that show which virtualization platform runs in the cluster."""
        return frozenset(each.group for each in owner_table.OWNERS) & self.versions.keys()

    def version_of(self, kind: OwnerObject) -> str:
        """Return the API version to use for a kind; empty if the server does not serve the kind.

        The version is always explicit, because the field paths of API versions differ.
        """
        served = self.versions.get(kind.group, ())
        return next((each for each in kind.fields if each in served), "")


def served_groups(client: Client) -> ServedGroups:
    """List the API groups that the server serves; without permission, return no groups.

    Raises:
        ClusterError: The list cannot be read, for a reason other than missing permissions.
    """
    try:
        body = client.get(resource_paths.GROUPS)
    except (ForbiddenError, NotFoundError):
        return ServedGroups()
    try:
        found = json_decoder(_Groups).decode(body)
    except UNDECODABLE as error:
        raise unreadable(client, resource_paths.GROUPS, str(error)) from error
    return ServedGroups(
        versions={each.name: tuple(one.version for one in each.versions) for each in found.groups}
    )
