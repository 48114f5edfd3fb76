"""``Leaks``: searches the process list and the files of a directory for secrets."""

from __future__ import annotations

from pathlib import Path


class Leaks:
    """Searches for leaked secrets while a client and its processes wait for a response."""

    def __init__(self, folder: Path, *secrets: str) -> None:
        self._folder = folder
        self._secrets = [each.encode() for each in secrets]
        self.found: set[str] = set()
        self.n_looks = 0

    def watch(self, secret: str) -> None:
        """Add a secret to search for."""
        self._secrets.append(secret.encode())

    def look(self) -> None:
        """Search the command lines and environments of all processes, and the given directory."""
        self.n_looks += 1
        places = [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")]
        for path in (*places, *self._folder.rglob("*")):
            try:
                content = path.read_bytes()
            except OSError:  # a directory, or a process that has ended or belongs to another user
                continue
            if any(each in content for each in self._secrets):
                self.found.add(str(path))
