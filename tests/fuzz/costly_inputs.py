"""Small inputs that once took much time or memory: ``python -m fuzz.costly_inputs [NAME ...]``.

Each input is read within limits of the operating system, in the order of the table. The program
prints each name before it reads the input, and then the CPU time and the peak memory.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from reconciler.cluster.api import api_errors, kubeconfig
from reconciler.cluster.decode import list_stream, spare_capacity, workloads
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.errors import ReconcilerError, SourceError
from reconciler.model.desired.config import Config
from reconciler.report import findings
from reconciler.simulator.apiserver.reading import selectors
from reconciler.simulator.encoding import go_json
from reconciler.simulator.kubevirt import cluster_config, versions
from reconciler.source.config_file import parse_config
from reconciler.source.git import repository_url
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.file_selection import select
from reconciler.source.git.file_tree import Entry, EntryKind
from reconciler.source.git.repository import Repository
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.readers import StreamReader, WorkingTreeReader
from reconciler.source.result_file import read_result
from reconciler.source.stdin_and_files import read_inputs

CPU_S = 8
"""The maximum CPU seconds for one input; the slowest input takes about a second."""
MEMORY_BYTES = 1 << 30
"""The maximum address space for all inputs; the example CronJob has 512 MiB of memory."""

_VM = (
    b"apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: a, namespace: b}\nspec:\n"
)
_CONFIG = b"apiVersion: reconciler/v1alpha1\nkind: Config\n"


def _manifests(data: bytes) -> None:
    findings.validation_text(StreamReader([("a.yaml", data)]).read().state)


def _config(data: bytes) -> None:
    parse_config(SourceFile(path=".reconciler.yaml"), data)


def _objects(item: bytes, n_items: int) -> None:
    """Decode a list of *n_items* equal objects as a page of VMs, and as a stream of pods."""
    body = b'{"kind":"PodList","metadata":{},"items":[%b]}' % ((item + b",") * n_items + item)
    with suppress(UnreadableError):
        workloads.VMS.page(body)
        raise AssertionError("the number of objects on a page is not limited")
    with suppress(ValueError):
        spare_capacity.PODS.each(list_stream.objects([body], "pods"))
        raise AssertionError("the number of objects in a list is not limited")


def _world(data: bytes) -> None:
    with suppress(go_json.MalformedError):
        go_json.loads_yaml(data)


@dataclass(frozen=True)
class _Tree:
    entries_: tuple[Entry, ...]
    revision: str = "a"

    def entries(self) -> tuple[Entry, ...]:
        return self.entries_


def _select(n_paths: int, n_files: int) -> None:
    names = (f"d{n // 100}/f{n}.yaml" for n in range(n_files))
    entries = (
        Entry(path=name, kind=EntryKind.FILE, mode="100644", blob="b", size=9) for name in names
    )
    folders = tuple(f"p{n}" for n in range(n_paths))
    select(_Tree(tuple(entries)), Config(paths=folders, exclude=folders))


def _nested_tree() -> None:
    """List the files of a small Git tree that expands to 10^12 files."""
    with TemporaryDirectory() as folder:

        def git(*arguments: str, stdin: str = "") -> str:
            command = ("git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c")
            done = subprocess.run(
                (*command, *arguments), input=stdin, text=True, check=True, capture_output=True
            )
            return done.stdout.strip()

        git("init", "--quiet", "--bare")
        tree = git("mktree", stdin=f"100644 blob {git('hash-object', '-w', '--stdin')}\ta.yaml\n")
        for _ in range(12):
            tree = git("mktree", stdin="".join(f"040000 tree {tree}\t{c}\n" for c in "abcdefghij"))
        commit = git("commit-tree", "-m", "a", tree)
        git("update-ref", "refs/heads/main", commit)
        git("repack", "-adq")  # otherwise, git opens the file of the blob for each of its names
        with Repository.open(folder) as repository:
            try:
                CommitTree(repository, repository.resolve(commit)).entries()
            except SourceError as error:
                assert "about 500,000 files" in str(error)  # noqa: PT017
            else:
                raise AssertionError("the list has an end")


def _status(message: str) -> None:
    body = json.dumps({"kind": "Status", "message": message}).encode()
    answer = api_errors.Answer(method="GET", path="/api/v1/nodes", status=422, body=body)
    assert len(str(api_errors.from_answer(answer, "host"))) < 500


def _merges(n_documents: int) -> bytes:
    base = b"  base: &b {" + b",".join(b"k%d: 1" % n for n in range(2_500)) + b"}\n  y:\n"
    return b"---\n".join([_VM + base + b"  - {<<: *b}\n" * 2_000] * n_documents)


def _duration(text: str) -> None:
    strategy = {"batchEvictionInterval": text}
    kubevirt = {"spec": {"workloadUpdateStrategy": strategy}}
    cluster_config.read_config(kubevirt, versions.behaviour("v1.9.0"))


def _selectors(text: str) -> None:
    for parse in (selectors.parse_labels, lambda each: selectors.parse_fields("pods", each)):
        with suppress(selectors.SelectorError):
            parse(text)


def _kubeconfig(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.write_bytes(data)
        with suppress(ReconcilerError):
            kubeconfig.load(str(path), None)


def _result(objects: str) -> None:
    """Read a plan file whose ``objects`` field is malformed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        path.write_text(f'{{"kind":"Plan","objects":[{objects}]}}')
        with suppress(SourceError):
            read_result(path)
            raise AssertionError("the plan is accepted")


