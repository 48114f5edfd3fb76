"""``ForkedProcess``: starts ``reconciler`` in a process without the time that its imports take."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import IO, Self

from support.forked.command_message import PROGRAM, connect
from support.forked.forked_command import server_socket

USUAL_START_S = 0.4
"""How long a command usually takes to start and to send its first requests, in seconds."""


class ForkedProcess:
    """A started command, used like ``subprocess.Popen``.

    Args:
        arguments: The arguments of the command.
        program: The ``module:function`` to call, by default the command ``reconciler``.
        output: A file for stdout and stderr; without it, both are pipes.
        folder: The working directory, by default that of this process.
        environment: The environment variables, by default those of this process.
    """

    def __init__(
        self,
        *arguments: object,
        program: str = PROGRAM,
        output: IO[bytes] | None = None,
        folder: Path | str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.began = monotonic()
        self.returncode: int | None = None
        pipes = [] if output else [os.pipe(), os.pipe()]
        first, last = [output.fileno()] * 2 if output else [end for _, end in pipes]
        with Path(os.devnull).open("rb") as nothing:
            files = (nothing.fileno(), first, last)
            server = connect(
                *(server_socket(), program, [*map(str, arguments)], files),
                folder=str(folder),
                environment=environment,
            )
        for _, end in pipes:
            os.close(end)
        self.stdout, self.stderr = [os.fdopen(end) for end, _ in pipes] or (None, None)
        responses = server.makefile()
        server.close()
        self.pid = int(responses.readline())
        self._ended = Event()
        Thread(target=self._await_end, args=(responses,), daemon=True).start()

    def _await_end(self, responses: IO[str]) -> None:
        with responses:
            self.returncode = int(responses.readline())
        self._ended.set()

    def slowness(self) -> float:
        """Return how much slower than usual this process started, as a factor.

        Tests multiply their longest timeouts by this factor, because a busy machine is slow.
        """
        return max(1.0, (monotonic() - self.began) / USUAL_START_S)

    def poll(self) -> int | None:
        """Return the exit code of the process, or None if it is still running."""
        return self.returncode

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until the process ends; return its exit code, which is negative after a signal."""
        if not self._ended.wait(timeout_s):
            raise TimeoutError(f"process {self.pid} has not ended after {timeout_s:g} s")
        assert self.returncode is not None
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """Wait until the process ends, and return the rest of stdout and stderr."""
        assert self.stdout is not None
        assert self.stderr is not None
        errors: list[str] = []
        reader = Thread(target=lambda: errors.append(self.stderr.read()))
        reader.start()
        output = self.stdout.read()
        reader.join()
        self.wait()
        return output, errors[0]

    def send_signal(self, number: int) -> None:
        """Send a signal to the process if it is still running."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end with SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
