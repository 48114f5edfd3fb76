"""``ApplyOptions``: the options of one run of ``apply`` or ``reconcile``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.app.input_options import ClusterOptions, PrometheusOptions, SourceOptions
from reconciler.model.run.outcome import ExitCode
from reconciler.model.shard import WHOLE_FLEET, Shard

DEADLINE_S = 7200.0
"""The default deadline of the ``apply`` command in seconds; large fleets might need more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The options of one run of ``apply`` or ``reconcile``."""

    source: SourceOptions
    shard: Shard = WHOLE_FLEET
    """The shard whose VMs the run changes; the run also reads the VMs of the other shards."""
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    prometheus: PrometheusOptions = field(default_factory=PrometheusOptions)
    deadline_s: float | None = DEADLINE_S
    wait_for_lease_s: float = 0.0
    """How long to wait for another active run to release the lease, in seconds."""
    no_wait: bool = False
    """Whether the run ends as soon as it has sent the patches, without tracking the VMs."""
    plan_file: Path | None = None
    """The file of the approved plan; the run writes only the changes that this plan contains."""
    ask: bool = False
    """Whether a user must confirm the plan before the run writes anything."""
    expect_digest: str | None = None
    """The digest of the approved plan; the run writes nothing if it makes a different plan."""
    ignore_windows: bool = False
    ignore_alerts: bool = False
    """Whether the run ignores the alerts that ``rollout.holdWhile`` selects."""
    report: Path | None = None
    """The file to which the report is written as JSON."""
    trace: Path | None = None
    """The file to which the run appends a line of JSON for each VM whose change has ended."""
    metrics_file: Path | None = None
    """The file to which the run writes its metrics when it ends."""
    unattended: bool = False
    """Whether no user is present, so that ``mode: observe`` in the configuration applies."""
    excused: frozenset[ExitCode] = frozenset()
    """Exit codes that the process replaces with 0, because the next run continues the work."""
