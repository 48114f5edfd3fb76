"""``ApplyOptions``: the options of one run of ``apply`` or ``reconcile``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.app.input_options import ClusterOptions, PrometheusOptions, SourceOptions
from reconciler.model.run.outcome import ExitCode
from reconciler.model.shard import WHOLE_FLEET, Shard

DEADLINE_S = 7200.0
"""The default deadline of ``apply`` in seconds; a large fleet may need more time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The options of one run of ``apply`` or ``reconcile``."""

    source: SourceOptions
    shard: Shard = WHOLE_FLEET
    """The shard to change: the run changes only this shard's VMs, but reads all VMs."""
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    prometheus: PrometheusOptions = field(default_factory=PrometheusOptions)
    deadline_s: float | None = DEADLINE_S
    wait_for_lease_s: float = 0.0
    """How long to wait for another run that holds a lease and is alive, in seconds."""
    no_wait: bool = False
    """Whether the run ends as soon as the patches are sent."""
    plan_file: Path | None = None
    """The file of the approved plan; the run writes only what this plan contains."""
    ask: bool = False
    """Whether the user must confirm the plan before the run writes anything."""
    expect_digest: str | None = None
    """The digest of the approved plan; the run writes nothing if its plan has another digest."""
    ignore_windows: bool = False
    ignore_alerts: bool = False
    """Whether the run ignores ``rollout.holdWhile``."""
    report: Path | None = None
    """The file to which the report is written as JSON."""
    trace: Path | None = None
    """The file to which the run appends a line of JSON for each VM."""
    metrics_file: Path | None = None
    """The file to which the run writes its metrics when it ends."""
    unattended: bool = False
    """Whether the run is unattended, so that ``mode: observe`` in the configuration applies."""
    excused: frozenset[ExitCode] = frozenset()
    """The exit codes that the process replaces with 0, because the next run continues the work."""
