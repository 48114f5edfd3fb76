"""The keys that the runner supports in the YAML files, and how it reads these files."""

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
    """A file uses syntax that the runner does not know."""


def loaded(path: Path) -> dict:
    """Return the document in *path*."""
    return YAML(typ="safe").load(path)


def scalar(value: object) -> str:
    """Return *value* as text; a list or a mapping is an error."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise UnsupportedError(f"expected a text, not {value!r}")
    return str(value)


def only(document: Mapping[str, object], known: set[str], where: object) -> None:
    """Check that *document* has only *known* keys."""
    if unknown := document.keys() - known:
        raise UnsupportedError(f"{where}: unsupported keys {sorted(unknown)}")
