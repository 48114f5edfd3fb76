"""Fuzz targets: a repository's own files, streams of manifests, and gzip responses."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zlib
from functools import cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fuzz.cluster_readers import Replay
from fuzz.mutation import mutated_bytes, mutated_json
from fuzz.reader import Reader
from fuzz.source_readers import CONFIG, FOLDER, KUBEVIRT, VM, yaml_texts
from support.fake_ports import FakeClock

from reconciler.cluster.api import response_body
from reconciler.cluster.api.client import Client
from reconciler.cluster.read.namespace_names import namespace_names
from reconciler.errors import ReconcilerError
from reconciler.report import findings
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader, StreamReader, WorkingTreeReader

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

MARKER = FOLDER / "program-ran"
_PROGRAM = f"touch {MARKER};cat".encode()
FILES = {
    ".git/config": b"[core]\n\tbare = false\n\tfsmonitor = %s\n\tworktree = ..\n"
    b'[filter "x"]\n\tclean = %s\n\tprocess = %s\n\trequired = true\n'
    b'[extensions]\n\tpartialClone = o\n[include]\n\tpath = a\n[remote "o"]\n\turl = ext::%s\n'
    % ((_PROGRAM,) * 4),
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".git/packed-refs": b"# pack-refs with: peeled fully-peeled sorted \n" + b"0" * 40 + b" a\n",
    ".git/objects/info/alternates": b"/nonexistent\n../..\n",
    ".git/info/attributes": b"* filter=x diff=x\n",
    ".gitattributes": b"* filter=x diff=x text eol=crlf working-tree-encoding=UTF-16\n",
    ".gitmodules": b'[submodule "a"]\n\tpath = ../a\n\turl = -u\n\tupdate = !touch a\n',
    ".git/shallow": b"0" * 40 + b"\n",
}


@cache
def _template() -> Path:
    path = FOLDER / "template"
    path.mkdir()
    (path / "a.yaml").write_bytes(b"kind: VirtualMachine\n")
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "a"),
    ):
        subprocess.run(("git", "-C", str(path), *arguments), check=True, capture_output=True)
    return path


def _files(rng: Random) -> dict[str, bytes]:
    names = rng.sample(sorted({*FILES, ".git/index"}), rng.choice((1, 2, 3)))
    index = (_template() / ".git" / "index").read_bytes()
    return {name: mutated_bytes(rng, FILES.get(name, index)) for name in names}


def _read_files(files: dict[str, bytes]) -> None:
    path = FOLDER / "hostile"
    shutil.copytree(_template(), path)
    try:
        for name, data in files.items():
            (path / name).write_bytes(data)
        os.utime(path / "a.yaml", (1, 1))
        with Repository.open(path) as opened:
            for reader in (WorkingTreeReader(opened), CommitReader(opened)):
                try:
                    reader.read()
                except ReconcilerError:
                    continue
    finally:
        shutil.rmtree(path)
    assert not MARKER.exists()


def _configured(rng: Random) -> tuple[bytes, bytes | None]:
    config = yaml_texts(rng, (CONFIG,)) if rng.random() < 0.5 else None
    return yaml_texts(rng, (VM, KUBEVIRT, CONFIG)), config


def _stream(given: tuple[bytes, bytes | None]) -> None:
    manifests, config = given
    text = None if config is None else ("c.yaml", config)
    findings.validation_json(StreamReader([("-", manifests)], config_text=text).read().state)


def _compressed(rng: Random) -> tuple[bytes, str]:
    pieces = (b"{}", b'{"items":[]}' * 100, b"a" * 20_000_000)
    chosen = rng.choice((*pieces[:2] * 20, pieces[2]))
    gzip = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    data = gzip.compress(chosen) + gzip.flush()
    if rng.random() < 0.9:
        data = mutated_bytes(rng, data)
    return data, rng.choice(("gzip", "gzip", "gzip", "identity", "br", "\xff", ""))


def _body(given: tuple[bytes, str]) -> None:
    data, encoding = given
    arriving = io.BytesIO(data)
    response = SimpleNamespace(
        read1=lambda most, **_: arriving.read(most),
        headers={"Content-Encoding": encoding},
    )
    response_body.whole(response)


def _namespaces(body: bytes) -> None:
    client = Client(Replay({"/api/v1/namespaces": body}, {}), clock=FakeClock())
    namespace_names(client)


NAMESPACES = {"kind": "NamespaceList", "metadata": {}, "items": [{"metadata": {"name": "a"}}]}
READERS = (
    Reader(
        name="gzip body", make=_compressed, read=_body, errors=(response_body.UnusableBodyError,)
    ),
    Reader(
        name="namespace names",
        make=partial(mutated_json, document=NAMESPACES),
        read=_namespaces,
        errors=(ReconcilerError,),
    ),
    Reader(
        name="repository files",
        make=_files,
        read=_read_files,
        errors=(ReconcilerError,),
        weight=80,
    ),
    Reader(
        name="configuration in a stream",
        make=_configured,
        read=_stream,
        errors=(ReconcilerError,),
        weight=10,
    ),
)
