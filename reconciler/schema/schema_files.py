"""``load``: reads the JSON Schemas from the installed package or from the source checkout."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE = "reconciler"


@cache
def load(name: str) -> dict[str, Any]:
    """Load a JSON Schema by its name, for example ``manifest`` or ``config``.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    filename = f"{name}.schema.json"
    tried = []
    for folder in _folders():
        file = folder.joinpath(filename)
        if file.is_file():
            schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return schema
        tried.append(str(file))
    raise FileNotFoundError(
        f"the schema file {filename} does not exist in {tried}; install the reconciler again"
    )


def _folders() -> tuple[Traversable, ...]:
    """Return the directories that can contain the schemas, in a wheel or an editable install."""
    package = resources.files(PACKAGE)
    return package.joinpath("schemas"), package.joinpath("..", "schemas")
