"""``reconciler apply``: plans, applies the plan and follows every VM to the end."""

from __future__ import annotations

from reconciler.app import wiring
from reconciler.app.apply_options import ApplyOptions
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.model.run.outcome import ExitCode


def command(options: ApplyOptions, output: RunOutput) -> ExitCode:
    """Plan, apply the plan, and follow every VM until its guest has the memory."""
    from reconciler.app import apply

    return apply.run(options, wiring.real_clock(), output)
