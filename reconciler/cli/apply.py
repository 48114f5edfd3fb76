"""``reconciler apply``: plan, apply, and follow every VM to the end."""

from __future__ import annotations

import sys

import typer

from reconciler.cli import options, screen, wiring
from reconciler.cli.exits import ended
from reconciler.cli.options import TextFormat


def command(
    repo: options.Repo = None,
    revision: options.Revision = "HEAD",
    working_tree: options.WorkingTree = False,
    files: options.Files = None,
    namespace: options.Namespace = None,
    selector: options.Selector = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    request_timeout: options.RequestTimeout = 30.0,
    deadline: options.Deadline = None,
    no_wait: options.NoWait = False,
    output: options.Output = TextFormat.TEXT,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """Plan, apply what may be applied, and follow it until the guests have their memory."""
    from reconciler.cli import applying  # noqa: PLC0415 - keeps --help fast

    screen.logging(log_format, verbose)
    asked = applying.ApplyOptions(
        source=wiring.source_options(repo, revision, working_tree, files, namespace, selector),
        cluster=wiring.cluster_options(kubeconfig, context, request_timeout),
        output=output,
        log_format=log_format,
        verbose=verbose,
        deadline_s=deadline,
        follow=not no_wait,
    )
    raise typer.Exit(
        ended(lambda: applying.run(asked, wiring.real_clock()), sys.stderr, log_format)
    )
