"""``reconciler reconcile``: one run of a CronJob, which continues the work of the previous run."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import ClusterOptions, PrometheusOptions, SourceOptions
from reconciler.app.wiring import clock_wiring
from reconciler.cli import options
from reconciler.cli.option_values import deadline as deadline_option
from reconciler.cli.option_values import option
from reconciler.cli.terminal.error_output import exit_code
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.model.run.outcome import ExitCode
from reconciler.model.shard import WHOLE_FLEET

PASS_S = 480.0
Deadline = Annotated[float, deadline_option("8m")]
Mode = Annotated[
    str | None,
    option(
        "--mode",
        "Override `mode` in .reconciler.yaml. In mode observe, the command writes nothing to "
        "the cluster.",
        metavar="observe|enforce",
    ),
]
QUIET = frozenset({ExitCode.BLOCKED, ExitCode.DEADLINE, ExitCode.LEASE_HELD})
"""Exit codes that the process replaces with 0, because the next run continues the work."""


def command(
    *,
    source: SourceOptions,
    shard: options.ShardOption = WHOLE_FLEET,
    cluster: ClusterOptions,
    prometheus: PrometheusOptions,
    deadline: Deadline = PASS_S,
    mode: Mode = None,
    detailed_exitcode: options.DetailedExitcode = False,
    report: options.Report = None,
    trace: options.Trace = None,
    metrics_file: options.MetricsFile = None,
    output: RunOutput,
) -> ExitCode:
    """Plan and apply once without confirmation; track the VMs until the deadline at the latest."""
    from reconciler.app import apply

    apply_options = ApplyOptions(
        source=replace(source, mode=mode),
        shard=shard,
        cluster=cluster,
        prometheus=prometheus,
        deadline_s=deadline,
        report=report,
        trace=trace,
        metrics_file=metrics_file,
        unattended=True,
        excused=frozenset() if detailed_exitcode else QUIET,
    )
    return exit_code(
        lambda: apply.run(apply_options, clock_wiring.real_clock(), output),
        output.log.log_format,
        excused=apply_options.excused,
    )
