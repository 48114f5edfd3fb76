"""``reconciler snapshot``: writes the live state to a file, for plans without a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.app import output_files
from reconciler.app.input_options import ClusterOptions
from reconciler.app.wiring import clock_wiring, cluster_wiring
from reconciler.cli.terminal import screen
from reconciler.model.run.outcome import ExitCode

Target = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="File to write. Default: standard output."),
]


def command(*, out: Target = None, cluster: ClusterOptions) -> ExitCode:
    """Write the live state to a file for `plan --snapshot`, without manifests or secrets."""
    document = cluster_wiring.live_snapshot(cluster, clock_wiring.real_clock())
    if out is None:
        screen.result(document.decode())
        return ExitCode.DONE
    output_files.write(out, (document.decode(),), "--out")
    return ExitCode.DONE
