"""``reconciler plan``: shows what would happen to every VM, and changes nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from reconciler.app import output_files
from reconciler.app.input_options import ClusterOptions, PrometheusOptions, SourceOptions
from reconciler.app.wiring import alert_wiring, clock_wiring, cluster_wiring, source_wiring
from reconciler.cli import options
from reconciler.cli.option_values import (
    OUTPUT_HELP,
    OutputFile,
    PlanFormat,
    option,
    output_file_option,
    web_address,
)
from reconciler.cli.options import LogOptions
from reconciler.cli.terminal import result_output
from reconciler.cli.terminal.run_output import plan_lines
from reconciler.errors import InvalidError, UsageError
from reconciler.model.plan.plan import Effect, Plan
from reconciler.model.run.outcome import ExitCode
from reconciler.model.shard import WHOLE_FLEET
from reconciler.plan.plan_policy import plan_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from reconciler.app.read_and_plan import HoldOf, PlanWithInputs
    from reconciler.model.desired.config import Config
    from reconciler.model.plan.comparison import Comparison
    from reconciler.plan.plan_policy import PlanPolicy
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

ServerDryRun = Annotated[
    bool,
    option(
        "--server-dry-run",
        "Also send each change to the API server as a dry run (dryRun=All), to find changes "
        "that admission denies. This requires permission to patch the objects.",
    ),
]
Out = Annotated[
    Path | None,
    option("--out", "Also write the plan to a JSON file for `apply --plan FILE`.", metavar="FILE"),
]
Output = Annotated[PlanFormat | None, option("-o --output", OUTPUT_HELP)]
OutputFiles = Annotated[list[OutputFile] | None, output_file_option(PlanFormat)]
DocsUrl = Annotated[
    str,
    option(
        "--docs-url",
        "In the formats html and sarif, link each reason code to URL/CODE.",
        metavar="URL",
        parser=web_address,
    ),
]
HELD = frozenset({Effect.BLOCKED, Effect.RESTART, Effect.WAIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options of the command ``reconciler plan``."""

    source: SourceOptions
    shard: options.ShardOption = WHOLE_FLEET
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    prometheus: PrometheusOptions = field(default_factory=PrometheusOptions)
    snapshot: options.Snapshot = None
    base: options.Base = None
    server_dry_run: ServerDryRun = False
    out: Out = None
    output: Output = None
    output_files: OutputFiles = None
    docs_url: DocsUrl = ""
    detailed_exitcode: options.DetailedExitcode = False
    log: LogOptions = field(default_factory=LogOptions)


def command(plan_options: PlanOptions) -> ExitCode:
    """Show what would happen to every VM; change nothing."""
    if plan_options.server_dry_run and plan_options.snapshot is not None:
        raise UsageError(
            "--server-dry-run needs a cluster and cannot be combined with --snapshot",
            hint="use only one of these options; the environment variable "
            "RECONCILER_SNAPSHOT also sets --snapshot",
        )
    source = plan_options.source.or_current()
    return run(replace(plan_options, source=source), clock_wiring.real_clock())


def run(plan_options: PlanOptions, clock: Clock) -> ExitCode:
    """Read the desired and the live state, plan, and print the plan.

    If the desired state is so invalid that nothing can be planned, the function writes only the
    output formats for code reviews, which then show the errors.
    """
    log_options = plan_options.log
    results = result_output.ResultOutput(
        shown=plan_options.output or log_options.log_format,
        files=tuple(plan_options.output_files or ()),
        log=log_options,
    )
    results.reserve(plan_options.out)
    try:
        plan, comparison = _plan(plan_options, clock)
    except InvalidError as error:
        from reconciler.report.code_review.review import review_of_errors

        review = review_of_errors(str(error), error.diagnostics)
        results.show_review(review, plan_options.docs_url)
        raise
    try:
        if plan_options.out is not None:
            _write(plan, comparison, plan_options.out)
    finally:
        results.show(partial(pieces, plan, comparison, plan_options))
    code = exit_code(plan, comparison)
    return code if plan_options.detailed_exitcode or code is ExitCode.INVALID else ExitCode.DONE


