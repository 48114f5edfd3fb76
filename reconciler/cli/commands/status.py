"""``reconciler status``: shows the desired and the live memory of every VM."""

from __future__ import annotations

import sys
from dataclasses import replace

from reconciler.app.wiring import clock_wiring, cluster_wiring, source_wiring
from reconciler.cli.commands.status_options import StatusOptions
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.error_output import show_errors
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode
from reconciler.plan.plan_policy import plan_policy


def command(options: StatusOptions) -> ExitCode:
    """Show the desired and the live memory of every VM, and live migrations in progress.

    If part of the desired state is invalid, the command prints the errors on stderr and exits with
    code 3.
    """
    _reject_contradictions(options)
    options = replace(options, source=options.source.or_current())
    if options.watch:
        from reconciler.cli.commands import status_watch

        return status_watch.run(options, clock_wiring.real_clock())
    from reconciler.app.read_and_plan import read_and_plan
    from reconciler.report.status_document import Status, status_json
    from reconciler.report.status_text import status_text
    from reconciler.rollout.tracking.judge_convergence import judge

    clock = clock_wiring.real_clock()
    with (
        source_wiring.desired(options.source) as desired,
        cluster_wiring.live(options.cluster, options.snapshot, clock) as live,
    ):
        found = read_and_plan(desired, live, clock, plan_policy)
    status = Status(
        desired=found.desired,
        live=found.live,
        convergence={each.ref: judge(each) for each in found.plan.decisions},
        unmanaged=options.unmanaged,
        scope=options.source.scope(),
    )
    if options.json:
        screen.document((status_json(status),), options.log.log_format)
    else:
        style = screen.style_of(sys.stdout)
        screen.result(status_text(status, width=style.width, color=style.color))
    show_errors(found.plan.diagnostics, options.log.log_format)
    return ExitCode.INVALID if found.plan.errored else ExitCode.DONE


def _reject_contradictions(options: StatusOptions) -> None:
    if options.watch and options.snapshot is not None:
        raise UsageError(
            "--watch needs a cluster and cannot be combined with --snapshot",
            hint="use only one of these options; the environment variable "
            "RECONCILER_SNAPSHOT also sets --snapshot",
        )
    if options.deadline_s is not None and not options.watch:
        raise UsageError("--deadline requires --watch", hint="add --watch, or remove --deadline")
