"""``reconciler apply``: plan, apply, and follow every VM to the end."""

from __future__ import annotations

import sys

import typer

from reconciler.app import approval_options, wiring
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.exit_codes import ended
from reconciler.model.run.outcome import ExitCode


def command(
    invoked: typer.Context,
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
    deadline: options.Deadline = None,
    no_wait: options.NoWait = False,
    approved: options.ApprovedPlan = None,
    expect_digest: options.ExpectDigest = None,
    ignore_windows: options.IgnoreWindows = False,
    report: options.Report = None,
    trace: options.Trace = None,
    output: options.Output = TextFormat.TEXT,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """Plan, apply what may be applied, and follow it until the guests have their memory."""
    from reconciler.app import apply  # noqa: PLC0415 - keeps --help fast

    screen.logging(log_format, verbose)
    source = wiring.source_options(
        repo, revision, working_tree, files, namespace, selector, cache_dir=cache_dir, shard=shard
    )
    # A default tells nothing of which revision is meant; one from the environment does.
    named = getattr(invoked.get_parameter_source("revision"), "name", "") != "DEFAULT"

    def run() -> ExitCode:
        approval = approval_options.read(approved, expect_digest)
        asked = apply.ApplyOptions(
            source=(
                approval_options.source_of(approval, approved, source, named=named)
                if approval and approved
                else source
            ),
            cluster=wiring.cluster_options(kubeconfig, context, request_timeout),
            output=output,
            log_format=log_format,
            verbose=verbose,
            deadline_s=deadline,
            follow=not no_wait,
            approval=approval,
            expect_digest=expect_digest,
            ignore_windows=ignore_windows,
            report=report,
            trace=trace,
        )
        return apply.run(asked, wiring.real_clock())

    raise typer.Exit(ended(run, sys.stderr, log_format))
