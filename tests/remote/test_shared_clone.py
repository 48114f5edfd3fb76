"""Processes can share one directory of Git clones, even if one process is killed at any time."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from threading import Thread

import pytest
from support.git_servers.programs import git_daemon
from support.git_servers.relay import Relay
from support.simulated import vm_yaml
from support.tools.installed import tool

from reconciler.app.clock import SystemClock
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.remote import clone_or_fetch

FETCH = """
import sys
from pathlib import Path
from reconciler.app.clock import SystemClock
from reconciler.source.git.remote import clone_or_fetch
url, folder = sys.argv[1:]
repository, commit = clone_or_fetch(url, Path(folder), "main", timeout_s=600, clock=SystemClock())
with repository:
    print(commit)
"""


def read(url, folder):
    """Fetch a repository in this process; return the commit and the contents of all its files."""
    repository, commit = clone_or_fetch(url, folder, "main", timeout_s=600, clock=SystemClock())
    with repository:
        tree = CommitTree(repository, commit)
        return commit, {entry.path: tree.read(entry).decode() for entry in tree.entries()}


@pytest.fixture
def daemon(served, stack):
    return stack.enter_context(git_daemon(served.root))


@pytest.fixture
def fleet(served, noise):
    """Returns a function that pushes a commit, and returns the commit and all its files."""
    files = {"vm.yaml": vm_yaml("default", "vm", "2Gi")}

    def push(**changed):
        files.update(changed)
        return served.commit(**files), dict(files)

    return push


def started(url, folder, *prefix):
    """Start a process that fetches a repository and prints the commit."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", FETCH, url, folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("tenth", [0, 1, 4, 7, 9])
def test_git_fetch_succeeds_after_a_concurrent_fetch_is_killed_at_any_point_of_the_transfer(
    fleet, daemon, stack, tmp_path, noise, tenth
):
    folder, direct = tmp_path / "clones", f"git://127.0.0.1:{daemon.port}/fleet.git"
    read(direct, folder)
    shutil.copytree(folder, tmp_path / "copy")
    expected = fleet(noise=noise)
    whole = stack.enter_context(Relay(daemon.port))
    read(f"git://127.0.0.1:{whole.port}/fleet.git", tmp_path / "copy")
    processes, threads, results = [], [], []

    def kill():
        """Start a second fetch while the first one waits for data, and kill the first one."""
        threads.append(Thread(target=lambda: results.append(read(direct, folder)), daemon=True))
        threads[0].start()
        processes[0].kill()

    # The size of a response differs by some bytes from run to run.
    limit = 1 + whole.n_bytes * tenth // 10
    relay = stack.enter_context(
        Relay(daemon.port, limit=limit, continues=tenth % 2 == 0, at_limit=kill)
    )
    processes.append(started(f"git://127.0.0.1:{relay.port}/fleet.git", folder))
    processes[0].communicate()
    assert processes[0].returncode == -signal.SIGKILL
    threads[0].join()
    assert results == [expected]
    assert read(direct, folder) == expected
    newest = fleet(noise="less")
    assert read(direct, folder) == newest


RENAMES, LINKS = "rename,renameat,renameat2", "link,linkat"
REMOVALS, WRITES = "unlink,unlinkat", "write,pwrite64"
INSTANTS = [
    *(("flock", 1), ("fsync", 1), (LINKS, 1), (REMOVALS, 1), (REMOVALS, 2), (RENAMES, 1)),
    *((WRITES, number) for number in (1, 2, 4, 8, 16)),
]
FOR_NEW = [("mkdir", 1), (RENAMES, 1), (LINKS, 1), (WRITES, 2)]
"""System calls before which a fetch into an empty directory is killed."""
CASES = [(*each, False) for each in INSTANTS] + [(*each, True) for each in FOR_NEW]


@pytest.mark.parametrize(("calls", "number", "is_new"), CASES)
def test_git_fetch_succeeds_after_a_concurrent_fetch_is_killed_at_a_system_call(
    fleet, daemon, stack, tmp_path, noise, calls, number, is_new
):
    """strace kills a process of the first fetch at its call *number* to a given system call."""
    folder, url = tmp_path / "clones", f"git://127.0.0.1:{daemon.port}/fleet.git"
    if not is_new:
        read(url, folder)
    expected = fleet(noise=noise)
    others = []

    def start_other():
        others.append(started(url, folder))

    relay = stack.enter_context(Relay(daemon.port, limit=1, continues=True, at_limit=start_other))
    log = tmp_path / "strace"
    command = [tool("strace"), "-f", "-q", "-o", log, "-e", f"trace={calls}"]
    command += [f"--inject={calls}:signal=KILL:when={number}"]
    first = started(f"git://127.0.0.1:{relay.port}/fleet.git", folder, *command)
    out, _ = first.communicate()
    if not others:
        start_other()  # the first process was killed before it sent a request
    assert others[0].communicate() == (f"{expected[0]}\n", "")
    was_killed = "killed by SIGKILL" in log.read_text()
    assert was_killed or out == f"{expected[0]}\n"
    assert read(url, folder) == expected
    newest = fleet(noise="less")
    assert read(url, folder) == newest
    if not was_killed:
        pytest.skip(f"git does not make {number} calls of {calls} in this case")
