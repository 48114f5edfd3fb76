"""Opens the source of the desired state: ``desired`` and ``desired_and_base``."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app.input_options import DEFAULT_REVISION
from reconciler.app.wiring.clock_wiring import real_clock
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.app.input_options import SourceOptions
    from reconciler.ports import BaseReader, Clock, DesiredReader
    from reconciler.source.git.repository import Repository
    from reconciler.source.git.transport.git_credentials import GitCredentials
    from reconciler.source.readers import CommitReader
    from reconciler.source.trust.signature_checker import SignatureChecker

# ruff: noqa: PLC0415 - each function imports its libraries, so that `reconciler --help` is fast


def shown_address(repo: str) -> str:
    """Return the address of a repository without the credentials that it may contain."""
    from reconciler.source.git.repository_url import shown

    return shown(repo)


@contextmanager
def desired(options: SourceOptions) -> Iterator[DesiredReader]:
    """Open the reader of the desired state; at the end, delete a temporary clone.

    Raises:
        UsageError: The options select no source, or more than one.
        SourceError: The repository cannot be opened or fetched.
    """
    from reconciler.source.scoped_reader import ScopedReader

    options.reject_contradictions()
    scope = options.scope()
    with _whole(options) as reader:
        yield ScopedReader(reader, scope, strict=bool(options.files))


@contextmanager
def desired_and_base(
    options: SourceOptions, base: str
) -> Iterator[tuple[DesiredReader, BaseReader]]:
    """Open two readers of the desired state: for the planned commit and for its base commit.

    Raises:
        UsageError: The options select no source, more than one, or no repository.
        SourceError: The repository cannot be opened or fetched.
    """
    from reconciler.source.base_reader import BaseReader
    from reconciler.source.scoped_reader import ScopedReader

    options.reject_contradictions()
    if options.files:
        raise UsageError(
            "--base needs --repo and cannot be combined with -f",
            hint="use one of the two; the environment variable RECONCILER_BASE also sets --base",
        )
    # An earlier commit that stays in force says nothing about a pull request.
    options = replace(options, newest_only=True)
    scope = options.scope()
    with (
        _repository(options, base) as (repository, revision, deepen),
        _reading(options, repository, revision, deepen, cached=True) as (reader, commits),
    ):
        yield (
            ScopedReader(reader, scope, strict=False),
            BaseReader(commits, repository, requested=base, revision=revision, scope=scope),
        )


@contextmanager
def _whole(options: SourceOptions) -> Iterator[DesiredReader]:
    """Open a reader of all objects in the source, regardless of the selected names."""
    from reconciler.source import readers, stdin_and_files

    if options.files:
        config = options.config
        yield readers.StreamReader(
            stdin_and_files.read_inputs(options.files),
            name="stdin" if options.files == ("-",) else "files",
            default_namespace=options.default_namespace,
            config_text=stdin_and_files.read_input(config) if config else None,
            override=options.override,
        )
        return
    with (
        _repository(options) as (repository, revision, deepen),
        _reading(options, repository, revision, deepen, cached=not options.working_tree) as (
            reader,
            _,
        ),
    ):
        yield reader


@contextmanager
def _reading(
    options: SourceOptions,
    repository: Repository,
    revision: str,
    deepen: Callable[[int | None], None] | None,
    *,
    cached: bool,
) -> Iterator[tuple[DesiredReader, CommitReader]]:
    """Yield a reader of the commit or the working tree, and a reader for other commits."""
    from reconciler.source import readers
    from reconciler.source.cache.parse_cache import ParseCache
    from reconciler.source.commit_search import CommitSearch
    from reconciler.source.rewritten_history import RewrittenHistoryReader
    from reconciler.source.uncommitted import UncommittedReader

    folder = options.cache_dir if cached else None
    shared = options.allow_shared_cache_dir
    with (
        _signature_checker(options, repository) as checker,
        ParseCache(folder, shared=shared) if folder else nullcontext() as cache,
    ):
        search = CommitSearch(
            repository,
            options.revision or DEFAULT_REVISION,
            checker=checker,
            deepen=deepen,
            newest_only=options.newest_only,
        )
        commits = readers.CommitReader(
            repository,
            revision,
            default_namespace=options.default_namespace,
            override=options.override,
            cache=cache,
            search=search,
        )
        if options.working_tree:
            tree = readers.WorkingTreeReader(
                repository, default_namespace=options.default_namespace, override=options.override
            )
            yield tree, commits
            return
        reader = RewrittenHistoryReader(UncommittedReader(commits, repository), repository)
        yield reader, commits


@contextmanager
def _signature_checker(
    options: SourceOptions, repository: Repository
) -> Iterator[SignatureChecker | None]:
    """Open a checker of commit signatures; None if signatures are not checked.

    Raises:
        UsageError: The file of --verify is invalid, or is in the repository.
        SourceError: A program that checks signatures is missing.
    """
    if options.verify is None:
        yield None
        return
    from reconciler.source.git.repository_url import is_remote, local_folder
    from reconciler.source.trust.signature_checker import signature_checker
    from reconciler.source.trust.verification_file import read_verification

    repo = options.repo or ""
    folder = local_folder(repo) if is_remote(repo) else repository.root
    outside = (folder,) if folder else ()
    verification = read_verification(options.verify, outside)
    with signature_checker(repository, verification, real_clock()) as checker:
        yield checker


@contextmanager
def _repository(
    options: SourceOptions, base: str = ""
) -> Iterator[tuple[Repository, str, Callable[[int | None], None] | None]]:
    """Open the repository, and yield it together with the revision to read.

    A repository that is fetched also contains *base*, and the history of both. For such a
    repository, the third value fetches the given number of commits of the revision (None: all).
    """
    from reconciler.model.revision.commit_in_force import MAX_ANCESTORS
    from reconciler.source.cache.fetch_folder import fetch_folder
    from reconciler.source.git.remote import clone_or_fetch
    from reconciler.source.git.repository import Repository
    from reconciler.source.git.repository_url import is_remote

    repo, revision = options.repo or "", options.revision or DEFAULT_REVISION
    if not is_remote(repo):
        with Repository.open(repo) as opened:
            yield opened, revision, None
        return
    if options.working_tree:
        raise UsageError("--working-tree needs a local repository", hint="clone it first")
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
            # A process that shares the cache may still search these commits.
            n_commits=MAX_ANCESTORS + 1 if options.cache_dir else 1,
            credentials=_git_credentials(options.git_credentials, clock),
        )
        if base:
            fetch(base)[0].close()
        fetched, commit = fetch(revision)

        def deepen(n_commits: int | None) -> None:
            whole = bool(base) or n_commits is None
            fetch(revision, n_commits=n_commits or 1, history=whole)[0].close()

        with fetched:
            yield fetched, commit, deepen


def _git_credentials(folder: Path | None, clock: Clock) -> GitCredentials | None:
    if folder is None:
        return None
    from reconciler.forge.github_app import installation_token
    from reconciler.source.git.transport.git_credentials import GitCredentials

    return GitCredentials(
        folder=folder, installation_token=partial(installation_token, clock=clock)
    )
