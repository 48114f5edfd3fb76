"""``require_history`` and ``record_commit``: detect that the history of a branch was rewritten.

A Lease stores the branch and the commit that a run last applied. If a later run for the
same branch does not find that commit in the branch's history, the history was rewritten.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from reconciler.errors import InvalidError
from reconciler.model.annotations import COMMIT
from reconciler.model.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.revision.commit_in_force import CommitInForce, History
    from reconciler.ports import Lease

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def require_history(
    held: Iterable[Lease], found: CommitInForce | None, history: History | None
) -> None:
    """Check that the history of the requested revision contains the last applied commit.

    Args:
        held: The leases of the run.
        found: The commit to apply, or None if the source is not a commit.
        history: The history of the requested revision, or None if the source is not a commit.

    Raises:
        InvalidError: The history was rewritten, or a lease does not show what was applied.
        SourceError: The history cannot be fetched.
    """
    if found is None or history is None or history.is_fixed:
        return
    texts = [each.annotations().get(COMMIT) for each in held]
    chosen = found.commit or found.newest
    accept = f"accept it with `reconciler apply --revision {chosen}`"
    for text in texts:
        if text is not None and _recorded(text) is None:
            raise _unwritten(
                "history-unknown",
                f"the annotation {COMMIT} of a Lease is damaged, so it is unknown which commit "
                "was applied last",
                f"find out who changed the Lease; if the history of {found.revision} is correct, "
                f"{accept}",
            )
    for branch, commit in sorted(filter(None, map(_recorded, texts))):
        if branch == found.revision and not history.contains(commit):
            raise _unwritten(
                "rewritten-history",
                f"the history of {branch} was rewritten: commit {commit[:12]}, which was "
                f"applied before, is not in the history of commit {chosen[:12]}",
                f"restore the branch; or, if the new history is correct, {accept}",
            )


def _unwritten(code: str, message: str, hint: str) -> InvalidError:
    diagnostic = Diagnostic(severity=Severity.ERROR, code=code, message=message, hint=hint)
    return InvalidError(f"{message}; nothing was written", (diagnostic,))


def record_commit(
    held: Iterable[Lease], found: CommitInForce | None, history: History | None
) -> None:
    """Store the branch and the applied commit in the leases when they are next renewed.

    A run that applies a tag or a commit hash stores nothing, because it follows no branch. If the
    stored commit is not in the history of that tag or hash, the run removes the stored commit,
    because the user has chosen another history.

    Raises:
        SourceError: The history cannot be fetched.
    """
    if found is None or found.commit is None or history is None:
        return
    text = json.dumps({"revision": found.revision, "commit": found.commit})
    for each in held:
        stored = each.annotations().get(COMMIT)
        recorded = _recorded(stored)
        if not history.is_fixed:
            each.annotate_later({COMMIT: text})
        elif stored is not None and not (recorded and history.contains(recorded[1])):
            each.annotate_later({COMMIT: None})


def _recorded(text: str | None) -> tuple[str, str] | None:
    """Parse the branch and commit in a Lease annotation, or return None if it is malformed."""
    try:
        document = json.loads(text or "{}")
        branch, commit = document.get("revision"), document.get("commit")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(branch, str) or not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        return None
    return branch, commit
