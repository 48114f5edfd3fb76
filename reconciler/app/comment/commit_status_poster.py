"""``CommitStatusPoster``: sets commit statuses on a Git host from a background thread."""

from __future__ import annotations

import logging
from dataclasses import dataclass
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
"""Minimum seconds between two statuses for a commit that differ only in the description."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
_END_S = 2.0


@dataclass(frozen=True, slots=True)
class _Posted:
    state: StatusState
    description: str
    at: float


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
        self._posted: dict[str, _Posted] = {}
        self._failures = 0

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread that sets commit statuses; the next process sets those still missing."""
        self._worker.end(_END_S)

    def show(self, statuses: Iterable[ShownStatus]) -> None:
        """Replace the statuses that the Git host should show, and return immediately.

        A status that is not in *statuses* is no longer retried; a later call can set it again.
        """
        wanted = {each.commit: each for each in statuses}
        with self._changed:
            if wanted != self._wanted:
                self._wanted = wanted
                self._posted = {
                    commit: each for commit, each in self._posted.items() if commit in wanted
                }
                self._changed.notify_all()

    def _run(self) -> None:
        while not self._worker.ending:
            with self._changed:
                due = self._due()
                if due is None:
                    self._changed.wait(QUIET_S)
                    continue
            self._worker.pause(self._post(due))

    def _due(self) -> ShownStatus | None:
        now = self._clock.monotonic()
        for each in self._wanted.values():
            known = self._posted.get(each.commit)
            if known is None or known.state is not each.state:
                return each
            if known.description != each.description and now - known.at >= QUIET_S:
                return each
        return None

    def _post(self, shown: ShownStatus) -> float:
        """Set a commit status, and return the seconds until the next status can be set."""
        status = CommitStatus(
            state=State(shown.state),
            name=self._options.name,
            description=printable(shown.description, MAX_DESCRIPTION),
            link=self._options.forge.link or "",
        )
        try:
            with self._client() as client:
                post_status(client, self._forge, shown.commit, status)
        except ReconcilerError as error:
            self._failures += 1
            words = "cannot set the status of commit %s; trying again: %s"
            log.warning(words, shown.commit[:12], error)
            return backoff.pause_s(
                self._failures,
                first_s=_FIRST_PAUSE_S,
                longest_s=_LONGEST_PAUSE_S,
                jitter=0.5,
            )
        self._failures = 0
        at = self._clock.monotonic()
        with self._changed:
            if shown.commit in self._wanted:
                self._posted[shown.commit] = _Posted(shown.state, shown.description, at)
        words = "set the status of commit %s to %s: %s"
        log.info(words, shown.commit[:12], shown.state, shown.description)
        return 0.0

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
