"""Provides a simulated cluster, a repository on a local forge, and jobs that check it out."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.forges.forge_places import KINDS
from support.forges.hosted_repository import HostedRepository
from support.simulated import vm_yaml

NAMES = ("db-1", "db-2")


def sizes(first: str, second: str) -> dict[str, str]:
    """Return the manifests of both VMs with the given memory sizes."""
    texts = (
        vm_yaml("team-a", name, size) for name, size in zip(NAMES, (first, second), strict=False)
    )
    return {"vms.yaml": "---\n".join(texts)}


@pytest.fixture
def cluster(serve):
    vms = [{"name": each, "namespace": "team-a", "guest": "1Gi"} for each in NAMES]
    return serve("hotplug", vms=vms)


@pytest.fixture
def guests(cluster):
    """Returns a function that returns the memory that each guest has now."""

    def now() -> list[str]:
        memory = (cluster.vmi("team-a", each)["status"]["memory"] for each in NAMES)
        return [each["guestCurrent"] for each in memory]

    return now


@pytest.fixture
def host(tmp_path):
    """Returns a function that creates the repository on a forge of the given kind."""
    with ExitStack() as stack:

        def create(kind: str) -> HostedRepository:
            forge = stack.enter_context(KINDS[kind][0]())
            return HostedRepository(tmp_path, forge, sizes("1Gi", "1Gi"))

        yield create


@pytest.fixture
def snapshot(cluster, command, tmp_path):
    """The snapshot that a scheduled job has published."""
    path = tmp_path / "live.json"
    assert command("snapshot", "--out", path, on=cluster).code == 0
    return path
