"""``reconciler reconcile``: one pass for a CronJob, which goes on where the last one ended."""

from __future__ import annotations

import sys

import typer

from reconciler.app import wiring
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.exit_codes import ended
from reconciler.model.run.outcome import ExitCode

QUIET = frozenset({ExitCode.BLOCKED, ExitCode.DEADLINE, ExitCode.LEASE_HELD})
"""What a CronJob would count as a failure though the next pass simply goes on."""


def command(
    repo: options.Repo = None,
    revision: options.Revision = "HEAD",
    working_tree: options.WorkingTree = False,
    files: options.Files = None,
    namespace: options.Namespace = None,
    selector: options.Selector = None,
    cache_dir: options.CacheDir = None,
    shard: options.ShardOption = options.WHOLE,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    request_timeout: options.RequestTimeout = 30.0,
    deadline: options.PassDeadline = options.PASS_S,
    mode: options.Mode = None,
    detailed_exitcode: options.DetailedExitcode = False,
    report: options.Report = None,
    trace: options.Trace = None,
    output: options.Output = TextFormat.TEXT,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """One pass: plan, apply what may be applied, follow until done or the deadline."""
    from reconciler.app import apply  # noqa: PLC0415 - keeps --help fast

    screen.logging(log_format, verbose)
    asked = apply.ApplyOptions(
        source=wiring.source_options(
            repo,
            revision,
            working_tree,
            files,
            namespace,
            selector,
            mode,
            cache_dir=cache_dir,
            shard=shard,
        ),
        cluster=wiring.cluster_options(kubeconfig, context, request_timeout),
        output=output,
        log_format=log_format,
        verbose=verbose,
        deadline_s=deadline,
        unattended=True,
        report=report,
        trace=trace,
    )
    code = ended(lambda: apply.run(asked, wiring.real_clock()), sys.stderr, log_format)
    raise typer.Exit(ExitCode.DONE if code in QUIET and not detailed_exitcode else code)
