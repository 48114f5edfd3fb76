"""The supported keys of workflow and action files, and functions that load these files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STEP = {
    *("name", "id", "if", "uses", "with", "run", "shell", "env"),
    *("continue-on-error", "working-directory"),
}
ACTION = {"name", "description", "inputs", "outputs", "runs"}
INPUT = {"description", "required", "default"}
JOB = {
    *("name", "runs-on", "timeout-minutes", "permissions", "environment", "env", "steps"),
    *("needs", "if", "outputs", "concurrency"),
}


class UnsupportedError(Exception):
    """A workflow or action file uses syntax that the test runner does not support."""


def loaded(path: Path) -> dict:
    """Load the YAML document in *path*."""
    return YAML(typ="safe").load(path)


def scalar(value: object) -> str:
    """Convert the YAML scalar *value* to a string; a list or a mapping is an error."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise UnsupportedError(f"expected a text, not {value!r}")
    return str(value)


def only(document: Mapping[str, object], known: set[str], where: object) -> None:
    """Raise an error if *document* has keys other than *known*."""
    if unknown := document.keys() - known:
        raise UnsupportedError(f"{where}: unsupported keys {sorted(unknown)}")
