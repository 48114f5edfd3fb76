"""``opened_repository`` and ``fetching``: open or fetch a Git repository."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reconciler.app.input_options import DEFAULT_REVISION
from reconciler.app.wiring.clock_wiring import real_clock
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.app.input_options import SourceOptions
    from reconciler.ports import Clock
    from reconciler.source.cache.parse_cache import ParseCache
    from reconciler.source.git.repository import Repository
    from reconciler.source.git.transport.git_credentials import GitCredentials
    from reconciler.source.readers import CommitReader
    from reconciler.source.trust.signature_checker import SignatureChecker

    Deepen: TypeAlias = Callable[[Repository, int | None], None]

# ruff: noqa: PLC0415 - each function imports its libraries, so that `reconciler --help` is fast


def parse_cache(options: SourceOptions) -> AbstractContextManager[ParseCache | None]:
    """Open the cache of parsed manifests, or yield None without ``--cache-dir``."""
    from reconciler.source.cache.parse_cache import ParseCache

    if options.cache_dir is None:
        return nullcontext()
    return ParseCache(options.cache_dir, shared=options.allow_shared_cache_dir)


def commit_reader(
    options: SourceOptions,
    repository: Repository,
    revision: str,
    deepen: Deepen | None,
    checker: SignatureChecker | None,
    cache: ParseCache | None,
) -> CommitReader:
    """Return a reader of a revision's newest commit that passes the repository checks."""
    from reconciler.source.commit_search import CommitSearch
    from reconciler.source.readers import CommitReader

    search = CommitSearch(
        repository,
        options.revision or DEFAULT_REVISION,
        checker=checker,
        deepen=partial(deepen, repository) if deepen else None,
        newest_only=options.newest_only,
    )
    return CommitReader(
        repository,
        revision,
        default_namespace=options.default_namespace,
        override=options.override,
        cache=cache,
        search=search,
    )


@contextmanager
def signature_checker(
    options: SourceOptions, repository: Repository
) -> Iterator[SignatureChecker | None]:
    """Open a checker of commit signatures, or yield None if signatures are not checked.

    Raises:
        UsageError: The file of --verify is invalid, or is in a clone of the repository.
        SourceError: A program that checks signatures is missing.
    """
    if options.verify is None:
        yield None
        return
    from reconciler.source.git.repository_url import is_remote, local_folder
    from reconciler.source.trust import signature_checker as checkers
    from reconciler.source.trust.repository_places import RepositoryPlaces
    from reconciler.source.trust.verification_file import read_verification

    repo = options.repo or ""
    folder = local_folder(repo) if is_remote(repo) else repository.root
    verification = read_verification(options.verify, RepositoryPlaces.of(repo, folder))
    with checkers.signature_checker(repository, verification, real_clock()) as checker:
        yield checker


def end_reads() -> None:
    """Stop the git processes of all threads, because this process ends."""
    from reconciler.source.git.git_process import end_running

    end_running()


@contextmanager
def opened_repository(
    options: SourceOptions, base: str = ""
) -> Iterator[tuple[Repository, str, Deepen | None]]:
    """Open the repository; yield the repository, the revision to read, and a fetch function.

    If the repository is remote and *base* is set, *base* and the history of both revisions are
    fetched, too. The fetch function fetches more commits of the revision's history. For a
    local repository, None replaces the fetch function.
    """
    with fetching(options, base) as fetch, fetch.newest() as (repository, revision):
        yield repository, revision, fetch.deepen


class Fetch(NamedTuple):
    """The functions that open a local repository, or fetch a remote one."""

    newest: Callable[[], AbstractContextManager[tuple[Repository, str]]]
    """Opens the repository; returns the repository and the fetched commit or local revision."""
    deepen: Deepen | None
    """Fetches a number of commits, or all, into a clone; None for a local repository."""


@contextmanager
def fetching(options: SourceOptions, base: str = "") -> Iterator[Fetch]:
    """Yield the functions that fetch the revision; nothing is fetched before they are called.

    Raises:
        UsageError: The working tree of a remote repository is requested.
    """
    from reconciler.model.revision.commit_in_force import MAX_ANCESTORS
    from reconciler.source.cache.fetch_folder import fetch_folder
    from reconciler.source.git.remote import clone_or_fetch
    from reconciler.source.git.repository import Repository
    from reconciler.source.git.repository_url import is_remote

    repo, revision = options.repo or "", options.revision or DEFAULT_REVISION
    if not is_remote(repo):

        @contextmanager
        def local() -> Iterator[tuple[Repository, str]]:
            with Repository.open(repo) as opened:
                yield opened, revision

        yield Fetch(local, None)
        return
    if options.working_tree:
        raise UsageError(
            "--working-tree needs a local repository",
            hint="clone the repository, and set --repo to the local directory",
        )
    clock = real_clock()
    shared = options.allow_shared_cache_dir
    with fetch_folder(repo, options.cache_dir, shared=shared) as folder:
        fetch = partial(
            clone_or_fetch,
            repo,
            folder,
            timeout_s=options.fetch_timeout_s,
            clock=clock,
            history=bool(base),
            # A process that shares the cache might still search these commits.
            n_commits=MAX_ANCESTORS + 1 if options.cache_dir else 1,
            credentials=_git_credentials(options.git_credentials, clock),
        )

        @contextmanager
        def newest() -> Iterator[tuple[Repository, str]]:
            if base:
                fetch(base)[0].close()
            repository, commit = fetch(revision)
            with repository:
                yield repository, commit

        def deepen(opened: Repository, n_commits: int | None) -> None:
            whole, count = bool(base) or n_commits is None, n_commits or 1
            fetch(revision, n_commits=count, history=whole, clone=opened.root)[0].close()

        yield Fetch(newest, deepen)


def _git_credentials(folder: Path | None, clock: Clock) -> GitCredentials | None:
    if folder is None:
        return None
    from reconciler.forge.github_app import installation_token
    from reconciler.source.git.transport.git_credentials import GitCredentials

    return GitCredentials(
        folder=folder, installation_token=partial(installation_token, clock=clock)
    )
