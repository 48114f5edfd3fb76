"""A file belongs to a repository if it is in a clone of it, whatever URL the clone has."""

from __future__ import annotations

import pytest
from support.served import Git

from reconciler.source.trust.repository_places import RepositoryPlaces

URL = "https://git.example.com/Team/fleet.git"
SAME = (
    "https://git.example.com/team/fleet",
    "https://bot:secret@git.example.com/team/fleet.git/",
    "ssh://git@git.example.com:2222/team/fleet.git",
    "git@git.example.com:team/fleet.git",
    "https://GIT.example.com/team/fl%65et",
)
OTHER = (
    "https://git.example.com/team/other.git",
    "https://git.example.org/team/fleet.git",
    "git@git.example.com:fleet.git",
    "/team/fleet",
    "https://[",
)


@pytest.fixture
def clone(tmp_path):
    git = Git(tmp_path / "clone")
    (git.path / "keys").mkdir()
    (git.path / "keys" / "verify.yaml").touch()
    return git


@pytest.mark.parametrize("address", [*SAME, *OTHER])
def test_file_in_a_clone_that_has_the_repository_as_a_remote_counts_as_part_of_the_repository(
    clone, address
):
    file = clone.path / "keys" / "verify.yaml"
    places = RepositoryPlaces.of(URL, None)
    clone("remote", "add", "origin", "https://git.example.com/team/else.git")
    assert places.containing(file) is None
    clone("remote", "add", "upstream", address)
    assert places.containing(file) == (clone.path if address in SAME else None)


def test_file_in_a_clone_of_a_local_repository_counts_as_part_of_the_repository(clone, tmp_path):
    local = Git(tmp_path / "local")
    file, places = clone.path / "keys" / "verify.yaml", RepositoryPlaces.of("local", local.path)
    assert places.containing(file) is None
    clone("remote", "add", "origin", "../local")
    assert places.containing(file) == clone.path


def test_file_in_a_clone_with_the_same_remote_as_the_repository_counts_as_part_of_it(
    clone, tmp_path
):
    local = Git(tmp_path / "local")
    for each, address in ((local, URL), (clone, SAME[3])):
        each("remote", "add", "origin", address)
    places = RepositoryPlaces.of(str(local.path), local.path)
    assert places.containing(clone.path / "keys" / "verify.yaml") == clone.path


def test_file_outside_of_all_git_clones_does_not_count_as_part_of_the_repository(tmp_path):
    file = tmp_path / "verify.yaml"
    file.touch()
    assert RepositoryPlaces.of(URL, None).containing(file) is None
