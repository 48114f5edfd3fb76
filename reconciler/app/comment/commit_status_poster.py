"""``CommitStatusPoster``: sets commit statuses on a Git host from a background thread."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from reconciler.app.comment.forge_options import TOKEN_VARIABLE
from reconciler.app.comment.forges import forge_of
from reconciler.app.comment.result_content import MAX_DESCRIPTION
from reconciler.errors import ReconcilerError, UsageError
from reconciler.escaping import printable
from reconciler.forge.forge import CommitStatus, State
from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.post_comment import post_status
from reconciler.model import backoff
from reconciler.model.service.shown_status import StatusState
from reconciler.worker_thread import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from reconciler.app.comment.forge_options import StatusOptions
    from reconciler.model.service.shown_status import ShownStatus
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

QUIET_S = 30.0
"""Minimum seconds between two statuses of a commit if only their descriptions differ.

The minimum doubles after each 20 statuses for the commit.
"""
LONGEST_QUIET_S = 3_600.0
MOST_STATUSES = 900
"""After this number of statuses for a commit, only changes to a final state are sent.

GitHub accepts 1,000 statuses for a commit and a status name.

Source: GitHub REST API 2022-11-28, "Create a commit status".
"""
_DOUBLED_EACH = 20
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
_END_S = 2.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """The statuses that were sent for one commit, and the failed requests."""

    state: StatusState | None = None
    """The state that the Git host has, or None if no status was accepted yet."""
    description: str = ""
    at: float = 0.0
    count: int = 0
    """The number of accepted statuses."""
    failures: int = 0
    """The number of failed requests since the last accepted status."""
    not_before: float = 0.0
    """The earliest time of the next request."""

    def due_at(self, wanted: ShownStatus) -> float | None:
        """Return the earliest monotonic time to send a status, or None if none must be sent."""
        if self.state is wanted.state and self.description == wanted.description:
            return None
        if self.state is None:
            return self.not_before
        if self.state is not wanted.state:
            final = wanted.state is not StatusState.PENDING
            return self.not_before if final or self.count < MOST_STATUSES else None
        if self.count >= MOST_STATUSES:
            return None
        quiet_s = min(LONGEST_QUIET_S, QUIET_S * 2.0 ** (self.count // _DOUBLED_EACH))
        return max(self.not_before, self.at + quiet_s)


class CommitStatusPoster:
    """Sets the newest status of each commit on a Git host; use the object in a ``with`` block.

    Args:
        options: Where the statuses are set.
        environ: The environment variables.
        clock: Measures the pauses between attempts.
    """

    def __init__(self, options: StatusOptions, environ: Mapping[str, str], clock: Clock) -> None:
        """Check the options without sending a request.

        Raises:
            UsageError: An option is missing or malformed, or no token is set.
        """
        self._options, self._environ, self._clock = options, environ, clock
        self._forge, self._base_url = forge_of(options.forge)
        self._client()
        self._worker = WorkerThread("commit status", self._run)
        self._changed = self._worker.changed
        self._wanted: dict[str, ShownStatus] = {}
        self._sent: dict[str, _Sent] = {}

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread that sets commit statuses; the next process sets missing ones."""
        self._worker.end(_END_S)

    def show(self, statuses: Iterable[ShownStatus]) -> None:
        """Replace the statuses that the Git host should show, and return immediately.

        A status that is not in *statuses* is no longer retried; a later call can set it again.
        """
        wanted = {each.commit: each for each in statuses}
        with self._changed:
            if wanted != self._wanted:
                self._wanted = wanted
                self._sent = {
                    commit: each for commit, each in self._sent.items() if commit in wanted
                }
                self._changed.notify_all()

    def _run(self) -> None:
        while not self._worker.ending:
            with self._changed:
                due, left_s = self._due()
                if due is None:
                    self._changed.wait(left_s)
                    continue
            self._post(due)

    def _due(self) -> tuple[ShownStatus | None, float]:
        """Return a status that can be sent now, or None and the longest time to wait."""
        now, left_s = self._clock.monotonic(), QUIET_S
        for each in self._wanted.values():
            at = self._sent.get(each.commit, _Sent()).due_at(each)
            if at is None:
                continue
            if at <= now:
                return each, 0.0
            left_s = min(left_s, at - now)
        return None, left_s

    def _post(self, shown: ShownStatus) -> None:
        """Send a commit status; after a failure, only this commit waits for the next attempt."""
        status = CommitStatus(
            state=State(shown.state),
            name=self._options.name,
            description=printable(shown.description, MAX_DESCRIPTION),
            link=self._options.forge.link or "",
        )
        problem = ""
        try:
            with self._client() as client:
                post_status(client, self._forge, shown.commit, status)
        except ReconcilerError as error:
            problem = str(error)
        except Exception as error:
            # A bug must not end the thread, because later statuses would be missing.
            log.exception("cannot set a commit status because of a bug in reconciler")
            problem = f"a bug in reconciler: {type(error).__name__}"
        at = self._clock.monotonic()
        with self._changed:
            if shown.commit in self._wanted:
                sent = self._sent.get(shown.commit, _Sent())
                self._sent[shown.commit] = _after(sent, shown, at, failed=bool(problem))
        if problem:
            words = "cannot set the status of commit %s; trying again: %s"
            log.warning(words, shown.commit[:12], problem)
        else:
            words = "set the status of commit %s to %s: %s"
            log.info(words, shown.commit[:12], shown.state, shown.description)

    def _client(self) -> ForgeClient:
        token = self._token()
        return ForgeClient(
            self._base_url,
            token=token,
            headers=self._forge.headers(token),
            clock=self._clock,
            ca=self._options.forge.ca,
        )

    def _token(self) -> str:
        file = self._options.token_file
        if file is None:
            token = self._environ.get(TOKEN_VARIABLE, "")
            if not token:
                raise UsageError(
                    f"the environment variable {TOKEN_VARIABLE} is not set",
                    hint="set it to an access token that can write commit statuses, or set "
                    "--forge-token-file",
                )
            return token
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise UsageError(
                f"the access token for the Git host cannot be read from {file}",
                hint="set --forge-token-file to a readable file that contains the token",
            ) from error


def _after(sent: _Sent, shown: ShownStatus, at: float, *, failed: bool) -> _Sent:
    """Return a copy of *sent* that includes the request that ended at *at*."""
    if not failed:
        return _Sent(state=shown.state, description=shown.description, at=at, count=sent.count + 1)
    failures = sent.failures + 1
    pause_s = backoff.pause_s(
        failures, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, jitter=0.5
    )
    return replace(sent, failures=failures, not_before=at + pause_s)
