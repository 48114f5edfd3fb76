"""``run``: runs a command as a user would, and measures its time, CPU time and memory."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = Path(sys.executable).with_name("reconciler")
"""The path of the installed command ``reconciler``."""
MB = 1e6
MODULES = Path(__file__).resolve().parents[1]
"""The directory in which Python finds the package ``bench``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The time and memory of one process, including the child processes for which it waited."""

    wall_s: float
    cpu_s: float
    """User and system CPU time in seconds."""
    peak_mb: float
    """The largest resident set of one process, in 10^6 bytes."""
    code: int
    stdout: bytes = b""


class FailedError(Exception):
    """A measured command failed; the message contains the error output of the command."""


def run(
    arguments: Sequence[str | Path], *, codes: Sequence[int] = (0,), keep: bool = False
) -> Cost:
    """Run a command, wait for its end, and return its time and memory.

    The calling process must be small, because a child's peak memory starts with the memory of the
    process that it was forked from.

    Args:
        arguments: The program and its arguments.
        codes: The exit codes that count as success.
        keep: Whether to return the output; otherwise, it is read and discarded.

    Raises:
        FailedError: The exit code of the command is not in *codes*.
    """
    start = time.perf_counter()
    with (
        # A file, since an unread pipe would fill up and block the process.
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            [str(each) for each in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
        ) as process,
    ):
        assert process.stdout is not None
        stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        said = stderr.read().decode(errors="replace").strip()[-2000:]
    if process.returncode not in codes:
        name = " ".join(Path(str(each)).name for each in arguments[:3])
        raise FailedError(f"{name} ended with {process.returncode}: {said}")
    return Cost(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * 1024 / MB,
        code=process.returncode,
        stdout=stdout if keep else b"",
    )


def environment() -> dict[str, str]:
    """Return the environment of this process without variables that affect the commands.

    The modules of an installed command are already compiled. In a checkout, the first run compiles
    them, so PYTHONDONTWRITEBYTECODE is removed.
    """
    dropped = ("RECONCILER_", "GIT_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(MODULES), kept.get("PYTHONPATH")))),
    }


def printed(module: str, *arguments: str | Path) -> bytes:
    """Run a benchmark module in a separate process, and return its output.

    Raises:
        CalledProcessError: The module failed; its stderr contains the cause.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, env=environment(), check=True).stdout


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each field of several process measurements."""
    return Cost(
        wall_s=statistics.median(each.wall_s for each in costs),
        cpu_s=statistics.median(each.cpu_s for each in costs),
        peak_mb=statistics.median(each.peak_mb for each in costs),
        code=costs[0].code,
    )


def found(program: str) -> str | None:
    """Return the path of a program on PATH, or None if it is not installed."""
    return shutil.which(program)


def has_option(command: str, option: str) -> bool:
    """Return whether a command of the installed version already has an option."""
    return option.encode() in run([COMMAND, command, "--help"], keep=True).stdout
