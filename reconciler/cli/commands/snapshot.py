"""``reconciler snapshot``: writes the live state to a file, for plans without a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.app import wiring
from reconciler.app.input_options import ClusterOptions
from reconciler.cli.terminal import screen
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

Target = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="File to write. Default: standard output."),
]


def command(*, out: Target = None, cluster: ClusterOptions) -> ExitCode:
    """Write the live state to a file for `plan --snapshot`, without manifests and secrets."""
    document = wiring.live_snapshot(cluster, wiring.real_clock())
    if out is None:
        screen.result(document.decode())
        return ExitCode.DONE
    try:
        out.write_bytes(document)
    except OSError as error:
        hint = "name a file in an existing directory, or omit --out for standard output"
        raise UsageError(f"--out {out}: {error.strerror}", hint=hint) from error
    return ExitCode.DONE
