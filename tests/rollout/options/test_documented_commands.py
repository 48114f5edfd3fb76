"""Every command in the documentation is valid, and the commands in code blocks succeed."""

from __future__ import annotations

import io
import re
import shlex
import sys
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from support.simulated import vm_yaml

from reconciler.cli.arguments import split_values
from reconciler.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / ".github/docs").glob("*.md"))]
PAGES += sorted((ROOT / "examples").rglob("README.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]*\breconciler [a-z-][^`]*)`")
COMMAND = re.compile(r"(?:^\$ |^|\| )(reconciler (?:[a-z]|--).*)", re.MULTILINE)
ONLY_PARSED = ("demo", "cluster", "serve")
"""Commands that run for a long time or until Ctrl-C; other tests run them."""
MANIFEST = vm_yaml("team-a", "db-1", "2Gi") + vm_yaml("team-a", "db-2", "2Gi")
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"

pytestmark = pytest.mark.skipif(not PAGES[0].exists(), reason="this is not a checkout")


def shell_lines() -> list[str]:
    """Return the reconciler command lines in code blocks that contain only commands."""
    texts = (path.read_text(encoding="utf-8") for path in PAGES)
    blocks = [match[2] for text in texts for match in FENCE.finditer(text)]
    lines = [re.sub(r"\s+# .*", "", each) for block in blocks for each in block.splitlines()]
    return [each for each in lines if COMMAND.search(each) and not each.startswith("$ ")]


def mentioned() -> list[str]:
    """Return each ``reconciler`` command in code blocks and inline code, even if it is wrapped."""
    found = set()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        spans = [" ".join(each.split()) for each in SPAN.findall(FENCE.sub("", text))]
        blocks = [re.sub(r"\s+# .*", "", match[2]) for match in FENCE.finditer(text)]
        for part in (*spans, *blocks):
            found.update(each.strip() for each in COMMAND.findall(part))
    return sorted(found)


@pytest.mark.parametrize("line", mentioned())
def test_documented_command_has_valid_options_and_arguments(line):
    _, *words = shlex.split(line)
    words = split_values(words)
    if "--install-completion" in words:
        return
    root = typer.main.get_command(app)
    command = root.commands[words[0]]
    # A usage error would be raised here; the command does not run.
    command.make_context(words[0], words[1:])


def test_documentation_contains_reconciler_commands():
    assert len(mentioned()) >= 15
    assert len(shell_lines()) >= 12


@pytest.fixture(scope="module")
def cluster_of_the_documentation(tmp_path_factory):
    from support.served import serving  # noqa: PLC0415 - next to its only use

    vms = [{"name": name, "namespace": "team-a", "guest": "1Gi"} for name in ("db-1", "db-2")]
    kubeconfig = tmp_path_factory.mktemp("cluster") / "kubeconfig"
    with serving(kubeconfig, "hotplug", vms=vms) as served:
        yield served


RUN = [each for each in shell_lines() if COMMAND.findall(each)[0].split()[1] not in ONLY_PARSED]


@pytest.mark.parametrize("line", RUN)
def test_documented_shell_command_succeeds(
    line, git, command, cluster_of_the_documentation, monkeypatch
):
    git.commit({"vms.yaml": MANIFEST})
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    monkeypatch.chdir(git.path)
    (git.path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.setenv("RECONCILER_KUBECONFIG", str(cluster_of_the_documentation.kubeconfig))
    monkeypatch.setenv("RECONCILER_YES", "1")
    # kubectl and kustomize are not needed: the manifests are what they would print.
    rendered = SimpleNamespace(buffer=io.BytesIO(MANIFEST.encode()), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", rendered)
    (text,) = COMMAND.findall(line)
    _, *words = takewhile(lambda word: word not in {">", "2>"}, shlex.split(text))
    if "--kubeconfig" in words:
        kubeconfig = str(cluster_of_the_documentation.kubeconfig)
        words[words.index("--kubeconfig") + 1] = kubeconfig
    if "--snapshot" in words:
        command("snapshot", "--out", words[words.index("--snapshot") + 1])
    if "--config" in words:
        (git.path / "reconciler.yaml").write_text(CONFIG)
    if "--plan" in words:
        command("plan", "--repo", git, "--out", words[words.index("--plan") + 1])
    ended = command(*words)
    assert ended.code == 0, ended.err
