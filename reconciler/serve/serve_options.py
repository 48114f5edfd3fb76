"""``ServeOptions``: the options of ``reconciler serve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.model.shard import WHOLE_FLEET, Shard

INTERVAL_S = 180.0
"""The default interval between two reads of the repository, in seconds."""
JITTER_S = 15.0
DEADLINE_S = 600.0
"""The default deadline of one run, in seconds; other runs can start between two runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The options of ``serve``."""

    source: SourceOptions
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    shard: Shard = WHOLE_FLEET
    interval_s: float = INTERVAL_S
    jitter_s: float = JITTER_S
    """The time by which an interval may be longer, at random."""
    deadline_s: float = DEADLINE_S
    """The deadline of one run; the next run continues its changes."""
    trace: Path | None = None
    """The file to which each run appends a line of JSON for each VM."""
