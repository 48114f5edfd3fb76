"""Runs each ``reconciler`` command in a fork of one process that has imported the program.

Usage: ``command_server.py SOCKET``. ``command_client.py`` sends the arguments, the environment,
the working directory and the open files of a command. The server ends when its input ends.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

# What commands import later, because it takes long.
import git  # noqa: F401
import kubernetes.client
import kubernetes.config  # noqa: F401

import reconciler.cli.main

if TYPE_CHECKING:
    from types import FrameType

_LEFT_OUT = ("reconciler.simulator", "reconciler.serve", "reconciler.__main__")
_STANDARD_FILES = 3
_LONGEST_MESSAGE = 1 << 22


def main() -> None:
    signal.signal(signal.SIGCHLD, _reap)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    # Only a development tool needs this package, whose import by jsonschema takes 1.5 s.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    importlib.import_module("jsonschema")
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.startswith(_LEFT_OUT):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # so that a collection in a child copies no page of this process
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(connection)
        connection.close()


def _reap(_number: int, _frame: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _answer(connection: socket.socket) -> None:
    """Run one command in this child, send its exit code, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, _LONGEST_MESSAGE, _STANDARD_FILES)
    while not message.endswith(b"\n"):
        message += connection.recv(_LONGEST_MESSAGE)
    given = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os.environ.clear()
    os.environ.update(given["environment"])
    os.chdir(given["folder"])
    connection.sendall(b"%d\n" % os.getpid())
    code = 1
    try:
        sys.argv = ["reconciler", *given["arguments"]]
        reconciler.cli.main.entry()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - printed as Python does
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        connection.sendall(b"%d\n" % code)
        os._exit(code)


if __name__ == "__main__":
    main()
