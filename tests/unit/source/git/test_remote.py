"""A remote repository is fetched before the deadline and without leaking credentials."""

import logging
import os
import socket
import subprocess
import threading

import pytest

from reconciler.app.clock import SystemClock
from reconciler.errors import SourceError
from reconciler.source.git import git_environment
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.remote import clone_or_fetch
from reconciler.source.git.repository import Repository


@pytest.fixture
def fetch(git_repo, tmp_path):
    opened = []

    def call(revision="HEAD", *, url=None, timeout_s=30, directory=tmp_path / "cache"):
        repository, commit = clone_or_fetch(
            url or f"file://{git_repo.path}",
            directory,
            revision,
            timeout_s=timeout_s,
            clock=SystemClock(),
        )
        opened.append(repository)
        return repository, commit

    yield call
    for repository in opened:
        repository.close()


def refused(fetch, *arguments, **options):
    with pytest.raises(SourceError) as caught:
        fetch(*arguments, **options)
    return f"{caught.value} | {caught.value.hint}"


def read(repository, commit):
    tree = CommitTree(repository, repository.resolve(commit))
    return {entry.path: tree.read(entry) for entry in tree.entries()}


def test_remote_revision_can_be_a_branch_a_tag_a_hash_or_head(fetch, git_repo, tmp_path):
    first = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("tag", "--annotate", "--message=x", "v1")
    git_repo.git("branch", "topic/one")
    second = git_repo.commit({"a.yaml": "a: 2\n"})
    wanted = {"HEAD": second, "main": second, "v1": first, "topic/one": first, first: first}
    wanted |= {first[:10]: first, "HEAD~1": first, "refs/heads/main": second}
    wanted |= {"@": second, "main^": first, f"{second}~1": first, f"v1-1-g{second[:8]}": second}
    wanted |= {"heads/main": second, "tags/v1": first}
    for number, (revision, commit) in enumerate(wanted.items()):
        repository, found = fetch(revision, directory=tmp_path / f"fresh{number}")
        assert (revision, found) == (revision, commit)
        expected = b"a: 1\n" if commit == first else b"a: 2\n"
        assert read(repository, found) == {"a.yaml": expected}
    for revision, commit in wanted.items():  # fetch all of them again into one directory
        assert fetch(revision)[1] == commit


