"""Fuzz targets: manifests, configuration, plan, snapshot, cache and kubeconfig files, and Git."""

from __future__ import annotations

import json
import subprocess
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml
from fuzz.mutation import mutated_bytes, mutated_json
from fuzz.reader import Reader
from support.served import EXAMPLES
from support.simulated import rig

from reconciler.cluster.api import kubeconfig
from reconciler.cluster.read import snapshot_file
from reconciler.errors import ReconcilerError
from reconciler.model.desired.config import Config
from reconciler.report import findings, json_documents
from reconciler.source.cache import cache_codec
from reconciler.source.cache.file_contents import FileContents
from reconciler.source.config_file import parse_config
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.file_selection import select
from reconciler.source.git.repository import Repository
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.plan_file import read_approval
from reconciler.source.readers import StreamReader

if TYPE_CHECKING:
    from random import Random

VM = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {
        "name": "a",
        "namespace": "default",
        "labels": {"app": "a"},
        "annotations": {"reconciler/priority": "3", "reconciler/restart": "never"},
    },
    "spec": {
        "runStrategy": "Always",
        "instancetype": {"kind": "VirtualMachineInstancetype", "name": "x"},
        "template": {
            "metadata": {"annotations": {"a": "b"}},
            "spec": {
                "domain": {
                    "cpu": {"cores": 2},
                    "memory": {"guest": "2Gi", "maxGuest": "8Gi"},
                    "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "3Gi"}},
                }
            },
        },
    },
}
CONFIG = {
    "apiVersion": "reconciler/v1alpha1",
    "kind": "Config",
    "paths": ["vms", "kubevirt"],
    "exclude": ["vms/old"],
    "selector": "a=b",
    "cluster": "6f1f6f9c-2f0e-4b53-9f0e-8d0f5a3c7b11",
    "restart": "window",
    "windows": [
        {
            "kind": "allow",
            "cron": "0 22 * * 1-5",
            "duration": "6h",
            "timeZone": "Europe/Berlin",
        }
    ],
    "rollout": {
        "maxPerNode": 1,
        "canary": {"selector": "canary=true", "soak": "30m"},
        "batches": [{"selector": "env=test"}],
        "antiAffinity": ["app.kubernetes.io/instance"],
        "holdWhile": ['KubeVirtDown{severity="critical"}'],
        "timeouts": {"guest": "5m", "settle": "5m"},
    },
}
KUBEVIRT = yaml.safe_load((EXAMPLES / "fleet" / "kubevirt.yaml").read_text())
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "a",
    "clusters": [
        {
            "name": "a",
            "cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": "YQ=="},
        }
    ],
    "users": [{"name": "a", "user": {"token": "t"}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a", "namespace": "n"}}],
}
_FOLDER = TemporaryDirectory(prefix="fuzz-")
FOLDER = Path(_FOLDER.name)


def written(data: bytes, name: str) -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def yaml_texts(rng: Random, documents: tuple[Any, ...]) -> bytes:
    """Return a mutated JSON document, a mutated YAML document, or several of them."""
    parts = []
    for _ in range(rng.choice((1, 1, 1, 3))):
        document = rng.choice(documents)
        if rng.random() < 0.5:
            parts.append(mutated_json(rng, document))
        else:
            text = yaml.safe_dump(document, default_flow_style=rng.choice((False, None)))
            parts.append(mutated_bytes(rng, text.encode()))
    return b"\n---\n".join(parts)


def _stream(data: bytes) -> None:
    reading = StreamReader([("a.yaml", data)]).read()
    findings.validation_text(reading.state)
    findings.validation_json(reading.state)


def _config(data: bytes) -> None:
    parse_config(SourceFile(path=".reconciler.yaml"), data)


def _cached(rng: Random) -> bytes:
    text = yaml.safe_dump_all([VM, KUBEVIRT, {**VM, "spec": 1}])
    result = FileContents(default_namespace=None).text("a.yaml", text.encode())
    return mutated_bytes(rng, cache_codec.encode(result, "a.yaml") or b"")


@cache
def _plan() -> dict[str, Any]:
    world = rig("hotplug")
    desired = (EXAMPLES / "worlds" / "desired").glob("hotplug*")
    text = "---\n".join(each.read_text() for each in desired)
    return json.loads("".join(json_documents.plan_json(world.plan(text))))


@cache
def _snapshot() -> dict[str, Any]:
    return json.loads(snapshot_file.dump(rig("in-flight").informer.read()))


def git(*arguments: str, stdin: bytes = b"") -> bytes:
    command = ("git", "-C", str(FOLDER / "repo"), *arguments)
    return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout.strip()


@cache
def repository() -> Repository:
    (FOLDER / "repo").mkdir()
    git("init", "--quiet", "--bare")
    git("config", "user.name", "a")
    git("config", "user.email", "a@example.com")
    return Repository.open(FOLDER / "repo")


def _tree(rng: Random) -> bytes:
    names = [
        mutated_bytes(rng, rng.choice((b"vm.yaml", b".reconciler.yaml", b"Chart.yaml")))
        for _ in range(4)
    ]
    names = {name.replace(b"/", b"_").replace(b"\0", b"")[:200] or b"x" for name in names}
    return b"\0".join(sorted(names - {b".", b"..", b".git"}))


def _commit(names: bytes) -> None:
    """Read a commit whose files have hostile names and modes."""
    opened = repository()
    blob = git("hash-object", "-w", "--stdin", stdin=b"kind: VirtualMachine").decode().encode()
    modes = (b"100644", b"120000", b"100755")
    lines = [
        modes[n % 3] + b" blob " + blob + b"\t" + name for n, name in enumerate(names.split(b"\0"))
    ]
    tree = git("mktree", "-z", stdin=b"\0".join(lines) + b"\0").decode()
    commit = git("commit-tree", "-m", "a", tree).decode()
    found = CommitTree(opened, opened.resolve(commit))
    list(found.read_all(found.entries()))
    select(found, Config())


READERS = (
    Reader(
        name="manifests",
        make=partial(
            yaml_texts, documents=(VM, KUBEVIRT, CONFIG, {"kind": "List", "items": [VM]})
        ),
        read=_stream,
        errors=(ReconcilerError,),
    ),
    Reader(
        name="configuration file",
        make=partial(yaml_texts, documents=(CONFIG,)),
        read=_config,
        weight=10,
    ),
    Reader(
        name="cache row",
        weight=4,
        make=_cached,
        errors=(ValueError,),
        read=lambda data: cache_codec.decode(data, SourceFile(path="a.yaml")),
    ),
    Reader(
        name="plan file",
        make=lambda rng: mutated_json(rng, _plan(), at_most=2),
        read=lambda data: read_approval(written(data, "plan.json")),
        errors=(ReconcilerError,),
    ),
    Reader(
        name="snapshot",
        make=lambda rng: mutated_json(rng, _snapshot(), at_most=2),
        read=lambda data: snapshot_file.load(data, "snapshot.json"),
        errors=(ReconcilerError,),
        weight=10,
    ),
    Reader(
        name="kubeconfig",
        make=partial(yaml_texts, documents=(KUBECONFIG,)),
        read=lambda data: kubeconfig.load(str(written(data, "kubeconfig")), None),
        errors=(ReconcilerError,),
        weight=10,
    ),
    Reader(name="commit", make=_tree, read=_commit, errors=(ReconcilerError,), weight=80),
)
