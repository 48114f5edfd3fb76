"""The options that commands share: each with its flag, environment variable and help text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from reconciler.cli.option_values import OUTPUT_HELP, TextFormat, option, shard
from reconciler.model.shard import Shard

ShardOption = Annotated[
    Shard,
    option(
        "--shard",
        "Change only the VMs in shard I of N shards, where I starts at 0. The hash of a VM's "
        "namespace determines its shard. Shard 0 also changes the KubeVirt CR.",
        metavar="I/N",
        parser=shard,
        show_default=False,
    ),
]
Snapshot = Annotated[
    Path | None,
    option(
        "--snapshot",
        "Read the live state from a file that `reconciler snapshot` wrote, instead of from a "
        "cluster.",
    ),
]
Base = Annotated[
    str | None,
    option(
        "--base",
        "Mark what is new compared with the plan of the merge base of REV and the planned "
        "commit. REV is usually the target branch of a pull request.",
        metavar="REV",
    ),
]
Report = Annotated[
    Path | None,
    option(
        "--report",
        "Also write the report to a JSON file, even if the run fails after the plan.",
        metavar="FILE",
    ),
]
Trace = Annotated[
    Path | None,
    option(
        "--trace",
        "Append one line of JSON to this file each time the change of a VM ends.",
        metavar="FILE",
    ),
]
MetricsFile = Annotated[
    Path | None,
    option(
        "--metrics-file",
        "When the run ends, also write its metrics to this file in the Prometheus text format, "
        "for the textfile collector of node-exporter or for a Pushgateway.",
        metavar="FILE",
    ),
]
Verbose = Annotated[
    int,
    option(
        "-v --verbose",
        "Also show patches, unchanged VMs and debug messages. -vv also shows each request to "
        "the API server.",
        count=True,
        show_default=False,
        variable=False,
    ),
]
LogFormat = Annotated[
    TextFormat, option("--log-format", "Format of the log and of the progress messages on stderr.")
]
Output = Annotated[TextFormat | None, option("-o --output", OUTPUT_HELP)]
DetailedExitcode = Annotated[
    bool,
    option(
        "--detailed-exitcode",
        "Return nonzero exit codes for more results: 2 and 4 for plan, and 4, 6 and 7 for "
        "reconcile. See the README.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The options that select how much a command logs on stderr, and in which format."""

    verbose: Verbose = 0
    log_format: LogFormat = TextFormat.TEXT
