"""How the product may act: the configuration, each value with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from reconciler.model.quantity import Duration
from reconciler.model.references import Location
from reconciler.model.selector import Selector


class Mode(StrEnum):
    """Whether unattended commands may write; binds ``reconcile`` and ``serve``."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class RestartConsent(StrEnum):
    """What may be done to a VM whose change takes effect only at a restart."""

    NEVER = "never"
    STAGE = "stage"
    """Write the change and let the VM's next restart take it."""
    WINDOW = "window"
    """Write the change and restart the VM, inside a window."""


class WindowKind(StrEnum):
    """What a window does to writes."""

    ALLOW = "allow"
    """Once there is one of these, writes happen inside of one only."""
    DENY = "deny"
    """No write; beats every allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A recurring span of time."""

    kind: WindowKind
    cron: str
    """When it opens: five fields, as crontab(5) has them."""
    duration: Duration
    time_zone: str = "UTC"
    """IANA name, in which *cron* is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """VMs that change before all others."""

    selector: Selector
    soak: Duration
    """How long they must have kept their memory before the others begin."""


Origin: TypeAlias = Location | str
"""A place in the file, or words: ``default``, ``flag --mode``, ``environment RECONCILER_MODE``."""

DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The effective configuration; every default is the safe choice."""

    mode: Mode = Mode.ENFORCE
    paths: tuple[str, ...] = (".",)
    """Folders and files below the root that hold manifests; ``/`` separates, no ``..``."""
    selector: Selector = field(default_factory=Selector)
    """Which VMs are looked at, by their labels in Git."""
    cluster: str | None = None
    """UID of the cluster's ``kube-system`` namespace; another cluster is refused."""
    create: bool = False
    restart: RestartConsent = RestartConsent.NEVER
    max_concurrent: int | None = None
    """Hotplugs at a time; None leaves it to KubeVirt's own limits."""
    max_per_node: int | None = None
    """Hotplugs at a time of VMs on one node; None leaves it to KubeVirt's own limits."""
    batches: tuple[Selector, ...] = ()
    """The order of the VMs: each batch after the one before; those that none selects come last."""
    canary: Canary | None = None
    anti_affinity: tuple[str, ...] = ()
    """Label keys: VMs of a namespace that share a value are never changed at the same time."""
    failure_budget: int = 3
    """After so many failures no new VM is patched."""
    failed_migrations: int = 3
    """After so many failed migrations in a row a VM is given up, though KubeVirt goes on."""
    windows: tuple[Window, ...] = ()
    annotate: bool = False
    """Whether a VM that is patched is annotated with commit, digest and time."""
    guest_timeout: Duration = field(default_factory=lambda: Duration.parse("5m"))
    """How long the guest may take to use or give back memory after the migration."""
    settle_timeout: Duration = field(default_factory=lambda: Duration.parse("5m"))
    """How long the KubeVirt CR may take to settle after a change."""
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)
    """By dotted key, for values that are not defaults."""

    def origin(self, key: str) -> Origin:
        """Where the value of the dotted *key* comes from."""
        return self.origins.get(key, DEFAULT_ORIGIN)

    def value(self, key: str) -> object:
        """The value of the dotted *key*, one of ``CONFIG_KEYS``."""
        return getattr(self, CONFIG_KEYS[key])

    def overridden(self, values: Mapping[str, Any], origin: Origin) -> Config:
        """The same with the *values*, each by its dotted key, which come from *origin*."""
        return replace(
            self,
            **{CONFIG_KEYS[key]: value for key, value in values.items()},
            origins={**self.origins, **dict.fromkeys(values, origin)},
        )


CONFIG_KEYS: Mapping[str, str] = {
    "mode": "mode",
    "paths": "paths",
    "selector": "selector",
    "cluster": "cluster",
    "create": "create",
    "restart": "restart",
    "annotate": "annotate",
    "windows": "windows",
    "rollout.maxConcurrent": "max_concurrent",
    "rollout.maxPerNode": "max_per_node",
    "rollout.batches": "batches",
    "rollout.canary": "canary",
    "rollout.antiAffinity": "anti_affinity",
    "rollout.failureBudget": "failure_budget",
    "rollout.failedMigrations": "failed_migrations",
    "rollout.timeouts.guest": "guest_timeout",
    "rollout.timeouts.settle": "settle_timeout",
}
"""The keys of the configuration file, in the order to show them, with their attributes."""
