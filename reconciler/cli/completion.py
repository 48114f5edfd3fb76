"""Completes the names of kubeconfig contexts and namespaces in bash, zsh and fish.

A completion prints nothing if it cannot read the kubeconfig or the cluster, because the shell
would show the error in the middle of the command line. A name with unusual characters is omitted,
because zsh evaluates the completions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import typer  # noqa: TC002 - typer reads the annotations of completions when it runs them

from reconciler.app.input_options import ClusterOptions
from reconciler.app.wiring import clock_wiring, cluster_wiring
from reconciler.errors import ReconcilerError

TIMEOUT_S = 2.0
"""The maximum number of seconds that a shell completion waits for the cluster."""
_USUAL = re.compile(r"[\w.:/@+=-]+", re.ASCII)


def complete_contexts(context: typer.Context, incomplete: str) -> list[str]:
    """Return the contexts of the kubeconfig whose names start with the typed characters."""
    try:
        found = cluster_wiring.context_names(_kubeconfig(context))
    except ReconcilerError:
        return []
    return _completions(found, incomplete)


def complete_namespaces(context: typer.Context, incomplete: str) -> list[str]:
    """Return the namespaces of the cluster whose names start with the typed characters."""
    kubeconfig = _kubeconfig(context)
    options = ClusterOptions(
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        context=context.params.get("context"),
        request_timeout_s=TIMEOUT_S,
    )
    try:
        found = cluster_wiring.namespace_names(options, clock_wiring.real_clock())
    except ReconcilerError:
        return []
    return _completions(found, incomplete)


def _completions(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that start with the typed characters and are safe in a shell."""
    return [each for each in names if each.startswith(incomplete) and _USUAL.fullmatch(each)]


def _kubeconfig(context: typer.Context) -> str | None:
    given = context.params.get("kubeconfig")
    return str(given) if given else None
