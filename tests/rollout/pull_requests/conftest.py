"""Fixtures for pull request tests: a repository on a local Git host, a cluster, and CI jobs."""

from __future__ import annotations

import pytest
from rollout.pull_requests.faces import Project
from rollout.pull_requests.forgejo_face import ForgejoFace
from rollout.pull_requests.github_face import GitHubFace
from rollout.pull_requests.gitlab_face import GitLabFace
from support.forges.fake_forge import FakeGitea, FakeGitHub, FakeGitLab
from support.forges.hosted_repository import HostedRepository
from support.simulated import vm_yaml

FACES = {
    "github": (FakeGitHub, GitHubFace),
    "gitlab": (FakeGitLab, GitLabFace),
    "forgejo": (FakeGitea, ForgejoFace),
}
NAMES = ("db-1", "db-2")


@pytest.fixture
def sizes():
    """Return a function that builds the manifests of two VMs with the given memory sizes."""

    def manifests(first: str, second: str) -> dict[str, str]:
        texts = (vm_yaml("team-a", *each) for each in zip(NAMES, (first, second), strict=True))
        return {"vms.yaml": "---\n".join(texts)}

    return manifests


@pytest.fixture
def cluster(serve):
    vms = [{"name": each, "namespace": "team-a", "guest": "1Gi"} for each in NAMES]
    return serve("hotplug", vms=vms)


@pytest.fixture
def guests(cluster):
    """Return a function that returns the current memory of each guest."""

    def now() -> list[str]:
        memory = (cluster.vmi("team-a", each)["status"]["memory"] for each in NAMES)
        return [each["guestCurrent"] for each in memory]

    return now


@pytest.fixture(params=FACES)
def kind(request):
    return request.param


@pytest.fixture
def project(kind, cluster, sizes, tmp_path):
    with FACES[kind][0]() as forge:
        repository = HostedRepository(tmp_path, forge, sizes("1Gi", "1Gi"))
        yield Project(repository, cluster, tmp_path)


@pytest.fixture
def face(kind, project):
    return FACES[kind][1](project)
