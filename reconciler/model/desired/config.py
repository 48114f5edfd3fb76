"""``Config``: the effective configuration of this program, with the origin of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from reconciler.model.quantity import Duration
from reconciler.model.references import Location
from reconciler.model.selector import Selector


class Mode(StrEnum):
    """Whether the unattended commands ``reconcile`` and ``serve`` may write."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class RestartConsent(StrEnum):
    """What is allowed for a VM whose change takes effect only at a restart."""

    NEVER = "never"
    STAGE = "stage"
    """Write the change; it takes effect at the VM's next restart."""
    WINDOW = "window"
    """Write the change and restart the VM inside a window."""


class WindowKind(StrEnum):
    """How a window affects writes."""

    ALLOW = "allow"
    """If there are windows of this kind, writes happen only inside one of them."""
    DENY = "deny"
    """No write happens inside this window, even if another window allows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A recurring time window that allows or denies writes."""

    kind: WindowKind
    cron: str
    """When the window opens, in the five fields of crontab(5)."""
    duration: Duration
    time_zone: str = "UTC"
    """The name of *cron*'s time zone in the IANA database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The VMs that change before all others."""

    selector: Selector
    soak: Duration
    """How long the canaries must keep their memory before other VMs start."""


Origin: TypeAlias = Location | str
"""Where a value comes from: a location in the file, or text such as ``default``."""

DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The effective configuration; each default is the safest choice."""

    mode: Mode = Mode.ENFORCE
    paths: tuple[str, ...] = (".",)
    """Manifest folders and files relative to the root, with ``/`` and without ``..``."""
    exclude: tuple[str, ...] = ()
    """Folders and files of *paths* that are not read."""
    selector: Selector = field(default_factory=Selector)
    """Selects VMs by their labels in Git."""
    cluster: str | None = None
    """The UID of the cluster's ``kube-system`` namespace; other clusters are rejected."""
    create: bool = False
    restart: RestartConsent = RestartConsent.NEVER
    max_concurrent: int | None = None
    """The maximum number of hotplugs in flight; None if only KubeVirt's own limit applies."""
    max_per_node: int | None = None
    """The maximum number of hotplugs in flight per node; None if only KubeVirt's limit applies."""
    batches: tuple[Selector, ...] = ()
    """Selectors of the batches in their order; VMs that no batch selects come last."""
    canary: Canary | None = None
    anti_affinity: tuple[str, ...] = ()
    """Label keys: VMs in a namespace that share a value never change at the same time."""
    failure_budget: int = 3
    """After this many failures, the run does not start changes of further VMs."""
    failed_migrations: int = 3
    """After this many failed migrations in a row, a VM counts as failed; KubeVirt retries."""
    windows: tuple[Window, ...] = ()
    annotate: bool = False
    """Whether to annotate each patched VM with commit, digest and time."""
    guest_timeout: Duration = field(default_factory=lambda: Duration.parse("5m"))
    """How long the guest may take after the migration to use or release memory."""
    settle_timeout: Duration = field(default_factory=lambda: Duration.parse("5m"))
    """How long the KubeVirt CR may take to settle after a change."""
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)
    """The origin of each value that is not a default, by dotted key."""

    def origin(self, key: str) -> Origin:
        """Return the origin of the value at the dotted *key*."""
        return self.origins.get(key, DEFAULT_ORIGIN)

    def value(self, key: str) -> object:
        """Return the value at the dotted *key*, which must be one of ``CONFIG_KEYS``."""
        return getattr(self, CONFIG_KEYS[key])

    def overridden(self, values: Mapping[str, Any], origin: Origin) -> Config:
        """Return a copy with *values* by dotted key, each with the origin *origin*."""
        return replace(
            self,
            **{CONFIG_KEYS[key]: value for key, value in values.items()},
            origins={**self.origins, **dict.fromkeys(values, origin)},
        )


CONFIG_KEYS: Mapping[str, str] = {
    "mode": "mode",
    "paths": "paths",
    "exclude": "exclude",
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
"""Maps each key of the configuration file to its attribute, in the order of display."""
