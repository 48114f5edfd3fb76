"""Fixtures: a hostile pull request, a CI job with secrets, and a cluster snapshot file."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.served import plain_environment, serving
from support.trust.audited import Audited, run_audited
from support.trust.hostile_pull_request import CANARY, HostilePullRequest, hostile_pull_request

from reconciler.cli.main import main

SECRET_NAMES = ("RECONCILER_FORGE_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "NPM_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A CI job: a hostile checkout, secrets in the environment, and a directory for results."""

    request: HostilePullRequest
    environment: dict[str, str]
    results: Path
    snapshot: Path

    def run(
        self, *arguments: object, name: str = "audit", imports: bool = False, **variables: str
    ) -> Audited:
        return run_audited(
            *arguments,
            folder=self.request.folder,
            record=self.results.parent / name,
            environment={**self.environment, **variables},
            imports=imports,
        )


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory):
    """The cluster snapshot file that a job on the default branch has published."""
    folder = tmp_path_factory.mktemp("snapshot")
    with serving(folder / "kubeconfig", "hotplug") as cluster:
        arguments = ["--kubeconfig", str(cluster.kubeconfig), "--out", str(folder / "live.json")]
        assert main(["snapshot", *arguments]) == 0
    return folder / "live.json"


@pytest.fixture(scope="session")
def silent():
    """A server to which nothing is allowed to connect; any connection makes a test fail."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture(scope="session")
def job(tmp_path_factory, snapshot, silent):
    """A CI job that has checked out the hostile pull request, for tests that only read it."""
    folder = tmp_path_factory.mktemp("job")
    with pytest.MonkeyPatch.context() as patch:
        plain_environment(patch)
        yield hostile_job(folder, snapshot, silent)


def hostile_job(folder: Path, snapshot: Path, silent: str) -> Job:
    home = folder / "home"
    for name in (".kube/config", ".netrc", ".git-credentials", ".ssh/id_ed25519", ".docker/x"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(CANARY)
    (folder / "results").mkdir()
    proxies = {f"{name}_proxy": silent for name in ("http", "https", "all")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CI")},
        **dict.fromkeys(SECRET_NAMES, CANARY),
        **proxies,
        **{name.upper(): value for name, value in proxies.items()},
        "HOME": str(home),
        "KUBECONFIG": str(home / ".kube/config"),
        "TMPDIR": str(folder / "results"),
    }
    return Job(
        request=hostile_pull_request(folder / "work", silent),
        environment=environment,
        results=folder / "results",
        snapshot=snapshot,
    )
