"""``desired`` and ``desired_and_base``: open the source of the desired state."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.app.wiring import git_wiring
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.app.input_options import SourceOptions
    from reconciler.ports import BaseReader, DesiredReader
    from reconciler.source.git.repository import Repository
    from reconciler.source.readers import CommitReader

# ruff: noqa: PLC0415 - each function imports its libraries, so that `reconciler --help` is fast


def shown_address(repo: str) -> str:
    """Return a repository's URL without any credentials."""
    from reconciler.source.git.repository_url import shown

    return shown(repo)


@contextmanager
def desired(options: SourceOptions) -> Iterator[DesiredReader]:
    """Open the reader of the desired state; delete its temporary clone, if any, at the end.

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
    """Open two readers of the desired state: one for a commit and one for its base commit.

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
            hint="use only one of the two; the environment variable RECONCILER_BASE also "
            "sets --base",
        )
    # For a pull request, only the newest commit is relevant, not the commit that is applied.
    options = replace(options, newest_only=True)
    scope = options.scope()
    with (
        git_wiring.opened_repository(options, base) as (repository, revision, deepen),
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
        git_wiring.opened_repository(options) as (repository, revision, deepen),
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
    deepen: git_wiring.Deepen | None,
    *,
    cached: bool,
) -> Iterator[tuple[DesiredReader, CommitReader]]:
    """Yield a reader of the requested commit or working tree, and a reader of other commits."""
    from reconciler.source import readers
    from reconciler.source.rewritten_history import RewrittenHistoryReader
    from reconciler.source.uncommitted import UncommittedReader

    with ExitStack() as stack:
        cache = stack.enter_context(git_wiring.parse_cache(options)) if cached else None
        checker = stack.enter_context(git_wiring.signature_checker(options, repository))
        commits = git_wiring.commit_reader(options, repository, revision, deepen, checker, cache)
        if options.working_tree:
            tree = readers.WorkingTreeReader(
                repository, default_namespace=options.default_namespace, override=options.override
            )
            yield tree, commits
            return
        reader = RewrittenHistoryReader(UncommittedReader(commits, repository), repository)
        yield reader, commits


@contextmanager
def polled(options: SourceOptions) -> Iterator[DesiredReader]:
    """Open a repository reader that fetches the revision before each read.

    The reader is opened without a fetch, so that an unreachable repository does not delay the
    start. The reader must be used in the thread that opens it.

    Raises:
        UsageError: The options select no repository, or contradict each other.
    """
    from reconciler.source.polled_reader import PolledReader
    from reconciler.source.scoped_reader import ScopedReader

    options.reject_contradictions()
    if options.files or options.working_tree:
        other = "--working-tree" if options.working_tree else "-f"
        raise UsageError(
            f"{other} cannot be combined with a command that reads a branch repeatedly",
            hint="set --repo to a repository and --revision to a branch",
        )
    with ExitStack() as stack:
        cache = stack.enter_context(git_wiring.parse_cache(options))
        fetch = stack.enter_context(git_wiring.fetching(options))

        def reader_of(repository: Repository, commit: str, opened: ExitStack) -> CommitReader:
            checker = opened.enter_context(git_wiring.signature_checker(options, repository))
            return git_wiring.commit_reader(
                options, repository, commit, fetch.deepen, checker, cache
            )

        reader = PolledReader(fetch.newest, reader_of, judges_again=options.verify is not None)
        yield ScopedReader(stack.enter_context(reader), options.scope(), strict=False)
