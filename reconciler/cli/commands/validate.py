"""``reconciler validate``: is the desired state sound; no cluster."""

from __future__ import annotations

import sys

import typer

from reconciler.app import wiring
from reconciler.cli import options
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.exit_codes import ended
from reconciler.model.run.outcome import ExitCode


def command(
    repo: options.Repo = None,
    revision: options.Revision = "HEAD",
    working_tree: options.WorkingTree = False,
    files: options.Files = None,
    namespace: options.Namespace = None,
    selector: options.Selector = None,
    cache_dir: options.CacheDir = None,
    output: options.Output = TextFormat.TEXT,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """Check the desired state: each finding with file, line and column; no cluster."""
    screen.logging(log_format, verbose)
    source = wiring.source_options(
        repo, revision, working_tree, files, namespace, selector, cache_dir=cache_dir
    )

    def run() -> ExitCode:
        from reconciler.report.findings import (  # noqa: PLC0415 - keeps --help fast
            validation_json,
            validation_text,
        )

        with wiring.desired(source) as reader:
            state = reader.read().state
        if output is TextFormat.JSON:
            screen.result(validation_json(state))
        else:
            screen.result(validation_text(state, color=screen.look(sys.stdout).color))
        return ExitCode.DONE if state.valid else ExitCode.INVALID

    raise typer.Exit(ended(run, sys.stderr, log_format))
