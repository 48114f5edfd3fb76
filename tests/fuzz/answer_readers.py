"""Fuzz targets: responses to writes, the pod's files, the environment and branch names."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from typing import TYPE_CHECKING
from unittest.mock import patch

from fuzz.cluster_readers import STATUS, Replay, objects
from fuzz.mutation import mutated_bytes, mutated_json, mutated_text
from fuzz.reader import Reader
from fuzz.source_readers import git, repository, written
from kubernetes.config import incluster_config
from support.fake_ports import FakeClock
from support.served import EXAMPLES
from support.simulated import rig

from reconciler.cli.main import main
from reconciler.cluster.api import kubeconfig
from reconciler.cluster.api.client import Client
from reconciler.cluster.write.access_review import Right, may
from reconciler.cluster.write.dry_run import ClusterDryRun
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from random import Random

    from reconciler.model.plan.plan import Action

REVIEW = {"kind": "SelfSubjectAccessReview", "status": {"allowed": True, "reason": "a"}}
_OPTIONS = (
    *("repo", "revision", "config", "namespace", "output", "log_format", "log_level", "shard"),
    *("selector", "paths", "restart", "cache_dir", "request_timeout", "width", "windows"),
    *("max_concurrent", "timeout", "mode", "snapshot", "context", "kubeconfig"),
)
VARIABLES = (
    *(f"RECONCILER_{name.upper()}" for name in _OPTIONS),
    *("COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR", "KUBECONFIG", "HOSTNAME", "TZ", "LC_ALL"),
)
_CA = b"-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"


@cache
def _actions() -> tuple[Action, ...]:
    files = sorted((EXAMPLES / "worlds" / "desired").glob("hotplug*"))
    decisions = rig("hotplug").plan("---\n".join(each.read_text() for each in files)).decisions
    return tuple(action for each in decisions for action in each.actions)


def _answer(rng: Random) -> tuple[Action, bytes]:
    action = rng.choice(_actions())
    plural = "virtualmachines" if action.ref.is_vm else "kubevirts"
    return action, mutated_json(rng, rng.choice((STATUS, rng.choice(objects(plural)))))


def _write(given: tuple[Action, bytes]) -> None:
    action, body = given
    client = Client(Replay({}, {}, written=body), clock=FakeClock())
    ClusterWriter(client).write(action)
    ClusterDryRun(client).check(action)


def _review(body: bytes) -> None:
    client = Client(Replay({}, {}, written=body), clock=FakeClock())
    may(client, Right(verb="get", group="", resource="nodes"))


def _files(rng: Random) -> tuple[bytes, bytes, str, str]:
    token, ca = b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln", _CA
    if rng.random() < 0.6:
        token = mutated_bytes(rng, token)
    if rng.random() < 0.6:
        ca = mutated_bytes(rng, ca)
    return token, ca, mutated_text(rng, ("10.96.0.1", "::1")), mutated_text(rng, ("443", "6443"))


def _pod(given: tuple[bytes, bytes, str, str]) -> None:
    token, ca, host, port = given
    service = {
        "HOME": "/nonexistent",
        "KUBERNETES_SERVICE_HOST": _variable(host),
        "KUBERNETES_SERVICE_PORT": _variable(port),
    }
    names = {
        "SERVICE_TOKEN_FILENAME": written(token, "token"),
        "SERVICE_CERT_FILENAME": written(ca, "ca"),
    }
    with (
        patch.multiple(incluster_config, **{name: str(path) for name, path in names.items()}),
        patch.dict(os.environ, service, clear=True),
    ):
        kubeconfig.load(None, None)


def _variable(text: str) -> str:
    """Return a value for an environment variable, which cannot contain NUL characters."""
    return os.fsdecode(text.replace("\0", "").encode("utf-8", "replace")[:10_000])


def _environment(rng: Random) -> dict[str, str]:
    seeds = ("text", "json", "5m", "0/2", "never", "a=b", "debug", "120")
    return {
        name: _variable(mutated_text(rng, seeds))
        for name in rng.sample(VARIABLES, rng.choice((1, 1, 3)))
    }


def _command(variables: dict[str, str]) -> None:
    """Run a command that ends before it reads anything, because its file is missing."""
    output = io.StringIO()
    with patch.dict(os.environ, variables), redirect_stdout(output), redirect_stderr(output):
        main(["plan", "-f", "/nonexistent/a.yaml", "--snapshot", "/nonexistent/b.json"])
    assert "Traceback" not in output.getvalue()


def _branch(rng: Random) -> bytes:
    name = mutated_bytes(rng, b"feature/a")[:200]
    return bytes(each for each in name if each > 32 and each not in b"\x7f ~^:?*[\\")


def _references(name: bytes) -> None:
    """Read a repository with a branch that has a hostile name."""
    found = repository()
    tree = git("mktree", stdin=b"").decode()
    commit = git("commit-tree", "-m", "a", tree).decode()
    packed = commit.encode() + b" refs/heads/" + name + b"\n"
    (found.root / "packed-refs").write_bytes(packed)
    try:
        found.references()
        found.resolve("absent")
    finally:
        (found.root / "packed-refs").unlink()


READERS = (
    Reader(name="answer to a write", make=_answer, read=_write, errors=(ReconcilerError,)),
    Reader(
        name="answer to an access review",
        make=lambda rng: mutated_json(rng, REVIEW),
        read=_review,
        errors=(ReconcilerError,),
    ),
    Reader(name="service account", make=_files, read=_pod, errors=(ReconcilerError,), weight=4),
    Reader(name="environment", make=_environment, read=_command, weight=20),
    Reader(
        name="branch name", make=_branch, read=_references, errors=(ReconcilerError,), weight=80
    ),
)
