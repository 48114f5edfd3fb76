"""``reconciler validate``: checks the desired state without a cluster."""

from __future__ import annotations

import sys

from reconciler.app import wiring
from reconciler.app.input_options import SourceOptions
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.model.run.outcome import ExitCode


def command(source: SourceOptions, output: options.Output = TextFormat.TEXT) -> ExitCode:
    """Check the desired state without a cluster; show file, line and column of each problem."""
    from reconciler.report.findings import (
        validation_json,
        validation_text,
    )

    with wiring.desired(source.or_current()) as reader:
        state = reader.read().state
    if output is TextFormat.JSON:
        screen.result(validation_json(state))
    else:
        screen.result(validation_text(state, color=screen.style_of(sys.stdout).color))
    return ExitCode.DONE if state.valid else ExitCode.INVALID
