"""Builds the readers, writers and clocks that the use cases need."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app.clock import ScaledClock, ServerClock, SystemClock
from reconciler.app.input_options import DEFAULT_REVISION
from reconciler.errors import UsageError
from reconciler.escaping import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from reconciler.app.input_options import ClusterOptions, SourceOptions
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.informer.informer import ClusterInformer
    from reconciler.ports import BaseReader, Clock, DesiredReader, DryRun, LiveReader, Recorder
    from reconciler.source.git.repository import Repository
    from reconciler.source.git.transport.git_credentials import GitCredentials
    from reconciler.source.readers import CommitReader
    from reconciler.source.trust.signature_checker import SignatureChecker

# ruff: noqa: PLC0415 - each function imports its libraries, so that `reconciler --help` is fast


def run_id() -> str:
    """Return a unique name for this run: pod or host, process number, and a random part.

    The random part is needed because pods on one host network share the name of the host, and the
    first process of each pod has number 1.
    """
    host = os.environ.get("HOSTNAME") or socket.gethostname()
    return printable(f"{host}-{os.getpid()}-{secrets.token_hex(3)}")


def real_clock() -> Clock:
    """Return the real clock, which adopts the API server's time after the first response."""
    return ServerClock(SystemClock())


def scaled_clock(epoch: datetime, scale: float) -> Clock:
    """Return the demo's clock, which starts at a given time and runs at a given speed.

    *scale* is the speed; 1 is real time.
    """
    return ServerClock(ScaledClock(epoch=epoch, scale=scale))


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
def client(options: ClusterOptions, clock: Clock) -> Iterator[Client]:
    """Open a client of the API server."""
    from reconciler.cluster.api.client import Client

    with Client.from_options(
        clock=clock,
        kubeconfig_path=str(options.kubeconfig) if options.kubeconfig else None,
        context=options.context,
        request_timeout_s=options.request_timeout_s,
        timekeeper=clock if isinstance(clock, ServerClock) else None,
    ) as opened:
        yield opened


@contextmanager
def live(options: ClusterOptions, snapshot: Path | None, clock: Clock) -> Iterator[LiveReader]:
    """Open the reader of a cluster or, if a snapshot file is given, of this file."""
    if snapshot is not None:
        from reconciler.cluster.read.snapshot_file import SnapshotReader

        yield SnapshotReader(snapshot)
        return
    from reconciler.cluster.read.cluster_reader import ClusterReader

    with client(options, clock) as opened:
        yield ClusterReader(opened, clock=clock)


def live_snapshot(options: ClusterOptions, clock: Clock) -> bytes:
    """Read the cluster, with pods and quotas, and return the text for ``plan --snapshot``.

    Raises:
        ClusterError: The cluster cannot be read.
    """
    from reconciler.cluster.read.snapshot_file import dump

    with live(options, None, clock) as reader:
        return dump(replace(reader.read(), capacity=reader.capacity()))


def informer(client: Client, clock: Clock, *, scale: float = 1.0) -> ClusterInformer:
    """Return an informer that keeps a snapshot of the cluster up to date; the caller opens it."""
    from reconciler.cluster.informer.informer import ClusterInformer

    return ClusterInformer(client, clock=clock, scale=scale)


def context_names(kubeconfig: str | None) -> tuple[str, ...]:
    """Return the names of the contexts in the kubeconfig."""
    from reconciler.cluster.api import kubeconfig as files

    return files.context_names(kubeconfig)


def namespace_names(options: ClusterOptions, clock: Clock) -> tuple[str, ...]:
    """Return the names of the namespaces in the cluster, with a request that is not repeated."""
    from reconciler.cluster.read.namespace_names import namespace_names as read

    with client(options, clock) as opened:
        return read(opened.without_retries())


def dry_run(client: Client) -> DryRun:
    """Return an object that sends writes with dryRun, and therefore cannot change anything."""
    from reconciler.cluster.write.dry_run import ClusterDryRun

    return ClusterDryRun(client)


@contextmanager
def recorder(
    client: Client,
    clock: Clock,
    *,
    instance: str,
    revision: str,
    hurried: Callable[[], bool],
    broken: Callable[[BaseException], None],
) -> Iterator[Recorder]:
    """Open a queue of Events; when the block ends, all its Events have been sent.

    The Events contain the name of the run (*instance*) and the *revision*. After a request to
    stop, *hurried* returns True, and the queue drops the Events that it cannot send in time. An
    error in a thread that sends Events is passed to *broken* and not raised, since the run's
    report must not be lost.
    """
    from reconciler.cluster.write.event_queue import QueuedRecorder
    from reconciler.cluster.write.events import ClusterRecorder

    direct = ClusterRecorder(client, clock=clock, instance=instance, revision=revision)
    with QueuedRecorder(direct, hurried=hurried, broken=broken) as queued:
        yield queued


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
