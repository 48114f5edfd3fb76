"""``reconciler validate``: checks the desired state without a cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from reconciler.app.input_options import SourceOptions
from reconciler.app.wiring import source_wiring
from reconciler.cli.option_values import (
    OUTPUT_HELP,
    OutputFile,
    ValidateFormat,
    option,
    output_file_option,
)
from reconciler.cli.options import Base, LogOptions
from reconciler.cli.terminal import result_output, screen
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.plan.comparison import Comparison

Output = Annotated[ValidateFormat | None, option("-o --output", OUTPUT_HELP)]
OutputFiles = Annotated[list[OutputFile] | None, output_file_option(ValidateFormat)]


def command(
    source: SourceOptions,
    log: LogOptions,
    base: Base = None,
    output: Output = None,
    output_files: OutputFiles = None,
) -> ExitCode:
    """Check the desired state without a cluster; show file, line and column of each problem."""
    results = result_output.ResultOutput(
        shown=output or log.log_format, files=tuple(output_files or ()), log=log
    )
    results.reserve()
    state, comparison = _read(source.or_current(), base)
    results.show(partial(pieces, state, comparison))
    valid = state.valid if comparison is None else not comparison.adds_errors
    return ExitCode.DONE if valid else ExitCode.INVALID


def _read(source: SourceOptions, base: str | None) -> tuple[DesiredState, Comparison | None]:
    """Read the desired state; with *base*, compare the diagnostics with those of that commit."""
    if base is None:
        with source_wiring.desired(replace(source, newest_only=True)) as reader:
            return reader.read().state, None
    from reconciler.plan.comparison_with_base import compare_diagnostics

    with source_wiring.desired_and_base(source, base) as (reader, earlier):
        state = reader.read().state
        commit, reading = earlier.read()
        return state, compare_diagnostics(commit, reading.state, state)


def pieces(
    state: DesiredState, comparison: Comparison | None, output: str, stream: TextIO | None
) -> Iterable[str]:
    """Render the diagnostics of the desired state in an output format."""
    from reconciler.report.findings import validation_json, validation_text

    match output:
        case ValidateFormat.JSON:
            return (validation_json(state, comparison),)
        case ValidateFormat.TEXT:
            style = screen.FILE if stream is None else screen.style_of(stream)
            return (validation_text(state, comparison, color=style.color),)
        case ValidateFormat.HTML:
            from reconciler.report.html.validation_html import validation_html

            return validation_html(state, comparison)
        case _:
            from reconciler.report.code_review.review import review_of_desired

            return result_output.review_pieces(review_of_desired(state, comparison), output)
