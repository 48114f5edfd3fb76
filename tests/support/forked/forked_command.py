"""``forked_command``: the command ``reconciler`` without the time that its imports take.

A test of a job or an action starts the command many times. Tests of the process itself, for
example of signals and closed files, start a real process instead: ``support.served.COMMAND``.
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


@cache
def forked_command() -> tuple[str, ...]:
    """Return the command, and start its server when this process calls it first."""
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
    return (sys.executable, "-I", "-S", str(FOLDER / "command_client.py"), path)
