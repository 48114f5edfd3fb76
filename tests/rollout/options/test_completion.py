"""Shell completion in bash, zsh and fish completes clusters, contexts and namespaces."""

from __future__ import annotations

import json
import socket

import pytest

from reconciler.cli import completion
from reconciler.cli.main import main

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def complete(capsys, monkeypatch):
    """Returns a function that runs shell completion for the last word of a command line."""

    def run(shell, *words):
        line = " ".join(("reconciler", *map(str, words)))
        monkeypatch.setenv("_RECONCILER_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        with pytest.raises(SystemExit) as ended:
            main([])
        out, err = capsys.readouterr()
        assert (ended.value.code, err) == (0, "")
        return out

    return run


def kubeconfig(path, server, names=("prod-a", "prod-b", "x")):
    contexts = [{"name": each, "context": {"cluster": "c"}} for each in names]
    clusters = [{"name": "c", "cluster": {"server": server}}]
    document = {"clusters": clusters, "contexts": contexts, "users": [], "current-context": "x"}
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completion_completes_names_of_simulated_clusters(shell, complete):
    found = complete(shell, "demo", "--world", "canary")
    assert "canary-fails" in found
    assert "hotplug" not in found


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completion_uses_the_contexts_of_the_file_in_the_kubeconfig_option(
    shell, complete, tmp_path
):
    file = kubeconfig(tmp_path / "config", "http://127.0.0.1:9")
    found = complete(shell, "plan", "--kubeconfig", file, "--context", "pr")
    assert "prod-a" in found
    assert "prod-b" in found


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("end", [r"\$(touch x)", "`x`", "\nx", "'", '"', "\x1b[2J", "\u202e", "*"])
def test_shell_completion_omits_a_name_that_zsh_would_evaluate(end, shell, complete, tmp_path):
    file = kubeconfig(tmp_path / "config", "http://127.0.0.1:9", ("prod-a", f"prod-{end}", "x"))
    found = complete(shell, "plan", "--kubeconfig", file, "--context", "pr")
    assert found.count("prod-") == 1


def test_shell_completion_uses_the_contexts_of_the_file_in_the_kubeconfig_variable(
    complete, tmp_path, monkeypatch
):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", "http://127.0.0.1:9")))
    assert complete("bash", "status", "--context", "prod-b").split() == ["prod-b"]


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completion_completes_namespaces_of_the_cluster(shell, complete, serve):
    cluster = serve("hotplug")
    found = complete(shell, "plan", "--kubeconfig", cluster.kubeconfig, "-n", "kube")
    assert "kube-system" in found
    assert "default" not in found
    (request,) = cluster.ours("GET", "namespaces")
    assert request.path == "/api/v1/namespaces"


def test_shell_completion_without_a_cluster_prints_nothing(complete, tmp_path):
    unreachable = kubeconfig(tmp_path / "config", "http://127.0.0.1:9")
    broken = tmp_path / "broken"
    broken.write_text("a: [")
    for file in (unreachable, broken, tmp_path / "missing"):
        assert complete("bash", "plan", "--kubeconfig", file, "-n", "d") == "\n"
    assert complete("bash", "plan", "--kubeconfig", broken, "--context", "d") == "\n"


def test_shell_completion_times_out_if_the_cluster_does_not_respond(
    complete, tmp_path, monkeypatch
):
    monkeypatch.setattr(completion, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        file = kubeconfig(tmp_path / "config", f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert complete("bash", "plan", "--kubeconfig", file, "-n", "d") == "\n"
