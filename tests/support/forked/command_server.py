"""Runs each command in a fork of one process that has already imported the program.

Usage: ``command_server.py SOCKET``. ``forked_process.py`` and ``command_client.py`` send the
program, its arguments, the environment, the working directory and the open files of a command.
The server responds with the process ID, and with the exit code when the command has ended. The
server exits when its standard input is closed.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

# What commands import later, because it takes long.
import git  # noqa: F401
import kubernetes.client
import kubernetes.config  # noqa: F401
import uvicorn  # noqa: F401

import reconciler.cli.main

_TESTS = Path(__file__).resolve().parents[2]
_LEFT_OUT = ("reconciler.simulator", "reconciler.__main__")
_STANDARD_FILES = 3
_LONGEST_MESSAGE = 1 << 22


def main() -> None:
    running: dict[int, socket.socket] = {}
    signal.signal(signal.SIGCHLD, lambda *_: _report_ended(running))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    # Only a development tool needs this package, whose import by jsonschema takes 1.5 s.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    sys.path.append(str(_TESTS))
    importlib.import_module("jsonschema")
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.startswith(_LEFT_OUT):
            importlib.import_module(module.name)
    reconciler.cli.main._command()
    gc.collect()
    gc.freeze()  # so that a collection in a child copies no page of this process
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        number = os.fork()
        if number == 0:
            listener.close()
            for other in running.values():
                other.close()
            _run(connection)
        running[number] = connection
        connection.sendall(b"%d\n" % number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _report_ended(running: dict[int, socket.socket]) -> None:
    """Send the exit code of each ended command, which is negative after a signal."""
    with suppress(ChildProcessError):
        while True:
            number, status = os.waitpid(-1, os.WNOHANG)
            if number == 0:
                return
            with running.pop(number) as connection, suppress(OSError):
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _run(connection: socket.socket) -> None:
    """Run one command in this child process, and exit."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The tests may run in the background of a shell, whose processes ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    message, files, _, _ = socket.recv_fds(connection, _LONGEST_MESSAGE, _STANDARD_FILES)
    while not message.endswith(b"\n"):
        message += connection.recv(_LONGEST_MESSAGE)
    connection.close()
    given = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os.environ.clear()
    os.environ.update(given["environment"])
    os.chdir(given["folder"])
    resource.setrlimit(resource.RLIMIT_FSIZE, tuple(given["file_size"]))
    code = 1
    try:
        module, function = given["program"].split(":")
        sys.argv = ["reconciler", *given["arguments"]]
        getattr(importlib.import_module(module), function)()
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
        os._exit(code)


if __name__ == "__main__":
    main()
