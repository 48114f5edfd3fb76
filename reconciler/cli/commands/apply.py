"""``reconciler apply``: plans, asks for confirmation, applies the plan and tracks every VM."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.wiring import clock_wiring
from reconciler.cli.option_values import option
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

Yes = Annotated[
    bool,
    option(
        "-y --yes",
        "Apply the plan without confirmation. Set this option if apply runs without a terminal, "
        "unless --plan or --expect-digest approves the plan.",
    ),
]


def command(*, apply_options: ApplyOptions, yes: Yes = False, output: RunOutput) -> ExitCode:
    """Plan, ask for confirmation, apply the plan, and track every VM until its change ends.

    Without a terminal, the command cannot ask for confirmation. In this case, set --yes, --plan or
    --expect-digest.
    """
    from reconciler.app import apply

    approved = apply_options.plan_file is not None or apply_options.expect_digest is not None
    ask = not (yes or approved)
    if ask and not screen.can_ask():
        raise UsageError(
            "apply cannot ask for confirmation without a terminal",
            hint="pass --yes, or approve a plan with --plan FILE or --expect-digest DIGEST",
        )
    source = apply_options.source.or_current()
    return apply.run(
        replace(apply_options, source=source, ask=ask), clock_wiring.real_clock(), output
    )
