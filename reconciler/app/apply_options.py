"""``ApplyOptions``: what the user asks of one run of ``apply`` or ``reconcile``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.model.run.outcome import ExitCode
from reconciler.model.shard import WHOLE_FLEET, Shard

DEADLINE_S = 7200.0
"""The time after which a run of ``apply`` ends; a large fleet may need more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The options of one run; how it is shown is the presenter's concern."""

    source: SourceOptions
    shard: Shard = WHOLE_FLEET
    """The run decides only this shard's VMs, and reads all of them."""
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    deadline_s: float | None = DEADLINE_S
    no_wait: bool = False
    """The run ends once the patches are sent."""
    plan_file: Path | None = None
    """Approved plan; the run writes nothing else."""
    ask: bool = False
    """Whether the presenter has to confirm the plan before anything is written."""
    expect_digest: str | None = None
    """Digest of the approved plan; the run writes nothing if its plan has another one."""
    ignore_windows: bool = False
    report: Path | None = None
    """File for the report as JSON."""
    trace: Path | None = None
    """File to which the run appends a line of JSON for each VM."""
    unattended: bool = False
    """Whether ``mode: observe`` of the configuration binds this run."""
    excused: frozenset[ExitCode] = frozenset()
    """Ends for which the process returns 0, because the next pass continues by itself."""
