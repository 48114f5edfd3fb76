"""Runs the git program without prompts and hooks: ``execute``."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from reconciler.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from git import Git

_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "maintenance.auto=false"),
)
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` would otherwise write to the index
    "GIT_NO_REPLACE_OBJECTS": "1",  # read exactly the commit that has the hash
    "GIT_NO_LAZY_FETCH": "1",  # reads never use the network
}
_TRAILER = "fatal: Could not read from remote repository."
_TERMINATE_S = 2.0
"""The time, in seconds, in which git may remove its lock files after SIGTERM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The result of one git command."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def reason(self) -> str:
        """Git's error message, in one line."""
        lines = [line.strip() for line in self.stderr.split("\n") if line.strip()]
        # If a transport fails, git prints a general text after the reason.
        lines = lines[: lines.index(_TRAILER)] or lines if _TRAILER in lines else lines
        fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
        reason = (fatal or lines or [f"exit status {self.status}"])[-1]
        return reason.removeprefix("fatal: ").removeprefix("error: ")


def execute(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Output:
    """Run git in *folder* without prompts, and wait until git ends.

    Raises:
        SourceError: git is not installed.
        TimeoutError: git took longer than *timeout_s* and was stopped, with its child processes.
    """
    process = started(folder, arguments, environment=environment)
    popen = cast("subprocess.Popen[bytes]", process.proc)
    try:
        stdout, stderr = popen.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        _end(popen)
        raise TimeoutError(f"git took longer than {timeout_s:g} s") from error
    except BaseException:
        _end(popen)
        raise
    return Output(status=popen.returncode, stdout=stdout, stderr=stderr.decode("utf-8", "replace"))


def started(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: BinaryIO | None = None,
) -> Git.AutoInterrupt:
    """Start git in *folder* without prompts; deleting the result stops git.

    Raises:
        SourceError: git is not installed.
    """
    try:
        from git import Git  # noqa: PLC0415 - takes 0.2 s and looks for the git program
        from git.exc import GitCommandNotFound  # noqa: PLC0415 - as above
    except ImportError as error:
        raise no_git() from error
    try:
        return Git(str(folder)).execute(
            ["git", *_OPTIONS, *arguments],
            istream=stdin,
            as_process=True,
            env={**ENVIRONMENT, **(environment or {})},
            start_new_session=True,  # one signal ends git and its transport helpers
        )
    except GitCommandNotFound as error:
        raise no_git() from error


@contextmanager
def running(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    stdin: BinaryIO | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run git in *folder* without prompts while the block reads its output.

    Raises:
        SourceError: git is not installed.
    """
    process = started(folder, arguments, environment=environment, stdin=stdin)
    popen = cast("subprocess.Popen[bytes]", process.proc)
    try:
        yield popen
    finally:
        popen.kill()
        popen.communicate()


def no_git() -> SourceError:
    """Return the error for a machine on which git is not installed."""
    return SourceError("git is not installed", hint="install git, or set PATH")


def _end(popen: subprocess.Popen[bytes]) -> None:
    """Stop git and its child processes; git removes its lock files on SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(popen.pid, number)
            popen.communicate(timeout=_TERMINATE_S)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break
