"""``reconciler status``: desired and live memory side by side."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from reconciler.app import wiring
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode
from reconciler.plan.plan_policy import plan_policy

Unmanaged = Annotated[
    bool, typer.Option("--all", "-a", help="Also list VMs that Git does not name.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """What the user asks of ``status``."""

    source: SourceOptions
    cluster: ClusterOptions
    snapshot: options.Snapshot = None
    unmanaged: Unmanaged = False
    watch: options.Watch = False
    deadline_s: options.WatchDeadline = None
    output: options.Output = TextFormat.TEXT


def command(asked: StatusOptions) -> ExitCode:
    """Show desired and live memory side by side, and what is in flight."""
    _reject_contradictions(asked)
    if asked.watch:
        from reconciler.cli.commands import status_watch

        watched = status_watch.WatchOptions(
            source=asked.source,
            cluster=asked.cluster,
            unmanaged=asked.unmanaged,
            output=asked.output,
            deadline_s=asked.deadline_s,
        )
        return status_watch.run(watched, wiring.real_clock())
    from reconciler.app.survey import survey
    from reconciler.report.status import (
        status_json,
        status_text,
    )
    from reconciler.rollout.tracking.convergence import convergence

    clock = wiring.real_clock()
    with (
        wiring.desired(asked.source) as desired,
        wiring.live(asked.cluster, asked.snapshot, clock) as live,
    ):
        found = survey(desired, live, clock, plan_policy)
    judged = {each.ref: convergence(each, patched=False) for each in found.plan.decisions}
    if asked.output is TextFormat.JSON:
        screen.result(status_json(found.desired, found.live, judged, unmanaged=asked.unmanaged))
        return ExitCode.DONE
    look = screen.look(sys.stdout)
    text = status_text(
        found.desired,
        found.live,
        judged,
        unmanaged=asked.unmanaged,
        width=look.width,
        color=look.color,
    )
    screen.result(text)
    return ExitCode.DONE


def _reject_contradictions(asked: StatusOptions) -> None:
    if asked.watch and asked.snapshot is not None:
        raise UsageError(
            "--watch follows a cluster, and a snapshot does not change",
            hint="leave one of the two out; RECONCILER_SNAPSHOT counts as --snapshot",
        )
    if asked.deadline_s is not None and not asked.watch:
        raise UsageError("--deadline ends --watch, which is not asked for", hint="leave it out")
