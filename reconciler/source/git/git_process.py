"""``execute``: runs the git program without prompts and hooks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from reconciler.errors import SourceError
from reconciler.source.git import git_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "maintenance.auto=false"),
)
ENVIRONMENT = {
    "LANGUAGE": "C",  # messages are compared with English words
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` would otherwise write to the index
    "GIT_NO_REPLACE_OBJECTS": "1",  # read exactly the commit that has the hash
    "GIT_NO_LAZY_FETCH": "1",  # reads never use the network
}
_TRAILER = "fatal: Could not read from remote repository."
MAX_OUTPUT_BYTES = 1_000_000
"""The maximum output, in bytes, of a git command that should print only a few lines."""
_LIMITED = "trap '' XFSZ && ulimit -f $0 && exec \"$@\""
"""A shell script that limits the size of files, and then runs the program in its arguments.

The script ignores SIGXFSZ, which would otherwise end git without an error message.
"""
_LIMIT_UNIT = 512
"""The unit of ``ulimit -f``, in bytes. Source: POSIX.1-2017, ulimit."""
_RUNNING: set[subprocess.Popen[bytes]] = set()
"""The git commands that ``execute`` is running, in all threads."""
_TERMINATE_S = 2.0
"""The time in seconds that git has after SIGTERM to remove its lock files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The output and the exit status of one git command."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def reason(self) -> str:
        """Git's error message, in one line."""
        lines = [line.strip() for line in self.stderr.split("\n") if line.strip()]
        # If a transport fails, git prints a general message after the reason.
        lines = lines[: lines.index(_TRAILER)] or lines if _TRAILER in lines else lines
        fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
        reason = (fatal or lines or [f"exit status {self.status}"])[-1]
        return reason.removeprefix("fatal: ").removeprefix("error: ")


class Drain(Thread):
    """Reads a pipe in a thread, so that git never blocks, and keeps only the last bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._last = deque[bytes](maxlen=2)
        self.n_bytes = 0
        """The number of bytes read from the pipe so far."""
        self.start()

    def run(self) -> None:
        """Read git's output from the pipe until git closes the pipe; runs in a thread."""
        with self._pipe:
            while piece := self._pipe.read(MAX_OUTPUT_BYTES):
                self.n_bytes += len(piece)
                self._last.append(piece)

    @property
    def last(self) -> bytes:
        """The last ``MAX_OUTPUT_BYTES`` or more bytes of git's output; all of a shorter output."""
        return b"".join(self._last)


def execute(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str] | None = None,
    descriptors: tuple[int, ...] = (),
    max_file_bytes: int | None = None,
    timeout_s: float | None = None,
) -> Output:
    """Run git in a directory without prompts, and wait until git ends.

    The memory for git's output is bounded, because a remote server can send any number of
    messages. Only the last error messages are kept. git inherits *descriptors*, and cannot write a
    file with more than *max_file_bytes*.

    Raises:
        SourceError: git is not installed, or prints more than ``MAX_OUTPUT_BYTES``.
        TimeoutError: git took longer than *timeout_s* and was stopped, with its child processes.
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    process = started(
        folder,
        arguments,
        environment=environment,
        descriptors=descriptors,
        max_file_bytes=max_file_bytes,
    )
    _RUNNING.add(process)
    try:
        stdout = Drain(cast("IO[bytes]", process.stdout))
        stderr = Drain(cast("IO[bytes]", process.stderr))
        for each in (stdout, stderr):
            each.join(None if until is None else max(until - time.monotonic(), 0))
        is_done = not stdout.is_alive() and not stderr.is_alive()
        status = process.wait() if is_done else None
    except BaseException:
        _end(process)
        raise
    finally:
        _RUNNING.discard(process)
    if status is None:
        _end(process)
        raise TimeoutError(f"git took longer than {timeout_s:g} s")
    if stdout.n_bytes > MAX_OUTPUT_BYTES:
        raise SourceError(f"git {arguments[0]} prints more than {MAX_OUTPUT_BYTES:,} bytes")
    return Output(status=status, stdout=stdout.last, stderr=stderr.last.decode("utf-8", "replace"))


def started(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str] | None = None,
    descriptors: tuple[int, ...] = (),
    max_file_bytes: int | None = None,
    stdin: int | BinaryIO = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start git in a directory without prompts.

    Raises:
        SourceError: git is not installed, or the directory does not exist.
    """
    limit: tuple[str, ...] = ()
    if max_file_bytes is not None:
        if shutil.which("git") is None:
            raise no_git()
        limit = ("/bin/sh", "-c", _LIMITED, str(max_file_bytes // _LIMIT_UNIT))
    try:
        return subprocess.Popen(  # noqa: S603 - the callers check the arguments
            (*limit, "git", *_OPTIONS, *arguments),
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**git_environment.for_reading(), **ENVIRONMENT, **(environment or {})},
            pass_fds=descriptors,
            start_new_session=True,  # one signal ends git and its transport helpers
        )
    except FileNotFoundError as error:
        if error.filename == "git":
            raise no_git() from error
        if not folder.exists():
            # A long-running process removes clones that it no longer reads; users remove caches.
            raise SourceError(
                f"the repository {folder} no longer exists", hint="run the command again"
            ) from error
        raise


@contextmanager
def running(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    stdin: int | BinaryIO = subprocess.DEVNULL,
) -> Iterator[tuple[subprocess.Popen[bytes], Drain]]:
    """Run git in a directory without prompts while the ``with`` block reads the output.

    Yields the running process, and an object that collects git's last error messages.

    Raises:
        SourceError: git is not installed.
    """
    process = started(folder, arguments, environment=environment, stdin=stdin)
    try:
        yield process, Drain(cast("IO[bytes]", process.stderr))
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def file_in_memory() -> IO[bytes]:
    """Open an empty in-memory file, or a temporary file if the system cannot create one."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("reconciler"), "w+b")
    return tempfile.TemporaryFile()


def no_git() -> SourceError:
    """Return the error that says that git is not installed."""
    return SourceError("git is not installed", hint="install git, or set PATH")


def end_running() -> None:
    """Stop every git command that ``execute`` is running, because this process is ending.

    Otherwise, a git command that waits for a server would continue to run.
    """
    for process in tuple(_RUNNING):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop git and its child processes with SIGTERM, so that git removes its lock files.

    If git does not end in time, it gets SIGKILL.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=_TERMINATE_S)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break