def test_remote_branch_is_fetched_without_history(fetch, git_repo, tmp_path):
    git_repo.commit()
    git_repo.commit()
    fetch("main")
    listed = subprocess.run(
        ["git", "rev-list", "main"],
        cwd=tmp_path / "cache" / "clone-1",
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(listed.stdout.split()) == 1


def test_second_git_fetch_sees_pushes_force_pushes_and_deletions(fetch, git_repo):
    first = git_repo.commit({"a.yaml": "a: 1\n"})
    assert fetch("main")[1] == fetch()[1] == first
    second = git_repo.commit({"a.yaml": "a: 2\n"})
    assert fetch("main")[1] == fetch()[1] == second
    git_repo.git("reset", "--quiet", "--hard", first)
    third = git_repo.commit({"a.yaml": "a: 3\n"})
    assert fetch("main")[1] == fetch()[1] == third
    git_repo.git("branch", "gone")
    assert fetch("gone")[1] == third
    git_repo.git("branch", "--delete", "gone")
    git_repo.git("tag", "gone", first)
    assert fetch("gone")[1] == first
    git_repo.git("tag", "--delete", "gone")
    assert "the revision gone does not exist" in refused(fetch, "gone")


def test_git_fetch_stores_neither_the_repository_url_nor_hooks(fetch, git_repo, tmp_path):
    git_repo.commit()
    fetch("main", url=f"file://s3cret@localhost{git_repo.path}")
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [path for path in files if b"s3cret" in path.read_bytes()]
    assert not list((tmp_path / "cache").glob("*/hooks/*"))


def test_missing_remote_revision_is_reported_with_the_repository_url(fetch, git_repo):
    git_repo.commit()
    assert refused(fetch, "mian") == (
        f"the revision mian does not exist in file://{git_repo.path} | use a branch, a tag or a "
        "full commit hash"
    )


def test_empty_remote_repository_is_reported_as_having_no_commit(fetch, git_repo):
    assert refused(fetch) == (
        f"the default branch of file://{git_repo.path} has no commit yet | commit the desired "
        "state, or choose a branch with --revision"
    )


@pytest.mark.parametrize("revision", ["--upload-pack=touch x", "-h"])
def test_remote_revision_that_looks_like_a_git_option_is_rejected(fetch, revision):
    assert "is not a valid revision" in refused(fetch, revision)


def test_missing_remote_git_repository_is_reported_in_one_sentence(fetch, tmp_path):
    message = refused(fetch, url=f"file://{tmp_path}/none")
    assert message.startswith(f"file://{tmp_path}/none cannot be fetched: ")
    assert message.endswith(
        " | check the repository URL and the credentials; some servers hide private repositories"
    )


def test_git_fetch_into_a_directory_with_other_files_is_rejected(fetch, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "precious").touch()
    assert refused(fetch) == (
        f"a repository cannot be fetched into {tmp_path / 'cache'}, because this directory "
        "contains other files | choose an empty directory, or a directory that does not exist "
        "yet"
    )
    assert (tmp_path / "cache" / "precious").exists()


@pytest.fixture
def silent_server():
    """A server that accepts connections but never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_git_fetch_from_a_silent_server_ends_at_the_deadline(fetch, silent_server):
    url = f"http://user:s3cret@127.0.0.1:{silent_server}/x"
    assert refused(fetch, url=url, timeout_s=0.5) == (
        f"the repository http://127.0.0.1:{silent_server}/x was not fetched before the deadline | "
        "allow more time with --deadline, or check the network"
    )


@pytest.fixture
def refusing_server():
    """A server that responds to every request with 401."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(
                        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n"
                        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                    )

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_git_credentials_never_appear_in_messages_or_logs(fetch, refusing_server, caplog):
    caplog.set_level(logging.DEBUG)
    url = f"http://someone:s3cret@127.0.0.1:{refusing_server}/x"
    message = refused(fetch, url=url)
    assert message.startswith(f"http://127.0.0.1:{refusing_server}/x cannot be fetched: ")
    for secret in ("s3cret", "someone"):
        assert secret not in message
        assert secret not in caplog.text


def test_git_fetch_never_prompts_for_a_password(fetch, refusing_server, monkeypatch):
    monkeypatch.delenv("SSH_ASKPASS", raising=False)
    message = refused(fetch, url=f"http://127.0.0.1:{refusing_server}/x", timeout_s=20)
    assert "the server asks for credentials, but none are set" in message


@pytest.mark.parametrize(
    ("name", "scheme", "instead"),
    [
        ("GIT_ASKPASS", "http", "credential.helper"),
        ("GIT_SSH", "ssh", "core.sshCommand"),
        ("GIT_SSH_COMMAND", "ssh", "core.sshCommand"),
        ("GIT_PROXY_COMMAND", "git", "core.gitProxy"),
    ],
)
def test_program_in_a_git_environment_variable_of_the_caller_never_runs(
    fetch, refusing_server, monkeypatch, tmp_path, caplog, name, scheme, instead
):
    marker, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv(name, str(program))
    git_environment._warn_once.cache_clear()
    port = refusing_server if scheme == "http" else 9
    for _ in range(2):
        refused(fetch, url=f"{scheme}://127.0.0.1:{port}/x")
    assert not marker.exists()
    (warning,) = caplog.messages
    assert warning.startswith(f"the environment variable {name} has no effect; instead, use ")
    assert warning.endswith(f"{instead} in the git configuration")


def test_git_fetch_uses_git_configuration_from_environment_variables(
    fetch, git_repo, monkeypatch, tmp_path
):
    git_repo.commit()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{git_repo.path}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://git.example.com/fleet")
    repository, _ = fetch("main", url="https://git.example.com/fleet")
    assert isinstance(repository, Repository)


