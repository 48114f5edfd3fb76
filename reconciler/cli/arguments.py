"""Prepares arguments and environment variables, and formats the examples in the help texts."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.option_values import PlanFormat, TextFormat, ValidateFormat
from reconciler.errors import UsageError
from reconciler.input_files import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SHORT = re.compile(r"(-[A-Za-z])=(.*)", re.DOTALL)
_FORMATS = {"plan": PlanFormat, "validate": ValidateFormat}
_OUTPUT = "RECONCILER_OUTPUT"
_EXAMPLES: Mapping[str, tuple[str, str]] = {
    "": ("demo", "plan --repo . --revision main"),
    "demo": ("demo", "demo --world canary-fails"),
    "plan": ("plan --repo . --revision main", "plan -n team-a db-1 -o json"),
    "apply": ("apply --repo . --revision main", "apply --plan plan.json"),
    "reconcile": (
        "reconcile --repo https://git.example.com/vms.git --deadline 8m",
        "reconcile --repo . --mode observe --detailed-exitcode",
    ),
    "serve": (
        "serve --repo https://git.example.com/vms.git --revision main",
        "serve --repo https://git.example.com/vms.git --mode observe --interval 1m",
    ),
    "status": ("status --repo .", "status -l app=db --watch"),
    "validate": ("validate --repo . --working-tree", "validate -f vms/"),
    "config": ("config --repo . --revision main", "config --repo . -o json"),
    "snapshot": ("snapshot --out live.json", "snapshot --context production > live.json"),
    "comment": (
        "comment plan.json --cluster-name production",
        "comment report.json --forge gitlab --project vms/desired --pull-request 7 --dry-run",
    ),
    "cluster": (
        "cluster --world examples/worlds/hotplug.yaml --kubeconfig sim.kubeconfig",
        "cluster --world examples/worlds/slow.yaml --kubeconfig sim.kubeconfig --time-scale 20",
    ),
}


_STDIN_OPTIONS = {
    "files": "-f",
    "config": "--config",
    "snapshot": "--snapshot",
    "plan_file": "--plan",
    "kubeconfig": "--kubeconfig",
    "log_file": "--log",
}
"""The options that read standard input if their value is ``-``."""


def reject_shared_stdin(given: Mapping[str, object]) -> None:
    """Check that at most one option reads standard input.

    *given* maps the name of each option to its value.

    Raises:
        UsageError: Standard input is read more than once.
    """
    if "world" in given:  # of `cluster`, whose --kubeconfig is an output
        return
    flags: list[str] = []
    for name, flag in _STDIN_OPTIONS.items():
        value = given.get(name)
        values = value if isinstance(value, list) else [value]
        flags.extend(flag for each in values if str(each) == STDIN)
    if len(flags) > 1:
        raise UsageError(
            f"only one option can read standard input, but {' and '.join(flags)} are set to -",
            hint="set a file instead of - for the other options",
        )


def examples_of(command: str) -> str:
    """Return the examples for the end of a command's help text, each as a separate paragraph.

    For the help of ``reconciler`` itself, *command* is empty.
    """
    return "\n\n".join(("Examples:", *(f"  reconciler {each}" for each in _EXAMPLES[command])))


def split_values(arguments: Sequence[str]) -> list[str]:
    """Split arguments such as ``-o=json`` into ``-o`` and ``json``, as kubectl does."""
    found: list[str] = []
    for each in arguments:
        match = _SHORT.fullmatch(each)
        found.extend((match[1], match[2]) if match else (each,))
    return found


@contextmanager
def applicable_environment(arguments: Sequence[str]) -> Iterator[None]:
    """Unset ``RECONCILER_OUTPUT`` during a command that does not support the variable's value."""
    value = os.environ.get(_OUTPUT)
    supported = _FORMATS.get("".join(arguments[:1]), TextFormat)
    if value in set(supported) or value not in set(PlanFormat):
        yield
        return
    del os.environ[_OUTPUT]
    try:
        yield
    finally:
        os.environ[_OUTPUT] = value
