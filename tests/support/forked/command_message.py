"""``connect``: sends a command to ``command_server.py``."""

from __future__ import annotations

import json
import os
import resource
import socket

PROGRAM = "reconciler.cli.main:entry"
"""The function that runs the command ``reconciler``."""


def connect(
    path: str,
    program: str,
    arguments: list[str],
    files: tuple[int, int, int],
    *,
    folder: str = "",
    environment: dict[str, str] | None = None,
) -> socket.socket:
    """Send a command, its environment and its standard files to the server at *path*.

    The working directory and the environment are those of this process by default. The server
    sends two lines: the process ID, and the exit code when the process ends. The exit code is
    negative if a signal ended the process.
    This process's limit for the size of files also applies to the command.
    """
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    given = {
        "program": program,
        "arguments": arguments,
        "environment": dict(os.environ if environment is None else environment),
        "folder": folder or os.getcwd(),  # noqa: PTH109 - pathlib takes longer to import
        "file_size": resource.getrlimit(resource.RLIMIT_FSIZE),
    }
    message = json.dumps(given).encode() + b"\n"
    sent = socket.send_fds(server, [message], files)
    server.sendall(message[sent:])
    return server
