"""``post_check``: creates a GitHub check run, and adds its annotations in several requests."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from reconciler.errors import ForgeError
from reconciler.forge.github_checks import ANNOTATIONS_EACH

if TYPE_CHECKING:
    from reconciler.forge.check_run import CheckRun
    from reconciler.forge.forge_client import ForgeClient
    from reconciler.forge.github_checks import GitHubChecks, KnownRun

_ATTEMPTS = 3


def post_check(client: ForgeClient, checks: GitHubChecks, commit: str, run: CheckRun) -> bool:
    """Create a check run with all its annotations, or return False if the token lacks permission.

    A request can take effect although no response arrives. Repeating such a request would
    duplicate annotations. After a failure, this function therefore first reads how many
    annotations GitHub has stored.

    Raises:
        ForgeError: The check run or some of its annotations could not be created.
    """
    try:
        known = _created(client, checks, commit, run)
    except ForgeError as error:
        if error.status == HTTPStatus.FORBIDDEN and error.retry_after_s is None:
            return False
        raise
    start = max(known.n_annotations, min(ANNOTATIONS_EACH, len(run.annotations)))
    failures = 0
    while start < len(run.annotations):
        try:
            client.send(checks.add_annotations(known.id, run, start))
            start += ANNOTATIONS_EACH
        except ForgeError as error:
            failures += 1
            if not error.retryable_now or failures >= _ATTEMPTS:
                raise
            answer = client.send(checks.read(known.id))
            start = checks.decode_run(answer.body).n_annotations
    return True


def _created(client: ForgeClient, checks: GitHubChecks, commit: str, run: CheckRun) -> KnownRun:
    """Create a check run; if no response arrives, find the check run that GitHub created."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return checks.decode_run(client.send(checks.create(commit, run)).body)
        except ForgeError as error:
            if not error.retryable_now or attempt == _ATTEMPTS:
                raise
        answer = client.send(checks.latest(commit, run.name))
        for known in checks.decode_runs(answer.body):
            if known.external_id == run.key:
                return known
    raise AssertionError("unreachable: the last attempt returns or raises")
