"""``StatusOptions``: the options of ``reconciler status``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.cli.option_values import TextFormat, option, seconds
from reconciler.cli.options import LogOptions, Output, Snapshot

Watch = Annotated[
    bool,
    option(
        "-w --watch",
        "Show the status again after each change, until Ctrl-C (exit code 130) or --deadline "
        "(exit code 0). Git is read only once, at the start.",
        variable=False,
    ),
]
Unmanaged = Annotated[
    bool, option("-a --all", "Also list VMs that are not in Git.", variable=False)
]
WatchDeadline = Annotated[
    float | None,
    option(
        "--deadline --timeout",
        "Stop --watch after this time.",
        variable=False,
        metavar="DURATION",
        parser=seconds,
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """The options of the command ``reconciler status``."""

    source: SourceOptions
    cluster: ClusterOptions
    snapshot: Snapshot = None
    unmanaged: Unmanaged = False
    watch: Watch = False
    deadline_s: WatchDeadline = None
    output: Output = None
    log: LogOptions = field(default_factory=LogOptions)

    @property
    def json(self) -> bool:
        """Whether the status is printed as JSON instead of a table."""
        return (self.output or self.log.log_format) is TextFormat.JSON
