"""Writes a kubeconfig for the simulated cluster."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "simulator"


def render(url: str, token: str, *, namespace: str = "default") -> str:
    """Returns a kubeconfig with one context for the simulated cluster.

    Args:
        url: The URL of the API server, such as `http://127.0.0.1:PORT`.
        token: The bearer token of the user.
        namespace: The namespace of the context.
    """
    context = {"cluster": _NAME, "user": _NAME, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": {"server": url}}],
        "users": [{"name": _NAME, "user": {"token": token}}],
        "contexts": [{"name": _NAME, "context": context}],
        "current-context": _NAME,
        "preferences": {},
    }
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(config, text)
    return text.getvalue()


def write(path: Path, url: str, token: str, *, namespace: str = "default") -> None:
    """Atomically writes a kubeconfig that only its owner can read."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(render(url, token, namespace=namespace))
    unfinished.replace(path)
