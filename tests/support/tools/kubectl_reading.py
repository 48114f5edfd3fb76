"""``kubectl``: converts YAML to JSON with kubectl, which parses it as the API server does."""

from __future__ import annotations

import json
import subprocess


def kubectl(text):
    """Return the objects that kubectl parses from a string, or None if kubectl rejects it."""
    command = ("kubectl", "annotate", "--local", "-f", "-", "x=y", "-o", "json")
    ended = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if ended.returncode:
        return None
    found, rest = [], ended.stdout.decode()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        del value["metadata"]["annotations"]
        found.append(value)
        rest = rest[end:].lstrip()
    return found
