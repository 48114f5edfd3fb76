"""``reconciler serve``: the process that stays, and reacts to Git, the cluster and the clock."""

from __future__ import annotations

from dataclasses import replace

from reconciler.app.wiring import clock_wiring
from reconciler.cli.commands.reconcile import Mode
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode
from reconciler.serve.serve_options import ServeOptions


def command(*, options: ServeOptions, mode: Mode = None, output: RunOutput) -> ExitCode:
    """Keep one cluster equal to one repository: plan, apply and track, until SIGTERM.

    A plan is made after each change in Git or in the cluster, and at intervals. SIGTERM ends the
    process within 10 seconds; changes in flight continue, and the next process tracks them.
    """
    from reconciler.serve import service

    if not options.source.repo:
        raise UsageError(
            "serve needs a repository", hint="set --repo, or the variable RECONCILER_REPO"
        )
    source = replace(options.source, mode=mode)
    return service.run(
        replace(options, source=source),
        clock_wiring.real_clock(),
        replace(output, plan=False),
    )
