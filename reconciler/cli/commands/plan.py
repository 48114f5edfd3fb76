"""``reconciler plan``: what would happen; changes nothing."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from reconciler.app import output_files, wiring
from reconciler.cli import options
from reconciler.cli.options import PlanFormat, TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.exit_codes import ended
from reconciler.model.plan.plan import Effect, Plan
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

HELD = frozenset({Effect.BLOCKED, Effect.RESTART, Effect.WAIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What the command line asks for."""

    source: wiring.SourceOptions
    cluster: wiring.ClusterOptions = field(default_factory=wiring.ClusterOptions)
    snapshot: Path | None = None
    out: Path | None = None
    output: PlanFormat = PlanFormat.TEXT
    verbose: int = 0
    detailed_exitcode: bool = False


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
    snapshot: options.Snapshot = None,
    out: options.Out = None,
    output: options.OutputPlan = PlanFormat.TEXT,
    detailed_exitcode: options.DetailedExitcode = False,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """Show what would happen to every VM; change nothing."""
    screen.logging(log_format, verbose)
    asked = PlanOptions(
        source=wiring.source_options(
            repo,
            revision,
            working_tree,
            files,
            namespace,
            selector,
            cache_dir=cache_dir,
            shard=shard,
        ),
        cluster=wiring.cluster_options(kubeconfig, context, request_timeout),
        snapshot=snapshot,
        out=out,
        output=output,
        verbose=verbose,
        detailed_exitcode=detailed_exitcode,
    )
    raise typer.Exit(ended(lambda: run(asked, wiring.real_clock()), sys.stderr, log_format))


def run(asked: PlanOptions, clock: Clock) -> ExitCode:
    """Read both sides, decide, print."""
    from reconciler.app.survey import survey  # noqa: PLC0415 - keeps --help fast

    with (
        wiring.desired(asked.source) as desired,
        wiring.live(asked.cluster, asked.snapshot, clock) as live,
    ):
        choices = partial(wiring.plan_policy, shard=asked.source.shard)
        # The plan alone: what it was made from is most of what is kept in memory.
        plan = survey(desired, live, clock, choices).plan
    if asked.out is not None:
        _leave(plan, asked.out)
    show(plan, asked.output, asked.verbose)
    return exit_code(plan) if asked.detailed_exitcode else ExitCode.DONE


def _leave(plan: Plan, out: Path) -> None:
    from reconciler.report.json_documents import plan_json  # noqa: PLC0415 - rarely needed

    output_files.leave(out, plan_json(plan), "--out")
    log.info("the plan is in %s; `reconciler apply --plan` takes it as the approval", out)


def show(plan: Plan, output: PlanFormat, verbose: int) -> None:
    """Print *plan* on stdout."""
    match output:
        case PlanFormat.JSON:
            from reconciler.report.json_documents import plan_json  # noqa: PLC0415 - one of three

            screen.stream(plan_json(plan))
        case PlanFormat.MARKDOWN:
            from reconciler.report.plan_markdown import plan_markdown  # noqa: PLC0415 - one of three

            screen.stream(plan_markdown(plan))
        case PlanFormat.TEXT:
            from reconciler.report.plan_text import plan_text  # noqa: PLC0415 - one of three

            look = screen.look(sys.stdout)
            screen.stream(plan_text(plan, width=look.width, color=look.color, verbose=verbose > 0))


def exit_code(plan: Plan) -> ExitCode:
    """2 where something would change, else 4 where something is held, else 0."""
    if plan.waves:
        return ExitCode.CHANGES
    held = any(each.effect in HELD for each in plan.decisions)
    return ExitCode.BLOCKED if held else ExitCode.DONE
