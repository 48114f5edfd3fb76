"""The memory for git's output is bounded, because a remote server decides what git prints."""

import threading
import tracemalloc

import pytest

from reconciler.app.clock import SystemClock
from reconciler.errors import SourceError
from reconciler.source.git import git_process
from reconciler.source.git.git_process import MAX_OUTPUT_BYTES, execute
from reconciler.source.git.remote import clone_or_fetch

N_BYTES = 30 * MAX_OUTPUT_BYTES
NOISE = f"alias.noise=!head -c {N_BYTES} /dev/zero"


def traced_peak(act):
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_git_output_above_the_limit_is_rejected_without_high_memory_use(tmp_path):
    def act():
        with pytest.raises(SourceError, match="prints more than 1,000,000 bytes"):
            execute(tmp_path, ("-c", NOISE, "noise"))

    assert traced_peak(act) < N_BYTES / 3


def test_only_the_end_of_long_git_error_output_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(git_process, "MAX_OUTPUT_BYTES", 100)
    shell = "alias.noise=!seq 100000 >&2; echo fatal: the end >&2; exit 1"

    output = execute(tmp_path, ("-c", shell, "noise"))

    assert output.reason == "the end"
    assert len(output.stderr) <= 200


def test_git_repository_that_was_removed_is_reported_as_a_source_error(tmp_path):
    with pytest.raises(SourceError, match=r"repository .*clone-7 no longer exists"):
        execute(tmp_path / "clone-7", ("rev-parse", "HEAD"))


def use_ssh_command(monkeypatch, command):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.sshCommand")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(command))


def test_git_fetch_from_a_server_with_excessive_output_fails_without_high_memory_use(
    tmp_path, monkeypatch
):
    server = tmp_path / "ssh"
    server.write_text(f"#!/bin/sh\nhead -c {N_BYTES} /dev/zero | tr '\\0' 'a' >&2\nexit 1\n")
    server.chmod(0o755)
    use_ssh_command(monkeypatch, server)

    def act():
        with pytest.raises(SourceError, match="cannot be fetched"):
            clone_or_fetch(
                "git@git.example.com:a", tmp_path / "x", "main", timeout_s=300, clock=SystemClock()
            )

    assert traced_peak(act) < N_BYTES / 3


def test_git_fetch_from_a_server_with_endless_output_ends_at_the_deadline(tmp_path, monkeypatch):
    server = tmp_path / "ssh"
    server.write_text("#!/bin/sh\nexec yes >&2\n")
    server.chmod(0o755)
    use_ssh_command(monkeypatch, server)

    with pytest.raises(SourceError, match="was not fetched before the deadline"):
        clone_or_fetch(
            "git@git.example.com:a", tmp_path / "x", "main", timeout_s=1, clock=SystemClock()
        )


def test_waiting_git_command_is_stopped_by_another_thread_when_the_process_ends(tmp_path):
    started = tmp_path / "started"
    found = []
    waits = ("-c", f"alias.wait=!touch {started} && sleep 600", "wait")
    thread = threading.Thread(target=lambda: found.append(execute(tmp_path, waits)))
    thread.start()
    while not started.exists():
        thread.join(0.01)
    git_process.end_running()
    thread.join(60)
    assert [each.status != 0 for each in found] == [True]
