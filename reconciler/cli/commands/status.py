"""``reconciler status``: desired and live memory side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reconciler.app import wiring
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.exit_codes import ended
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

Unmanaged = Annotated[
    bool, typer.Option("--all", "-a", help="Also list VMs that Git does not name.")
]


def command(
    repo: options.Repo = None,
    revision: options.Revision = "HEAD",
    working_tree: options.WorkingTree = False,
    files: options.Files = None,
    namespace: options.Namespace = None,
    selector: options.Selector = None,
    cache_dir: options.CacheDir = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    request_timeout: options.RequestTimeout = 30.0,
    snapshot: options.Snapshot = None,
    unmanaged: Unmanaged = False,
    watch: options.Watch = False,
    deadline: options.WatchDeadline = None,
    output: options.Output = TextFormat.TEXT,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """Show desired and live memory side by side, and what is in flight."""
    screen.logging(log_format, verbose)
    source = wiring.source_options(
        repo, revision, working_tree, files, namespace, selector, cache_dir=cache_dir
    )
    cluster = wiring.cluster_options(kubeconfig, context, request_timeout)

    def run() -> ExitCode:
        _reject_contradictions(watch=watch, snapshot=snapshot, deadline_s=deadline)
        if watch:
            from reconciler.cli.commands import status_watch  # noqa: PLC0415 - keeps --help fast

            asked = status_watch.WatchOptions(
                source=source,
                cluster=cluster,
                unmanaged=unmanaged,
                output=output,
                deadline_s=deadline,
            )
            return status_watch.run(asked, wiring.real_clock())
        from reconciler.app.survey import survey  # noqa: PLC0415 - with it
        from reconciler.report.status import (  # noqa: PLC0415 - keeps --help fast
            status_json,
            status_text,
        )
        from reconciler.rollout.tracking.convergence import convergence  # noqa: PLC0415 - with it

        clock = wiring.real_clock()
        with (
            wiring.desired(source) as desired,
            wiring.live(cluster, snapshot, clock) as live,
        ):
            found = survey(desired, live, clock, wiring.plan_policy)
        judged = {each.ref: convergence(each, patched=False) for each in found.plan.decisions}
        if output is TextFormat.JSON:
            screen.result(status_json(found.desired, found.live, judged, unmanaged=unmanaged))
            return ExitCode.DONE
        look = screen.look(sys.stdout)
        text = status_text(
            found.desired,
            found.live,
            judged,
            unmanaged=unmanaged,
            width=look.width,
            color=look.color,
        )
        screen.result(text)
        return ExitCode.DONE

    raise typer.Exit(ended(run, sys.stderr, log_format))


def _reject_contradictions(
    *, watch: bool, snapshot: Path | None, deadline_s: float | None
) -> None:
    if watch and snapshot is not None:
        raise UsageError(
            "--watch follows a cluster, and a snapshot does not change",
            hint="leave one of the two out; RECONCILER_SNAPSHOT counts as --snapshot",
        )
    if deadline_s is not None and not watch:
        raise UsageError("--deadline ends --watch, which is not asked for", hint="leave it out")