def test_git_fetch_does_not_write_to_the_repository_in_the_git_dir_variable(
    fetch, git_repo, monkeypatch, tmp_path
):
    commit = git_repo.commit()
    git_repo.git("init", "--quiet", "--bare", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    assert fetch("main")[1] == commit
    assert not list((tmp_path / "other/refs/heads").iterdir())
    assert not list((tmp_path / "other/objects/pack").iterdir())


NAMES = (b"\xff", b"x/\xff/main", "a\u2028b/main".encode(), "a\u202eb/main".encode())
NAMES = (*NAMES, "a\u0085b/HEAD".encode(), b"-x", b"-y/main", b"--upload-pack=x/main")


def add_branches(git_repo, names, commit):
    """Add branches and tags whose names are the byte strings *names*, as a push could."""
    kinds = (b"refs/heads/", b"refs/tags/")
    lines = sorted(commit.encode() + b" " + kind + name for kind in kinds for name in names)
    head = b"# pack-refs with: peeled fully-peeled sorted \n"
    (git_repo.path / ".git" / "packed-refs").write_bytes(head + b"\n".join((*lines, b"")))


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "HEAD~1", "hash"])
def test_git_fetch_of_a_revision_succeeds_although_unrelated_branches_have_hostile_names(
    fetch, git_repo, revision
):
    first, second = git_repo.commit(), git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("tag", "v1", second)
    add_branches(git_repo, NAMES, first)
    expected = first if revision == "HEAD~1" else second
    assert fetch(first[:12] if revision == "hash" else revision)[1] == (
        first if revision == "hash" else expected
    )


@pytest.mark.parametrize("name", NAMES)
def test_branch_with_a_hostile_name_can_be_fetched_by_its_full_name(fetch, git_repo, name):
    commit = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.commit()
    add_branches(git_repo, [name], commit)
    assert fetch(f"refs/heads/{os.fsdecode(name)}")[1] == commit


@pytest.mark.parametrize(
    "revision",
    ["*", "ma*", "refs/heads/*", "main:refs/heads/x", "+main", "^main", "ma\nin", "a b"],
)
def test_pattern_or_refspec_is_rejected_as_a_remote_revision(fetch, git_repo, revision):
    git_repo.commit()
    message = refused(fetch, revision)
    assert message.startswith("the revision ")
    assert "does not exist in" in message
    assert "\n" not in message


def traced(fetch, repository, monkeypatch, folder, revision):
    """Fetch *revision*; return the number of packets, and the references that are created."""
    kept = git_environment._TRANSPORT | {"GIT_TRACE_PACKET"}
    monkeypatch.setattr(git_environment, "_TRANSPORT", kept)
    monkeypatch.setenv("GIT_TRACE_PACKET", str(repository.path / "packets"))
    fetched, _ = fetch(revision, url=f"file://{repository.path}", directory=folder)
    monkeypatch.delenv("GIT_TRACE_PACKET")
    lines = (repository.path / "packets").read_bytes().split(b"\n")
    (repository.path / "packets").unlink()
    return len(lines), set(fetched.references())


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "HEAD~1", "full hash", "short hash"])
def test_git_fetch_cost_does_not_depend_on_the_number_of_branches(
    fetch, git_repo, monkeypatch, tmp_path, revision
):
    git_repo.commit()
    commit = git_repo.commit()
    git_repo.git("tag", "v1")
    hashes = {"full hash": commit, "short hash": commit[:12]}
    given = hashes.get(revision, revision)
    few = traced(fetch, git_repo, monkeypatch, tmp_path / "few", given)
    names = [f"{n}/{'main' if n % 2 else 'v1'}".encode() for n in range(5_000)]
    add_branches(git_repo, names, commit)
    assert len(git_repo.git("for-each-ref").split("\n")) > 10_000
    assert traced(fetch, git_repo, monkeypatch, tmp_path / "many", given) == few
