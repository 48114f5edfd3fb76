"""``Config``: the effective configuration of this program, with the origin of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.quantity import Duration
from reconciler.model.references import Location
from reconciler.model.selector import Selector


class Mode(StrEnum):
    """Whether the unattended commands ``reconcile`` and ``serve`` write to the cluster."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class RestartConsent(StrEnum):
    """What to do with a change that takes effect only at a restart of the VM."""

    NEVER = "never"
    STAGE = "stage"
    """Write the new size, which takes effect at the VM's next restart."""
    WINDOW = "window"
    """Write the change, and restart the VM during a maintenance window."""


class HyperConvergedPolicy(StrEnum):
    """What to do with a KubeVirt setting for which HyperConverged has no field."""

    BLOCK = "block"
    ANNOTATION = "annotation"
    """Write the setting to HyperConverged's annotation ``kubevirt.kubevirt.io/jsonpatch``."""


class WindowKind(StrEnum):
    """Whether a maintenance window allows or denies writes."""

    ALLOW = "allow"
    """Writes are allowed only during windows of this kind, or always if no such window is set."""
    DENY = "deny"
    """Writes are denied during the window, even if another window allows writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A recurring time window that allows or denies writes."""

    kind: WindowKind
    cron: str
    """The times at which the maintenance window opens, as five crontab(5) fields."""
    duration: Duration
    time_zone: str = "UTC"
    """The IANA time zone in which *cron* is evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The VMs that change before all others."""

    selector: Selector
    soak: Duration
    """How long the canaries must keep their new memory before other VMs start."""


class OriginKind(StrEnum):
    """The kinds of places in which a configuration value can be set."""

    FLAG = "flag"
    ARGUMENTS = "arguments"
    """The value comes from the VM names on the command line."""
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class OptionOrigin:
    """The origin of a configuration value that does not come from the configuration file."""

    kind: OriginKind
    name: str = ""
    """The name of the option or environment variable; empty for arguments and defaults."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


Origin: TypeAlias = Location | OptionOrigin
"""Where a configuration value comes from: a location in the file, or an option."""

DEFAULT_ORIGIN = OptionOrigin(OriginKind.DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The effective configuration of this program; the defaults are the safest choices."""

    mode: Mode = Mode.ENFORCE
    paths: tuple[str, ...] = (".",)
    """The manifest directories and files, relative to the repository's root; without ``..``."""
    exclude: tuple[str, ...] = ()
    """Directories and files below *paths* that are not read."""
    selector: Selector = field(default_factory=Selector)
    """A label selector; only VMs whose labels in Git match are planned."""
    cluster: str | None = None
    """The required UID of the cluster's namespace ``kube-system``; None accepts any cluster."""
    create: bool = False
    restart: RestartConsent = RestartConsent.NEVER
    hyperconverged: HyperConvergedPolicy = HyperConvergedPolicy.BLOCK
    max_concurrent: int | None = None
    """The maximum number of concurrent hotplugs; None if only KubeVirt's own limit applies."""
    max_per_node: int | None = None
    """The maximum number of concurrent hotplugs per node; None to use only KubeVirt's limit."""
    batches: tuple[Selector, ...] = ()
    """The label selectors of the batches, in order; VMs that match no batch change last."""
    canary: Canary | None = None
    anti_affinity: tuple[str, ...] = ()
    """Label keys; VMs in a namespace that share a value of such a label change one at a time."""
    failure_budget: int = 3
    """The number of failures after which no further VM is changed."""
    failed_migrations: int = 3
    """The number of consecutive failed migrations after which a VM counts as failed."""
    hold_while: tuple[AlertMatcher, ...] = ()
    """Selects Prometheus alerts; while one of them is firing, no new change starts."""
    windows: tuple[Window, ...] = ()
    snapshot_max_age: Duration = field(default_factory=lambda: Duration.parse("24h"))
    """The age above which a snapshot file causes a warning."""
    annotate: bool = False
    """Whether to annotate each changed VM with the commit, the digest and the time."""
    guest_timeout: Duration = field(default_factory=lambda: Duration.parse("5m"))
    """The time within which a guest must use or release memory after a migration."""
    settle_timeout: Duration = field(default_factory=lambda: Duration.parse("5m"))
    """The time within which KubeVirt's components must apply a change to the KubeVirt CR."""
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)
    """The origin of each configuration value that is not the default, by dotted key."""

    def origin(self, key: str) -> Origin:
        """Return where the value of a configuration key is set, for example by an option."""
        return self.origins.get(key, DEFAULT_ORIGIN)

    def value(self, key: str) -> object:
        """Return the value of a configuration key, which must be one of ``CONFIG_KEYS``."""
        return getattr(self, CONFIG_KEYS[key])

    def overridden(self, values: Mapping[str, Any], origin: Origin) -> Config:
        """Return a copy of the configuration with some values, and their origins, replaced."""
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
    "hyperConverged": "hyperconverged",
    "annotate": "annotate",
    "snapshotMaxAge": "snapshot_max_age",
    "windows": "windows",
    "rollout.maxConcurrent": "max_concurrent",
    "rollout.maxPerNode": "max_per_node",
    "rollout.batches": "batches",
    "rollout.canary": "canary",
    "rollout.antiAffinity": "anti_affinity",
    "rollout.failureBudget": "failure_budget",
    "rollout.failedMigrations": "failed_migrations",
    "rollout.holdWhile": "hold_while",
    "rollout.timeouts.guest": "guest_timeout",
    "rollout.timeouts.settle": "settle_timeout",
}
"""Maps each configuration key to the attribute of ``Config``, in the order of display."""
