"""Runs ``reconciler`` and records the events that Python reports to audit hooks.

Arguments: the file for the record, and the arguments of ``reconciler``. Source of the events:
docs.python.org, "Audit events table". An audit hook cannot be removed and sees every module.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHED = {
    *("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link"),
    *("os.chmod", "os.truncate", "shutil.rmtree", "ctypes.dlopen", "code.__new__"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
    *("os.forkpty", "pty.spawn", "os.startfile", "webbrowser.open"),
    *("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "socket.getaddrinfo"),
    *("socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
}
BELOW_A_FOLDER = {"os.mkdir", "os.remove", "os.rmdir"}


def recorder(path: str) -> Callable[[str, tuple], None]:
    """Return a Python audit hook that appends its events to the file at *path*."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return lambda event, arguments: record(file, event, arguments)


def record(file: int, event: str, arguments: tuple) -> None:
    """Write one line for an audit event.

    A path below an open directory is recorded with the path of this directory. The event
    ``open`` does not have this information, but opening such a directory has its own event.
    """
    if event in WATCHED:
        values = [each if isinstance(each, int) else text(each) for each in arguments]
        if event in BELOW_A_FOLDER and values[-1] >= 0:
            values[0] = str(Path(f"/proc/self/fd/{values[-1]}").readlink() / values[0])
        os.write(file, json.dumps([event, values]).encode() + b"\n")


def text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, (str, bytes, os.PathLike)) else repr(value)


def main() -> None:
    sys.addaudithook(recorder(sys.argv[1]))
    sys.argv = ["reconciler", *sys.argv[2:]]

    from reconciler.cli.main import entry  # noqa: PLC0415 - after the hook, which sees this import

    entry()


if __name__ == "__main__":
    sys.modules["rfc3987_syntax"] = None  # a development tool's package; the import takes 1.5 s
    main()
