"""Converts YAML to JSON with kubectl, which reads it as the API server does: ``kubectl``."""

from __future__ import annotations

import json
import subprocess


def kubectl(text):
    """Return the objects that kubectl reads from a text, or None if kubectl rejects the text."""
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
