"""Sends one command to ``command_server.py``, and ends with the command's exit code.

Usage: ``command_client.py SOCKET ARGUMENTS``. SIGTERM and SIGINT are passed on to the command.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

KILLED = 137
"""The exit code of a shell for a command that ended without an exit code."""


def main() -> int:
    path, *arguments = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    folder = os.getcwd()  # noqa: PTH109 - pathlib would take longer to import
    given = {"arguments": arguments, "environment": dict(os.environ), "folder": folder}
    message = json.dumps(given).encode() + b"\n"
    sent = socket.send_fds(server, [message], [0, 1, 2])
    server.sendall(message[sent:])
    answers = server.makefile()
    process = int(answers.readline())
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: os.kill(process, number))
    return int(answers.readline() or KILLED)


if __name__ == "__main__":
    sys.exit(main())
