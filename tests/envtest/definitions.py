"""Loads KubeVirt's CustomResourceDefinitions from a directory and installs them."""

from __future__ import annotations

import json
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from reconciler.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.client import Client

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SHIPPED = Path(str(resources.files("reconciler.simulator") / "crds"))
"""The directory with the CRDs of KubeVirt v1.9.0, which the simulator serves."""
_READY_S = 30.0
_POLL_S = 0.1


def load(folder: Path) -> list[dict[str, Any]]:
    """Load the CustomResourceDefinitions from the JSON and YAML files of a directory.

    Raises:
        FileNotFoundError: The directory contains no CustomResourceDefinition.
    """
    found = [each for each in _documents(folder) if _is_definition(each)]
    if not found:
        raise FileNotFoundError(f"KUBEVIRT_CRDS: no CustomResourceDefinition in {folder}")
    return found


def install(client: Client, definitions: list[dict[str, Any]]) -> None:
    """Create CustomResourceDefinitions and wait until the API server serves all their kinds.

    Raises:
        TimeoutError: A kind is not served in time.
    """
    for each in definitions:
        client.send("POST", CRDS, body=each)
    for each in definitions:
        _await(client, each)


def _documents(folder: Path) -> Iterator[Any]:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json":
            yield json.loads(path.read_bytes())
        elif path.suffix in {".yaml", ".yml"}:
            yield from YAML(typ="safe").load_all(path.read_text(encoding="utf-8"))


def _is_definition(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition"


def _await(client: Client, definition: dict[str, Any]) -> None:
    spec = definition["spec"]
    served = next(each["name"] for each in spec["versions"] if each["served"])
    path = f"/apis/{spec['group']}/{served}/{spec['names']['plural']}"
    deadline = time.monotonic() + _READY_S
    while not _served(client, path):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{path} is not served {_READY_S} s after its definition was created"
            )
        time.sleep(_POLL_S)


def _served(client: Client, path: str) -> bool:
    try:
        client.send("GET", path, query={"limit": "1"})
    except NotFoundError:
        return False
    return True
