"""Runs the command ``reconcile`` once on the simulator's clock."""

from __future__ import annotations

import sys
from datetime import datetime

from reconciler.app import apply
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.app.wiring import clock_wiring
from reconciler.cli.terminal.run_output import RunOutput

DEADLINE_S = 3600.0
"""A deadline in simulated seconds that suffices on a machine that is twenty times slower."""


def one_pass(repo: str, kubeconfig: str, now: datetime, scale: float) -> int:
    """Run ``reconcile`` once, and return its exit code."""
    asked = ApplyOptions(
        source=SourceOptions(repo=repo),
        cluster=ClusterOptions(kubeconfig=kubeconfig, time_scale=scale),
        deadline_s=DEADLINE_S,
        unattended=True,
    )
    return apply.run(asked, clock_wiring.scaled_clock(now, scale), RunOutput())


def main() -> None:
    repo, kubeconfig, now, scale = sys.argv[1:]
    sys.exit(one_pass(repo, kubeconfig, datetime.fromisoformat(now), float(scale)))
