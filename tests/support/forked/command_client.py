"""Sends one command to ``command_server.py``, and exits with the command's exit code.

Usage: ``command_client.py SOCKET ARGUMENTS``. SIGTERM and SIGINT are passed on to the command.
"""

from __future__ import annotations

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120 - pathlib takes longer to import

from command_message import PROGRAM, connect

SHELL_SIGNAL = 128
"""The number that a shell adds to a signal number to form the exit code of a killed command."""


def main() -> int:
    path, *arguments = sys.argv[1:]
    responses = connect(path, PROGRAM, arguments, (0, 1, 2)).makefile()
    process = int(responses.readline())
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: os.kill(process, number))
    code = int(responses.readline())
    return code if code >= 0 else SHELL_SIGNAL - code


if __name__ == "__main__":
    sys.exit(main())
