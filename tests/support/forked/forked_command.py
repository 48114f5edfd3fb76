"""Starts the command ``reconciler`` without the time that its imports take.

Use ``ForkedProcess`` in a test that starts the command itself. Tests of how a process starts,
for example with closed files, start a real process instead: ``support.served.COMMAND``.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).resolve().parent


def forked_command() -> tuple[str, ...]:
    """Return the command line with which a shell or another program starts ``reconciler``."""
    return (sys.executable, "-I", "-S", str(FOLDER / "command_client.py"), server_socket())


@cache
def server_socket() -> str:
    """Return the socket of the command server, which the first call starts."""
    folder = TemporaryDirectory(prefix="reconciler-command-")
    path = f"{folder.name}/socket"
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    server = subprocess.Popen(
        [sys.executable, str(FOLDER / "command_server.py"), path],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return path
