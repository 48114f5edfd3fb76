"""``place_at``: starts a local Git host API with a client whose clock only the test advances."""

from __future__ import annotations

from dataclasses import dataclass

from support.fake_ports import FakeClock
from support.forges.fake_forge import HEAD, TOKEN, FakeForge, FakeGitea, FakeGitHub, FakeGitLab

from reconciler.forge.forge import Forge
from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.github import Gitea, GitHub
from reconciler.forge.gitlab import GitLab
from reconciler.forge.post_comment import Posted, marker_of, post_comment
from reconciler.forge.result_stamp import Outdated, ResultKind, ResultStamp

KINDS = {
    "github": (FakeGitHub, GitHub),
    "gitlab": (FakeGitLab, GitLab),
    "gitea": (FakeGitea, Gitea),
}
MARKER = marker_of("production")
STAMP = ResultStamp(kind=ResultKind.PLAN, commit=HEAD)
OPENING = f"{MARKER}\n{STAMP.line()}"
"""The two hidden lines at the start of a pull request comment."""


@dataclass
class Place:
    """A local server that imitates a Git host, and a client that comments on pull request 7."""

    server: FakeForge
    forge: Forge
    client: ForgeClient
    clock: FakeClock

    def post(
        self, text: str = "the plan", marker: str = MARKER, stamp: ResultStamp = STAMP
    ) -> Posted | Outdated:
        return post_comment(self.client, self.forge, 7, marker=marker, stamp=stamp, text=text)

    def line(self, name: str) -> str:
        """Return the method and path that the local server receives for the named request."""
        request = {
            "user": self.forge.user(),
            "list": self.forge.comments(7),
            "pull": self.forge.pull_request(7),
            "create": self.forge.create_comment(7, ""),
        }[name]
        return f"{request.method} {self.server.base}{request.path}"


def place_at(kind: str):
    server, forge = KINDS[kind][0](), KINDS[kind][1]("team/vms")
    clock = FakeClock()
    client = ForgeClient(server.url, token=TOKEN, headers=forge.headers(TOKEN), clock=clock)
    return Place(server=server, forge=forge, client=client, clock=clock)
