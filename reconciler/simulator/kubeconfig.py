"""Builds a kubeconfig for the simulated cluster."""

from __future__ import annotations

import io
from typing import Final

from ruamel.yaml import YAML

_NAME: Final = "simulator"


def render(url: str, token: str) -> str:
    """Builds a kubeconfig with one context for the simulated cluster.

    Args:
        url: The URL of the API server, such as `http://127.0.0.1:PORT`.
        token: The bearer token of the user.
    """
    context = {"cluster": _NAME, "user": _NAME, "namespace": "default"}
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
