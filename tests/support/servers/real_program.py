"""Starts a server program, and waits until it reports on stderr that it is ready."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def free_address() -> str:
    """Return a host and port on 127.0.0.1 that no process was using a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return f"127.0.0.1:{found.getsockname()[1]}"


@contextmanager
def running(*command: object, ready: str) -> Iterator[None]:
    """Run a program during the ``with`` block, which starts when stderr contains *ready*."""
    with subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            seen: list[str] = []
            for line in process.stderr:
                seen.append(line)
                if ready in line:
                    break
            else:
                raise AssertionError(f"the program ended: {''.join(seen)}")
            # The program must not block because nobody reads its log.
            reader = threading.Thread(target=process.stderr.read)
            reader.start()
            yield
        finally:
            process.kill()
        reader.join(60)
