"""``reconciler validate``: checks the desired state without a cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from reconciler.app import wiring
from reconciler.app.input_options import SourceOptions
from reconciler.cli.option_values import (
    OUTPUT_HELP,
    OutputFile,
    ValidateFormat,
    option,
    output_file_option,
)
from reconciler.cli.options import LogOptions
from reconciler.cli.terminal import result_output, screen
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from reconciler.model.desired.desired_state import DesiredState

Output = Annotated[ValidateFormat | None, option("-o --output", OUTPUT_HELP)]
OutputFiles = Annotated[list[OutputFile] | None, output_file_option(ValidateFormat)]


def command(
    source: SourceOptions,
    log: LogOptions,
    output: Output = None,
    output_files: OutputFiles = None,
) -> ExitCode:
    """Check the desired state without a cluster; show file, line and column of each problem."""
    results = result_output.ResultOutput(
        shown=output or log.log_format, files=tuple(output_files or ()), log=log
    )
    results.reserve()
    with wiring.desired(replace(source.or_current(), newest_only=True)) as reader:
        state = reader.read().state
    results.show(partial(pieces, state))
    return ExitCode.DONE if state.valid else ExitCode.INVALID


def pieces(state: DesiredState, output: str, stream: TextIO | None) -> Iterable[str]:
    """Return the diagnostics of the desired state in an output format."""
    from reconciler.report.findings import validation_json, validation_text

    match output:
        case ValidateFormat.JSON:
            return (validation_json(state),)
        case ValidateFormat.TEXT:
            style = screen.FILE if stream is None else screen.style_of(stream)
            return (validation_text(state, color=style.color),)
        case _:
            from reconciler.report.code_review.review import review_of_desired

            return result_output.review_pieces(review_of_desired(state), output)