def _write(plan: Plan, comparison: Comparison | None, path: Path) -> None:
    from reconciler.report.json_documents import plan_json

    output_files.write(path, plan_json(plan, comparison), "--out")
    log.info("wrote the plan to %s; apply it with `reconciler apply --plan FILE`", path)


def _plan(plan_options: PlanOptions, clock: Clock) -> tuple[Plan, Comparison | None]:
    from reconciler.app.read_and_plan import plan_of_snapshot, with_alert_note

    policy = partial(plan_policy, shard=plan_options.shard)
    # Keep only the plan, because its inputs take most of the memory.
    prometheus = plan_options.prometheus
    with alert_wiring.alerts(prometheus, clock) as alerts:
        hold_of = alerts.hold if prometheus.given else lambda _matchers: None
        planned, comparison = _compared(plan_options, clock, policy, hold_of)
    plan = plan_of_snapshot(planned, clock) if plan_options.snapshot else planned.plan
    if not prometheus.given:
        plan = with_alert_note(plan, planned.config)
    del planned
    if plan_options.server_dry_run:
        from reconciler.app.server_dry_run import server_dry_run

        with cluster_wiring.client(plan_options.cluster, clock) as client:
            plan = server_dry_run(plan, cluster_wiring.dry_run(client))
    return plan, comparison


def _compared(
    plan_options: PlanOptions,
    clock: Clock,
    policy: Callable[[Config], PlanPolicy],
    hold_of: HoldOf,
) -> tuple[PlanWithInputs, Comparison | None]:
    """Compute a plan; if the user set a base commit, compare the plan with that commit's plan."""
    source, base = plan_options.source, plan_options.base
    cluster, snapshot = plan_options.cluster, plan_options.snapshot
    if base is None:
        from reconciler.app.read_and_plan import read_and_plan

        with (
            source_wiring.desired(source) as desired,
            cluster_wiring.live(cluster, snapshot, clock) as live,
        ):
            return read_and_plan(desired, live, clock, policy, hold_of), None
    from reconciler.app.plan_with_base import plan_with_base

    with (
        source_wiring.desired_and_base(source, base) as (desired, against),
        cluster_wiring.live(cluster, snapshot, clock) as live,
    ):
        found = plan_with_base(desired, against, live, clock, policy, hold_of)
        return found.planned, found.comparison


def pieces(
    plan: Plan,
    comparison: Comparison | None,
    plan_options: PlanOptions,
    output: str,
    stream: TextIO | None,
) -> Iterable[str]:
    """Render a plan in an output format, for a stream or for a file."""
    match output:
        case PlanFormat.JSON:
            from reconciler.report.json_documents import plan_json

            return plan_json(plan, comparison)
        case PlanFormat.MARKDOWN:
            from reconciler.report.plan_markdown import plan_markdown

            return plan_markdown(plan, comparison=comparison)
        case PlanFormat.HTML:
            from reconciler.report.html.plan_html import plan_html

            return plan_html(plan, comparison=comparison, docs_url=plan_options.docs_url)
        case PlanFormat.TEXT:
            return plan_lines(plan, stream, plan_options.log, comparison)
        case _:
            from reconciler.report.code_review.review import review_of_plan

            review = review_of_plan(plan, comparison)
            return result_output.review_pieces(review, output, plan_options.docs_url)


def exit_code(plan: Plan, comparison: Comparison | None = None) -> ExitCode:
    """Return the detailed exit code of a plan.

    The exit code is 3 if part of the desired state is invalid, else 2 if the plan changes
    anything, else 4 if an object is blocked, waits or needs a restart, and 0 otherwise. With a
    *comparison*, errors and objects count only if the plan of the base commit does not contain
    them.
    """
    if comparison is None:
        errored, decisions = plan.errored, plan.decisions
    else:
        errored, decisions = comparison.adds_errors, tuple(comparison.added())
    if errored:
        return ExitCode.INVALID
    if any(each.actions for each in decisions):
        return ExitCode.CHANGES
    held = any(each.effect in HELD for each in decisions)
    return ExitCode.BLOCKED if held else ExitCode.DONE
