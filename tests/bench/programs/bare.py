"""Does the minimum work of a plan with bare libraries.

The program lists pages with urllib3 and orjson, and reads Git with ``git cat-file --batch`` and
ryaml. ``python -m bench.programs.bare`` does this once in its own process and prints a line of
JSON; the time for imports is not included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import ryaml
from bench.floor import Floor
from kubernetes import client

from reconciler.cluster.api import kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator

VMS, VMIS = "virtualmachines", "virtualmachineinstances"
MIGRATIONS = "virtualmachineinstancemigrations"
LISTS = (VMS, VMIS, MIGRATIONS)
PAGE = 500


class Bare:
    """One keep-alive HTTP connection to an API server."""

    def __init__(self, path: Path | None) -> None:
        api = client.ApiClient(kubeconfig.load(str(path) if path else None, None))
        self._host = api.configuration.host
        self._pool = api.rest_client.pool_manager
        token = api.configuration.get_api_key_with_prefix("BearerToken")
        self._headers = {
            "accept": "application/json",
            **({"authorization": token} if token else {}),
        }

    def get(self, path: str) -> bytes:
        answer = self._pool.request("GET", self._host + path, headers=self._headers)
        if answer.status != 200:
            raise SystemExit(f"GET {path} failed with status {answer.status}")
        body: bytes = answer.data
        return body

    def patch(self, path: str, ops: list[dict[str, Any]]) -> int:
        headers = {**self._headers, "content-type": "application/json-patch+json"}
        url, body = self._host + path, orjson.dumps(ops)
        status: int = self._pool.request("PATCH", url, headers=headers, body=body).status
        return status


def pages(bare: Bare, plural: str) -> Iterator[tuple[bytes, float, float]]:
    """Yield each page of a list, with the wall-clock and CPU seconds of its decoding."""
    token = ""
    while True:
        onward = f"&continue={quote(token)}" if token else ""
        body = bare.get(f"/apis/kubevirt.io/v1/{plural}?limit={PAGE}{onward}")
        start, start_cpu = time.perf_counter(), time.process_time()
        token = orjson.loads(body)["metadata"].get("continue") or ""
        yield body, time.perf_counter() - start, time.process_time() - start_cpu
        if not token:
            return


def blobs(repo: Path) -> list[bytes]:
    """Read every manifest of the commit with two git processes."""
    git = ("git", "-C", str(repo))
    tree = subprocess.run([*git, "ls-tree", "-r", "-z", "HEAD"], capture_output=True, check=True)
    entries = [entry.split(b"\t", 1) for entry in tree.stdout.split(b"\0") if entry]
    wanted = [meta.split()[2] for meta, path in entries if path.endswith((b".yaml", b".yml"))]
    batch = subprocess.run(
        [*git, "cat-file", "--batch"],
        input=b"\n".join(wanted) + b"\n",
        capture_output=True,
        check=True,
    )
    found, at = [], 0
    for _ in wanted:
        end = batch.stdout.index(b"\n", at)
        size = int(batch.stdout[at:end].split()[2])
        found.append(batch.stdout[end + 1 : end + 1 + size])
        at = end + 2 + size
    return found


def measure(path: Path | None, repo: Path, *, cluster: bool = True) -> Floor:
    """Do the minimum work of a plan once, and return the measurements."""
    list_s = dict.fromkeys(LISTS, 0.0)
    decode_s = decode_cpu_s = 0.0
    n_pages = n_bytes = 0
    bare = Bare(path) if cluster else None
    for plural in LISTS if bare else ():
        start = time.perf_counter()
        for body, took_s, took_cpu_s in pages(bare, plural):
            n_pages, n_bytes = n_pages + 1, n_bytes + len(body)
            decode_s, decode_cpu_s = decode_s + took_s, decode_cpu_s + took_cpu_s
        list_s[plural] = time.perf_counter() - start
    start = time.perf_counter()
    texts = blobs(repo)
    git_s = time.perf_counter() - start
    start = time.perf_counter()
    for text in texts:
        ryaml.loads_all(text.decode())
    yaml_s = time.perf_counter() - start
    return Floor(
        list_s=sum(list_s.values()),
        list_vms_s=list_s[VMS],
        decode_s=decode_s,
        decode_cpu_s=decode_cpu_s,
        git_s=git_s,
        yaml_s=yaml_s,
        pages=n_pages,
        n_bytes=n_bytes,
        n_blobs=len(texts),
    )


def main() -> None:
    """Measure the minimum work of a plan once, and print the result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path)
    options = parser.parse_args()
    found = measure(options.kubeconfig, options.repo)
    sys.stdout.write(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
