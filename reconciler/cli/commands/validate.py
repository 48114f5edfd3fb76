"""``reconciler validate``: checks the desired state without a cluster."""

from __future__ import annotations

import sys

from reconciler.app import wiring
from reconciler.app.input_options import SourceOptions
from reconciler.cli.option_values import TextFormat
from reconciler.cli.options import LogOptions, Output
from reconciler.cli.terminal import screen
from reconciler.model.run.outcome import ExitCode


def command(source: SourceOptions, log: LogOptions, output: Output = None) -> ExitCode:
    """Check the desired state without a cluster; show file, line and column of each problem."""
    from reconciler.report.findings import validation_json, validation_text

    with wiring.desired(source.or_current()) as reader:
        state = reader.read().state
    if (output or log.log_format) is TextFormat.JSON:
        screen.document((validation_json(state),), log.log_format)
    else:
        screen.result(validation_text(state, color=screen.style_of(sys.stdout).color))
    return ExitCode.DONE if state.valid else ExitCode.INVALID
