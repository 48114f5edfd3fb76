"""Measures how fast files without a VirtualMachine or KubeVirt object are skipped."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import processes

from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader, StreamReader, WorkingTreeReader

if TYPE_CHECKING:
    from reconciler.ports import DesiredReader

_N_FILES = 40
_HEAD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n"
_FIELD = (
    '  f{n}:\n    description: |-\n      What "f{n}" says.\n      It goes on.\n    type: string\n'
)
_GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid")


def megabytes_per_s() -> dict[str, float]:
    """Measure how fast about 16 MB of CRDs are skipped in a commit, a directory and a stream."""
    data = (_HEAD + "".join(_FIELD.format(n=n) for n in range(5_000))).encode()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(_N_FILES):
            (folder / f"{n}.yaml").write_bytes(data)
        for step in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "foreign")):
            processes.run([*_GIT, "-C", folder, *step])
        with Repository.open(folder) as repository:
            readers: dict[str, DesiredReader] = {
                "commit": CommitReader(repository),
                "working tree": WorkingTreeReader(repository),
                "stream": StreamReader([(f"{n}.yaml", data) for n in range(_N_FILES)]),
            }
            return {
                each: _N_FILES * len(data) / 1e6 / _seconds(reader)
                for each, reader in readers.items()
            }


def _seconds(reader: DesiredReader) -> float:
    before = time.perf_counter()
    reader.read()
    return time.perf_counter() - before