def _working_tree() -> None:
    """Read a working tree with many files, large files and many Git filters."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        subprocess.run(("git", "init", "--quiet", folder), check=True)
        drivers = "".join(f'[filter "f{n}"]\n\tclean = false\n' for n in range(1_000))
        with (root / ".git" / "config").open("a") as file:
            file.write(drivers)
        (root / ".gitattributes").write_text(
            "".join(f"*.a{n} filter=f{n}\n" for n in range(1_000))
        )
        for n in range(1_000):
            (root / f"{n}.yaml").touch()
        (root / "large.yaml").write_bytes(_VM + b"  x: " + b"ab " * 3_300_000)
        (root / "vast.yaml").write_bytes(b"a" * 60_000_000)
        with Repository.open(root) as repository:
            reading = WorkingTreeReader(repository).read()
        assert len(reading.state.vms) == 1


def _many_references() -> None:
    """Look for a missing branch among 100,000 branches."""
    with TemporaryDirectory() as folder:
        subprocess.run(("git", "init", "--quiet", "--bare", folder), check=True)
        lines = (f"{'a' * 40} refs/heads/{n:06}\n" for n in range(100_000))
        (Path(folder) / "packed-refs").write_text("# pack-refs with: sorted \n" + "".join(lines))
        with Repository.open(folder) as repository:
            try:
                repository.resolve("absent")
            except SourceError:
                return
            raise AssertionError("the branch exists")


def _rendered_stream() -> None:
    """Read a 40 MB stream of manifests from standard input, such as the output of kustomize."""
    foreign = b"apiVersion: v1\nkind: ConfigMap\ndata: {a: '" + b"x" * 40_000 + b"'}\n---\n"
    data = b"".join(
        foreign + _VM.replace(b"name: a", b"name: a%d" % n) + b"---\n" for n in range(1_000)
    )
    sys.stdin = io.TextIOWrapper(io.BytesIO(data))
    config = (".reconciler.yaml", _CONFIG)
    StreamReader(read_inputs(["-"]), config_text=config).read()


INPUTS = {
    "objects of JSON on one line": lambda: _manifests(b'{"kind":"VirtualMachine"}' * 5_000),
    "objects of JSON on many lines": lambda: _manifests(b'{"kind":"KubeVirt"}\n' * 5_000),
    "document ends": lambda: _manifests(b"kind: VirtualMachine\n" + b"...\n---\na: 1\n" * 20_000),
    "an unquoted line of 10 MB": lambda: _manifests(_VM + b"  x: " + b"a" * 9_900_000),
    "unquoted words of 10 MB": lambda: _manifests(_VM + b"  x: " + b"ab " * 3_300_000),
    "a number of 1 MB": lambda: _manifests(_VM + b"  x: " + b"1" * 1_000_000),
    "a quantity of 250 kB": lambda: _manifests(
        _VM + b"  template: {spec: {domain: {memory: {guest: '" + b"1" * 250_000 + b"'}}}}"
    ),
    "merges of a large mapping": lambda: _manifests(_merges(3)),
    "keys before a merge of many mappings": lambda: _manifests(
        _VM
        + b"  b: &b {}\n  y: {"
        + b"".join(b"k%d: 1," % n for n in range(8_000))
        + b"<<: ["
        + b",".join([b"*b"] * 25_000)
        + b"]}"
    ),
    "a merge of many mappings": lambda: _manifests(
        _VM + b"  y: {<<: [" + b",".join(b"{a%d: 1}" % n for n in range(10_000)) + b"]}"
    ),
    "aliases of aliases": lambda: _manifests(
        _VM
        + b"  a0: &a0 [1,2,3,4,5,6,7,8,9,0]\n"
        + b"".join(
            b"  a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10))
            for n in range(1, 9)
        )
    ),
    "anchors": lambda: _manifests(
        _VM + b"  x: [" + b",".join(b"&a%d 1" % n for n in range(25_000)) + b"]"
    ),
    "equal keys": lambda: _manifests(_VM + b"  x: {" + b",".join([b"a: 1"] * 40_000) + b"}"),
    "documents": lambda: _manifests(b"---\na: 1\n" * 100_000),
    "many values in a document": lambda: _manifests(_VM + b"  x: [" + b"1," * 600_000 + b"]"),
    "invalid documents": lambda: _manifests(b"---\nkind: VirtualMachine\n" * 20_000),
    "unknown keys": lambda: _manifests(
        _VM
        + b"  template: {spec: {domain: {memory: {"
        + b",".join(b"guest%d: 1" % n for n in range(5_000))
        + b"}}}}"
    ),
    "a long unknown key": lambda: _manifests(
        _VM + b"  template: {spec: {domain: {memory: {? " + b"guest" * 200_000 + b"\n: 1}}}}"
    ),
    "VMs": lambda: _manifests(
        b"---\n".join(_VM.replace(b"name: a", b"name: a%d" % n) for n in range(1_000))
    ),
    "kinds": lambda: _manifests(
        b"---\n".join(b"kind: A%d\napiVersion: v1\n" % n for n in range(100_000))
    ),
    "foreign JSON of 50 MB": lambda: _manifests(b"[" + b"{}," * 16_000_000 + b"{}]"),
    "an emoji and line ends in 50 MB": lambda: _manifests(
        "# 😀\r\nkind: VirtualMachine\r\n".encode() + b"#" * 49_900_000
    ),
    "deep lists": lambda: _manifests(_VM + b"  x: " + b"[" * 60_000),
    "deep JSON": lambda: _manifests(b'{"kind":"VirtualMachine","a":' + b"[" * 60_000),
    "deep indentation": lambda: _manifests(_VM + b"  x:\n" + b" " * 1_000_000 + b"a: 1"),
    "words in the configuration": lambda: _config(_CONFIG + b"selector: " + b"ab " * 80_000),
    "a configuration of 10 MB": lambda: _config(_CONFIG + b"x: [" + b"a," * 4_900_000 + b"]"),
    "configurations in a stream": lambda: _manifests(b"---\n".join([_CONFIG] * 10_000)),
    "a world file of 250 kB": lambda: _world(b"a: " + b"a" * 250_000),
    "words in a world file": lambda: _world(b"a: " + b"ab " * 25_000),
    "merges in a world file": lambda: _world(
        b"a: &a {"
        + b",".join(b"k%d: 1" % n for n in range(5_000))
        + b"}\nb:\n"
        + b"- {<<: *a}\n" * 2_000
    ),
    "deep lists in a world file": lambda: _world(b"[" * 1_000),
    "commas in a selector": lambda: _config(_CONFIG + b"selector: '" + b"," * 200_000 + b"'"),
    "units in a duration": lambda: _config(
        _CONFIG + b"rollout: {timeouts: {guest: '" + b"1h" * 100_000 + b"'}}"
    ),
    "items in a cron expression": lambda: _config(
        _CONFIG
        + b"windows: [{kind: allow, duration: 1h, cron: '"
        + b"0," * 80_000
        + b"0 0 * * *'}]"
    ),
    "paths and files": lambda: _select(11_000, 20_000),
    "a tree that contains itself": _nested_tree,
    "a status message of 1 MB": lambda: _status('Invalid value: "{' * 60_000),
    "addresses without an end": lambda: repository_url.without_credentials("https://" * 120_000),
    "digits of a duration in the simulator": lambda: _duration("1" * 400_000),
    "blanks in selectors of the simulator": lambda: _selectors("a" + " " * 400_000 + "b"),
    "blanks after a selector of the simulator": lambda: _selectors("a,b" + " " * 400_000),
    "words in a kubeconfig": lambda: _kubeconfig(b"clusters: " + b"ab " * 30_000),
    "aliases in a kubeconfig": lambda: _kubeconfig(
        b"a0: &a0 [1,2,3,4,5,6,7,8,9,0]\n"
        + b"".join(
            b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)
        )
    ),
    "deep lists in a kubeconfig": lambda: _kubeconfig(b"clusters: " + b"[" * 100_000),
    "merges in a kubeconfig": lambda: _kubeconfig(
        b"a: &a {"
        + b",".join(b"k%d: 1" % n for n in range(5_000))
        + b"}\nb:\n"
        + b"- {<<: *a}\n" * 5_000
    ),
    "a kubeconfig of 40 MB": lambda: _kubeconfig(b"clusters: [" + b"a," * 20_000_000 + b"]"),
    "a plan of wrong objects": lambda: _result(",".join(['{"kind":1}'] * 500_000)),
    "a plan of unknown fields": lambda: _result(
        "{" + ",".join(f'"k{n}":1' for n in range(250_000)) + "}"
    ),
    "a working tree": _working_tree,
    "a stream of rendered manifests": _rendered_stream,
    "packed references": _many_references,
    "a page of small objects": lambda: _objects(b"{}", 2_000_000),
    "a page of small numbers": lambda: _objects(b"1", 4_000_000),
    "a message without an address": lambda: repository_url.without_credentials("a" * 1_000_000),
}


def main() -> None:
    """Read all costly inputs, or those that the arguments name."""
    # Only a development tool needs this package, whose import by jsonschema takes 1.5 s.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for name in sys.argv[1:] or INPUTS:
        began = process_time()
        limit = int(began) + CPU_S
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        sys.stdout.write(f"{name}: ")
        sys.stdout.flush()
        INPUTS[name]()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(f"{process_time() - began:.2f} s, {peak_mb} MB so far\n")


if __name__ == "__main__":
    main()
