"""Lists migration policies and, if a policy has a namespace selector, namespace labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.decode.decode_values import amount
from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.structs import wire
from reconciler.cluster.read.lists import Listed, list_kind
from reconciler.errors import ForbiddenError, NotFoundError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.live_migration import LiveMigrationPolicy

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client

POLICIES = "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies"
NAMESPACES = "/api/v1/namespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPolicies:
    """The migration policies of a cluster; empty if the cluster does not have this kind."""

    values: tuple[LiveMigrationPolicy, ...] = ()
    """The migration policies, sorted by name."""
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


class _Selectors(wire.Wire, frozen=True):
    namespace_selector: dict[str, str] | None = None
    virtual_machine_instance_selector: dict[str, str] | None = None


class _Spec(wire.Wire, frozen=True):
    selectors: _Selectors | None = None
    bandwidth_per_migration: wire.Amount = None
    completion_timeout: int | None = msgspec.field(name="completionTimeoutPerGiB", default=None)
    allow_post_copy: bool | None = None
    allow_workload_disruption: bool | None = None


class _Policy(wire.Wire, frozen=True):
    metadata: wire.Meta
    spec: _Spec | None = None


class _Named(wire.Wire, frozen=True):
    metadata: wire.Meta


def list_migration_policies(client: Client) -> MigrationPolicies:
    """List all migration policies, and the namespaces if a policy selects by namespace labels.

    A missing permission is reported as a diagnostic, not raised as an error, since policies only
    improve the forecast.

    Raises:
        ClusterError: A list cannot be read, although the permission and the kind exist.
    """
    try:
        listed = list_kind(client, POLICIES, _POLICY_KIND)
        found = sorted(filter(None, listed.values), key=lambda policy: policy.name)
        selective = any(each.namespace_labels for each in found)
        named = list_namespaces(client) if selective else Listed(values=())
    except NotFoundError:
        return MigrationPolicies()
    except ForbiddenError:
        return MigrationPolicies(
            diagnostics=(_unread("cannot be listed, because a permission is missing"),)
        )
    return MigrationPolicies(
        values=tuple(found),
        namespace_labels=dict(named.values),
        diagnostics=(*listed.diagnostics, *named.diagnostics),
    )


def list_namespaces(client: Client) -> Listed[tuple[str, Mapping[str, str]]]:
    """List the name and the labels of each namespace.

    Raises:
        ClusterError: The list cannot be read.
    """
    return list_kind(client, NAMESPACES, _NAMESPACE_KIND)


def _policy(item: _Policy) -> LiveMigrationPolicy | None:
    """Decode a migration policy; return None for a policy without selectors, which matches no VM.

    Source: kubevirt v1.9.0 migrationpolicy.go:98-100.
    """
    spec = item.spec or _Spec()
    if spec.selectors is None:
        return None
    return LiveMigrationPolicy(
        name=item.metadata.name,
        bandwidth=amount(spec.bandwidth_per_migration, "bandwidthPerMigration"),
        completion_timeout_per_gib=spec.completion_timeout,
        allow_post_copy=spec.allow_post_copy,
        allow_workload_disruption=spec.allow_workload_disruption,
        vmi_labels=spec.selectors.virtual_machine_instance_selector or {},
        namespace_labels=spec.selectors.namespace_selector or {},
    )


def _name_and_labels(item: _Named) -> tuple[str, Mapping[str, str]]:
    return item.metadata.name, item.metadata.labels or {}


_UNUSED = "the forecast does not use it"
_POLICY_KIND = Kind("MigrationPolicy", _Policy, _policy, consequence=_UNUSED)
_NAMESPACE_KIND = Kind("Namespace", _Named, _name_and_labels, consequence=_UNUSED)


def _unread(why: str) -> Diagnostic:
    return Diagnostic(
        severity=Severity.NOTE,
        code="migration-policies-unreadable",
        message=f"migration policies {why}; the forecast uses only the bandwidth limit in the "
        "KubeVirt CR",
        hint="grant permission to list namespaces, and migrationpolicies in the API group"
        " migrations.kubevirt.io",
    )
