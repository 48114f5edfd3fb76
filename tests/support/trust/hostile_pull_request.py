"""``HostilePullRequest``: a repository whose second commit contains all known attacks."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golden.hostile_text import HOSTILE
from support.served import Git
from support.simulated import vm_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

CANARY = "canary-of-another-file"
"""A string in each file that the program must not read."""
_CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
_EXEC = """apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: here}}}}]
clusters: [{{name: here, cluster: {{server: "{url}"}}}}]
users:
- name: here
  user:
    exec: {{apiVersion: client.authentication.k8s.io/v1, command: "{program}"}}
"""
_YAML_TAGS = """kind: VirtualMachine
apiVersion: kubevirt.io/v1
metadata: !!python/object/apply:os.system ["{program}"]
spec: !include {secret}
---
!!python/object/new:subprocess.Popen [["{program}"]]
"""
_HOOKS = ("pre-commit", "post-checkout", "post-index-change", "reference-transaction")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostilePullRequest:
    """A checkout of the branch ``attack``, next to files that are not part of the repository."""

    git: Git
    outside: Path
    """A directory with secrets outside the checkout, to which links in the checkout point."""
    ran: Path
    """A file that exists only if a program of the checkout was executed."""

    @property
    def folder(self) -> Path:
        return self.git.path


def hostile_pull_request(path: Path, url: str) -> HostilePullRequest:
    """Create the hostile repository below *path*; nothing must contact *url*."""
    outside, ran = path / "outside", path / "ran"
    outside.mkdir(parents=True)
    (outside / "secret.yaml").write_text(vm_yaml("default", CANARY, "64Gi"))
    (outside / "token").write_text(CANARY)
    program = outside / "program"
    program.write_text(f"#!/bin/sh\necho $0 $* >> {ran}\ncat\n")
    program.chmod(0o755)
    git = Git(path / "checkout")
    git.commit({"vm.yaml": vm_yaml("default", "vm", "1Gi")})
    git("checkout", "--quiet", "-b", "attack")
    _links(git.path, outside)
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi"), **_files(url, program, outside)})
    _git_folders(git, program)
    (git.path / ".git/hooks").mkdir(exist_ok=True)  # a test repository has no template
    for name in _HOOKS:  # the hooks of the checkout, as an install script would link them
        (git.path / ".git/hooks" / name).symlink_to("../../.githooks/" + name)
    return HostilePullRequest(git=git, outside=outside, ran=ran)


def _files(url: str, program: Path, outside: Path) -> Mapping[str, str]:
    python = f"import os\nos.system('{program}')\n"
    script = program.read_text()
    submodule = f'[submodule "x"]\n\tpath = x\n\turl = ext::{program}\n\tupdate = !{program}\n'
    return {
        ".gitattributes": "* filter=x diff=x merge=x\n",
        ".gitmodules": submodule + f'[submodule "y"]\n\tpath = y\n\turl = {url}/y.git\n',
        ".lfsconfig": f"[lfs]\n\turl = {url}/lfs\n",
        ".gitconfig": f"[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n",
        **{f".githooks/{name}": script for name in _HOOKS},
        ".kube/config": _EXEC.format(url=url, program=program),
        "kubeconfig": _EXEC.format(url=url, program=program),
        ".env": f"KUBECONFIG={outside}/token\nRECONCILER_SNAPSHOT={outside}/token\n",
        ".netrc": "machine 127.0.0.1 login a password b\n",
        **dict.fromkeys(
            (
                *("sitecustomize.py", "usercustomize.py", "conftest.py", "json.py", "yaml.py"),
                *("reconciler/__init__.py", "reconciler/cli/main.py", "git.py", "msgspec.py"),
            ),
            python,
        ),
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "sitecustomize"\n',
        "git": script,
        "tags.yaml": _YAML_TAGS.format(program=program, secret=outside / "secret.yaml"),
        "kustomize/kustomization.yaml": f"resources: [{url}/base]\ngenerators: [exec.yaml]\n",
        "kustomize/exec.yaml": f"kind: x\nmetadata: {{annotations: {{a: 'exec: {program}'}}}}\n",
        "chart/Chart.yaml": f"name: x\ndependencies: [{{name: y, repository: '{url}'}}]\n",
        "chart/templates/vm.yaml": '{{ .Files.Get "../../outside/secret.yaml" }}\n',
        "server.yaml": f"kind: List\napiVersion: v1\nitems: [{{$ref: '{url}/x.yaml'}}]\n",
        **{name: _hostile_manifest(text) for name, text in hostile_names().items()},
    }


def hostile_names() -> Mapping[str, str]:
    """Map file names that are special to a shell, git or a CI runner to file contents."""
    names = (
        *("$(touch ran).yaml", "`touch ran`.yaml", ";touch ran;.yaml", "|touch ran.yaml"),
        *("--upload-pack=touch ran.yaml", "-c core.fsmonitor=x.yaml", "--output=ran.yaml"),
        *(":(exclude)*.yaml", ":!vm.yaml", "*.yaml", "..%2f..%2fetc.yaml", "C:\\x.yaml"),
        *("%0A::set-output name=a::b.yaml", "::error file=x::y.yaml", "a\n::warning::b.yaml"),
        *("a\r\x1b[2J\x1b]8;;x\x07.yaml", "<img src=x onerror=y>.yaml", "a](x) @team #1.yaml"),
    )
    texts = [each.replace("\0", "") for each in HOSTILE.values()]
    return {name: texts[n % len(texts)] for n, name in enumerate(names)}


def _hostile_manifest(text: str) -> str:
    quoted = json.dumps(text)
    good = vm_yaml("default", "vm", "2Gi")
    return f"{good.replace('2Gi', quoted)}---\n{good.replace('name: vm', f'name: {quoted}', 1)}"


def _links(folder: Path, outside: Path) -> None:
    targets = {
        "absolute.yaml": f"{outside}/secret.yaml",
        "relative.yaml": "../outside/secret.yaml",
        "folder": str(outside),
        "through.yaml": "folder/secret.yaml",
        "process.yaml": "/proc/self/environ",
        "git.yaml": ".git/config",
        "loop.yaml": "loop.yaml",
    }
    for name, target in targets.items():
        (folder / name).symlink_to(target)


def _git_folders(git: Git, program: Path) -> None:
    """Commit a submodule and directories named ``.git``, which git itself never adds."""
    config = f"[core]\n\tfsmonitor = {program}\n\thooksPath = hooks\n"
    blob = _written(git, "hash-object", "-w", "--stdin", text=config)
    hook = _written(git, "hash-object", "-w", "--stdin", text=program.read_text())
    hooks = _written(git, "mktree", text=f"100755 blob {hook}\tpost-checkout\n")
    inner = _written(
        git, "mktree", text=f"100644 blob {blob}\tconfig\n040000 tree {hooks}\thooks\n"
    )
    head = git("rev-parse", "HEAD")
    entries = git("ls-tree", "-z", "HEAD").split("\0")[:-1]
    entries += [f"040000 tree {inner}\t{name}" for name in (".git", ".GIT", "git~1")]
    entries += [f"160000 commit {head}\tx"]
    tree = _written(git, "mktree", "-z", text="".join(f"{each}\0" for each in entries))
    commit = git("commit-tree", "-p", head, "-m", "::error::x\x1b[2J", tree)
    git("update-ref", "HEAD", commit)


def _written(git: Git, *arguments: str, text: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=git.path, input=os.fsencode(text), capture_output=True, check=True
    )
    return done.stdout.decode().strip()
