"""``run_id``: names this process in leases, Events and reports."""

from __future__ import annotations

import os
import secrets
import socket

from reconciler.escaping import printable


def run_id() -> str:
    """Return a unique name for this run: pod or host name, process ID, and a random part.

    The random part is needed because pods on one host network share the host name, and the first
    process of each pod has the ID 1.
    """
    host = os.environ.get("HOSTNAME") or socket.gethostname()
    return printable(f"{host}-{os.getpid()}-{secrets.token_hex(3)}")
