"""``FollowedBranch``: decides whether a webhook request concerns the branch that is applied.

A wrong decision has no effect on what is applied: an unnecessary poll costs one request to the
repository, and a push that is wrongly ignored is found at the next poll.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.escaping import printable
from reconciler.model.quoting import quoted
from reconciler.serve.hooks.payloads import BRANCHES, TAGS
from reconciler.serve.hooks.push_event import Delivery, EventKind, PushedRef

_SCP_LIKE = re.compile(r"[^/:]+@[^/:]+:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relevance:
    """Whether a webhook request causes a Git poll, and why; the message is safe to print."""

    ref: PushedRef | None = None
    """The pushed branch or tag, or None if the webhook request causes no poll."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedBranch:
    """The repository and the branch, tag or commit that ``serve`` applies."""

    repository: str
    """The repository URL, such as ``https://host/owner/name.git``, or a local directory."""
    revision: str
    """The branch, tag or commit hash; '' and ``HEAD`` mean the default branch."""

    def relevance(self, delivery: Delivery) -> Relevance:
        """Return whether a webhook request reports a push to the applied branch or tag."""
        if delivery.kind is not EventKind.PUSH:
            return Relevance(
                message=f"ignored: event kind {delivery.kind}; only pushes cause a Git poll"
            )
        if not self._is_repository(delivery.repository):
            return Relevance(
                message=f"ignored: {printable(quoted(delivery.repository))} is not the configured "
                "repository"
            )
        if not delivery.refs:
            return Relevance(ref=PushedRef(name=""), message="a Git poll starts now")
        found = [each for each in delivery.refs if self._is_followed(each, delivery)]
        if not found:
            pushed = printable(quoted(delivery.refs[0].name))
            if len(delivery.refs) > 1:
                pushed += f" and {len(delivery.refs) - 1} more"
            return Relevance(
                message=f"ignored: the push changes {pushed}, but not the configured branch or tag"
            )
        # The last entry is the newest state of the branch.
        if found[-1].deleted:
            return Relevance(message=f"ignored: {printable(quoted(found[-1].name))} was deleted")
        return Relevance(ref=found[-1], message="a Git poll starts now")

    def _is_repository(self, path: str) -> bool:
        """Return whether the repository URL ends in a path such as ``owner/name``.

        Host names are not compared, because one repository can have several host names. A local
        directory matches any path.
        """
        ours = _path(self.repository)
        theirs = _parts(path)
        return not theirs or ours is None or ours[-len(theirs) :] == theirs

    def _is_followed(self, ref: PushedRef, delivery: Delivery) -> bool:
        if self.revision in {"", "HEAD"}:
            branch = delivery.default_branch
            is_branch = ref.name.startswith(BRANCHES)
            return ref.name == BRANCHES + branch if branch else is_branch
        if not ref.name.startswith("refs/"):
            return ref.name == self.revision
        return ref.name in {self.revision, BRANCHES + self.revision, TAGS + self.revision}


def _path(address: str) -> list[str] | None:
    """Return the path segments of a remote repository's URL, or None for a local directory."""
    if address.startswith("file://"):
        return None
    for pattern in (_SCHEME, _SCP_LIKE):
        if match := pattern.match(address):
            return _parts(address[match.end() :])
    return None


def _parts(path: str) -> list[str]:
    path = path.strip("/").casefold().removesuffix(".git")
    return path.split("/") if path else []
