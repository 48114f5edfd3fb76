"""``EffectiveConfig``: the settings that KubeVirt uses, from the KubeVirt CR or by default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model import fields
from reconciler.model.fields import NameSet, SettingValue
from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MemoryQuantity
from reconciler.plan.behaviour.versions import Capabilities, capabilities_of

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.plan.plan import Change

LIVE_MIGRATE = "LiveMigrate"
EVICT = "Evict"

DEFAULT_PARALLEL_MIGRATIONS = 5
"""The default maximum number of parallel migrations in the cluster.

Source: kubevirt v1.9.0 pkg/virt-config/virt-config.go:44-52.
"""
DEFAULT_PARALLEL_OUTBOUND = 2
"""The default maximum number of parallel migrations from one node.

Source: kubevirt v1.9.0 pkg/virt-config/virt-config.go:44-52.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveConfig:
    """The KubeVirt settings that affect memory changes, from the KubeVirt CR or by default."""

    capabilities: Capabilities
    obstacle: Reason | None
    """Why LiveUpdate is not in effect; None if LiveUpdate is in effect."""
    methods: frozenset[str]
    max_guest: MemoryQuantity | None
    eviction_strategy: str
    """The eviction strategy of VMs that do not set one; empty means KubeVirt's ``None``."""
    parallel: int
    """The maximum number of parallel migrations in the cluster."""
    outbound_per_node: int
    """The maximum number of parallel migrations from one node."""
    bandwidth: int
    """The bandwidth limit for each migration in bytes per second; 0 for no limit."""
    completion_timeout_per_gib: int
    """The migration time-out in seconds per GB (10^9 bytes) of memory; 0 for no limit."""
    post_copy: bool
    """Whether a migration that takes too long continues in post-copy mode."""
    disruption: bool
    """Whether KubeVirt is allowed to pause the guest if a migration takes too long."""
    live_update_changed_at: datetime | None
    """When the rollout strategy or a feature gate last changed.

    A VM condition that was set before this time might be outdated.
    """
    unsettled: str
    """Why KubeVirt might not have applied the whole KubeVirt CR yet, or an empty string."""

    @property
    def live_update(self) -> bool:
        """Whether KubeVirt applies template changes to running VMs without a restart."""
        return self.obstacle is None


def effective_config_of(kubevirt: LiveKubeVirt) -> EffectiveConfig:
    """Return the KubeVirt settings that result from a KubeVirt CR, including defaults."""
    capabilities = capabilities_of(kubevirt)
    methods = kubevirt.settings.get(fields.UPDATE_METHODS)
    max_guest = kubevirt.settings.get(fields.MAX_GUEST)
    bandwidth = kubevirt.settings.get(fields.BANDWIDTH)
    post_copy = kubevirt.settings.get(fields.POST_COPY) is True
    return EffectiveConfig(
        capabilities=capabilities,
        obstacle=_obstacle(kubevirt, capabilities),
        methods=methods.names if isinstance(methods, NameSet) else frozenset(),
        max_guest=max_guest if isinstance(max_guest, MemoryQuantity) else None,
        eviction_strategy=kubevirt.eviction_strategy,
        parallel=_number(
            kubevirt.settings.get(fields.PARALLEL_MIGRATIONS), DEFAULT_PARALLEL_MIGRATIONS
        ),
        outbound_per_node=_number(
            kubevirt.settings.get(fields.PARALLEL_OUTBOUND), DEFAULT_PARALLEL_OUTBOUND
        ),
        bandwidth=bandwidth.n_bytes if isinstance(bandwidth, MemoryQuantity) else 0,
        completion_timeout_per_gib=_number(
            kubevirt.settings.get(fields.COMPLETION_TIMEOUT),
            capabilities.completion_timeout_per_gib_s,
        ),
        post_copy=post_copy,
        # Source: kubevirt v1.9.0 pkg/virt-config/virt-config.go:175-187 (post-copy, if not set).
        disruption=capabilities.allow_workload_disruption
        and kubevirt.settings.get(fields.WORKLOAD_DISRUPTION, post_copy) is True,
        live_update_changed_at=kubevirt.live_update_changed_at,
        unsettled=unsettled(kubevirt),
    )


def unsettled(kubevirt: LiveKubeVirt) -> str:
    """Return why KubeVirt might not have applied the whole KubeVirt CR yet, or an empty string.

    virt-operator sets ``status.observedGeneration`` only after it has applied the whole CR. The
    workload updater does nothing unless the phase is Deployed.

    Source: kubevirt v1.9.0 pkg/virt-operator/kubevirt.go:1106-1126; workload-updater.go:450-455.
    """
    if kubevirt.phase != "Deployed":
        return f"the CR's phase is {kubevirt.phase or 'not set'}, not Deployed"
    if kubevirt.target_version and kubevirt.target_version != kubevirt.version:
        return f"KubeVirt is being changed from {kubevirt.version} to {kubevirt.target_version}"
    if kubevirt.deployment_id != kubevirt.target_deployment_id:
        return "virt-operator is rolling out a new deployment"
    observed = kubevirt.observed_generation
    if observed is not None and observed < kubevirt.generation:
        return (
            f"the CR has generation {kubevirt.generation}, but KubeVirt has observed only "
            f"generation {observed}"
        )
    return ""


def foreseen(kubevirt: LiveKubeVirt, changes: tuple[Change, ...]) -> LiveKubeVirt:
    """Return a copy of the KubeVirt CR as it will be after the given changes."""
    if not changes:
        return kubevirt
    settings: dict[tuple[str, ...], SettingValue] = dict(kubevirt.settings)
    spellings = dict(kubevirt.spellings)
    containers = set(kubevirt.containers)
    for change in changes:
        settings[change.field] = change.after
        spellings[change.field] = spelled(change.after)
        containers.update(change.field[:length] for length in range(1, len(change.field)))
    return replace(
        kubevirt,
        generation=kubevirt.generation + 1,
        settings=settings,
        spellings=spellings,
        containers=frozenset(containers),
    )


def spelled(value: SettingValue) -> object:
    """Convert a setting to a JSON value in its original notation (Git's or the server's)."""
    if isinstance(value, NameSet):
        return list(value.raw)
    if isinstance(value, bool | int | str):
        return value
    return str(value)


def _obstacle(kubevirt: LiveKubeVirt, capabilities: Capabilities) -> Reason | None:
    """Return why LiveUpdate is not in effect, or None if LiveUpdate is in effect.

    KubeVirt requires the strategy LiveUpdate and, before v1.5, also the feature gate.

    Source: kubevirt v1.3.0 pkg/virt-config/virt-config.go:482-489; v1.5.0 :467-470; v1.9.0
    :514-517 (if the strategy is null, it counts as LiveUpdate).
    """
    if not capabilities.live_update_gate:
        return Reason.GATE_MISSING
    strategy = kubevirt.settings.get(fields.ROLLOUT_STRATEGY, capabilities.default_strategy)
    if capabilities.strategy_field and strategy != "LiveUpdate":
        return Reason.STRATEGY_STAGE
    return None


def _number(value: SettingValue | None, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
