"""``reconciler snapshot``: the live state as a file, for plans without a cluster."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reconciler.app import wiring
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.exit_codes import ended
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

Target = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="File to write; standard output without it."),
]


def command(
    out: Target = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    request_timeout: options.RequestTimeout = 30.0,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """Write what `plan --snapshot` reads: decoded fields only, no manifests, no secrets."""
    screen.logging(log_format, verbose)
    cluster = wiring.cluster_options(kubeconfig, context, request_timeout)

    def run() -> ExitCode:
        from reconciler.cluster.read.snapshot_file import dump  # noqa: PLC0415 - keeps --help fast

        with wiring.live(cluster, None, wiring.real_clock()) as reader:
            document = dump(replace(reader.read(), capacity=reader.capacity()))
        if out is None:
            screen.result(document.decode())
            return ExitCode.DONE
        try:
            out.write_bytes(document)
        except OSError as error:
            hint = "name a file in a folder that is there, or none for standard output"
            raise UsageError(f"--out {out}: {error.strerror}", hint=hint) from error
        return ExitCode.DONE

    raise typer.Exit(ended(run, sys.stderr, log_format))
