"""``notifier``: opens the sender of notifications."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.service.receiver import NotifySettings
    from reconciler.notify.notifier import Notifier
    from reconciler.ports import Clock

# ruff: noqa: PLC0415 - the function imports its libraries, so that `reconciler --help` is fast


@contextmanager
def notifier(
    path: Path,
    repo: str,
    clock: Clock,
    *,
    counted: Callable[[str, str], None],
    external_url: str = "",
    docs_url: str = "",
) -> Iterator[Notifier]:
    """Open the sender of notifications, whose receivers are in the file of ``--notify``.

    At the end of the block, the sender tries for some seconds to send queued notifications.

    Args:
        path: The file of ``--notify``.
        repo: The URL of the repository, whose clones must not contain the file.
        clock: Measures the pauses between attempts.
        counted: Called with the name of the receiver and the result of each notification.
        external_url: The URL of the status page, unless the file contains ``externalUrl``.
        docs_url: The URL prefix for links to reason codes; empty to link to the status page.

    Raises:
        UsageError: The file cannot be read, is invalid or is in the repository.
    """
    from reconciler.notify.notifier import Notifier
    from reconciler.report.notification.bodies import BODIES
    from reconciler.source.git.repository_url import is_remote, local_folder
    from reconciler.source.notify_file import read_notify
    from reconciler.source.trust.repository_places import RepositoryPlaces

    folder = local_folder(repo) if is_remote(repo) else Path(repo)
    places = RepositoryPlaces.of(repo, folder)

    def read() -> NotifySettings:
        found = read_notify(path, places, external_url)
        return replace(found, docs_url=docs_url.rstrip("/"))

    read()
    with Notifier(read, BODIES, clock, counted=counted) as opened:
        yield opened
