"""``run_audited``: runs a command, and records all files, programs and hosts that it uses."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.forked.forked_process import ForkedProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = Path(__file__).with_name("audited_program.py")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.chmod")
_PROGRAMS = (
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "pty.",
    "os.fork",
)
_WRAPPER = """#!/bin/sh
GIT_TRACE2_EVENT={traces} exec {git} "$@"
"""
"""Enables git's own trace of the programs that it starts; the product unsets this variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The output of a command, and the files, programs and hosts that it used."""

    code: int
    out: str
    err: str
    folder: Path
    events: tuple[tuple[str, list], ...]
    git_children: tuple[tuple[str, ...], ...]
    """The command lines of the programs that git started."""

    @property
    def opened(self) -> set[str]:
        """The absolute paths that the command opened, without resolving symbolic links."""
        return {self._absolute(a[0]) for name, a in self.events if name == "open" and _path(a[0])}

    @property
    def changed(self) -> set[str]:
        """The absolute paths that the command wrote, created, renamed or deleted."""
        found = {
            self._absolute(a[0])
            for name, a in self.events
            if name == "open" and _path(a[0]) and int(a[2]) & _WRITES
        }
        return found | {
            self._absolute(each)
            for name, a in self.events
            if name in _CHANGES
            for each in a[:2]
            if _path(each)
        }

    @property
    def programs(self) -> list[tuple[str, ...]]:
        """The command lines of the programs that the Python process started."""
        started = [(name, a) for name, a in self.events if name.startswith(_PROGRAMS)]
        assert all(name == "subprocess.Popen" for name, _ in started), started
        return [tuple(ast.literal_eval(a[1])) for _, a in started]

    @property
    def contacted(self) -> set[str]:
        """The hosts and names that the Python process connected to, sent to, or looked up."""
        names = ("connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr")
        return {
            a[-1] if "get" not in name else a[0]
            for name, a in self.events
            if name.removeprefix("socket.") in names and name.startswith("socket.")
        }

    def _absolute(self, path: str) -> str:
        return os.path.normpath(self.folder / path)


def run_audited(
    *arguments: object,
    folder: Path,
    record: Path,
    environment: Mapping[str, str],
    imports: bool = False,
) -> Audited:
    """Run ``reconciler ARGUMENTS`` in *folder*, and write records to the directory *record*.

    If *imports* is true, a new interpreter runs the command, and its imports are recorded as well.
    This takes 2 s longer than the usual fork of a process that has imported the program.
    """
    git = shutil.which("git")
    assert git
    record.mkdir()
    (record / "git").mkdir()
    (record / "bin").mkdir()
    wrapper = record / "bin" / "git"
    wrapper.write_text(_WRAPPER.format(traces=record / "git", git=git))
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{os.environ['PATH']}"
    given = [str(record / "events"), *map(str, arguments)]
    environment = {**environment, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    run = _interpreted if imports else _forked
    code, out, err = run(given, folder, environment)
    events = map(json.loads, (record / "events").read_text().splitlines())
    return Audited(
        code=code,
        out=out,
        err=err,
        folder=folder,
        events=tuple((name, values) for name, values in events),
        git_children=tuple(_children(record / "git")),
    )


def _interpreted(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def _forked(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> tuple[int, str, str]:
    program = "support.trust.audited_program:main"
    with ForkedProcess(
        *arguments, program=program, folder=folder, environment=environment
    ) as started:
        out, err = started.communicate()
    return started.wait(), out, err


def _children(traces: Path) -> list[tuple[str, ...]]:
    """Return the programs in git's trace; see git's api-trace2, events child_start and exec."""
    found = []
    for file in sorted(traces.iterdir()):
        for line in file.read_text(errors="replace").splitlines():
            event = json.loads(line)
            if event["event"] in {"child_start", "exec"}:
                found.append(tuple(event["argv"]))
    return found


def _path(value: object) -> bool:
    return isinstance(value, str)
