"""``HostedRepository``: a bare repository with one pull request on a local Git host."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from support.forges.pull import Pull
from support.served import Git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.forges.fake_forge import FakeForge

BRANCH = "grow"
"""The name of the branch of pull request 7."""
HEAD_REF = "refs/pull/7/head"
MERGE_REF = "refs/pull/7/merge"
"""The ref of the merge commit that the Git host would create for pull request 7."""


class HostedRepository:
    """The repository team/vms; a push also updates pull request 7 on the local Git host."""

    def __init__(self, folder: Path, forge: FakeForge, files: Mapping[str, str]) -> None:
        self.bare = folder / "vms.git"
        command = ("git", "init", "--quiet", "--bare", "--initial-branch=main", self.bare)
        subprocess.run(command, check=True)
        self.forge = forge
        self.author = Git(folder / "author")
        self.author("remote", "add", "origin", str(self.bare))
        self.author.commit(files)
        self.author("push", "--quiet", "origin", "main")
        self.author("checkout", "--quiet", "-b", BRANCH)

    def push(self, files: Mapping[str, str]) -> str:
        """Push a commit to the branch of the pull request, and return the commit's hash."""
        commit = self.author.commit(files)
        self.author("push", "--quiet", "origin", BRANCH, f"{BRANCH}:{HEAD_REF}")
        self.author("checkout", "--quiet", "--detach", "main")
        self.author("merge", "--quiet", "--no-ff", "--message=merge", BRANCH)
        self.author("push", "--quiet", "--force", "origin", f"HEAD:{MERGE_REF}")
        self.author("checkout", "--quiet", BRANCH)
        self.forge.pulls = [Pull(7, commit, branch=BRANCH)]
        return commit

    def merge(self) -> str:
        """Merge the pull request, and return the hash of the default branch's last commit."""
        self.author("fetch", "--quiet", "origin", MERGE_REF)
        self.author("push", "--quiet", "origin", "FETCH_HEAD:main")
        return self.commit("main")

    def commit(self, ref: str) -> str:
        """Return the commit hash to which *ref* points in the bare repository."""
        done = subprocess.run(
            ("git", "-C", self.bare, "rev-parse", ref), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()
