"""The only composition root: options in, readers, writers and clocks out."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.clock import ScaledClock, ServerClock, SystemClock
from reconciler.errors import UsageError
from reconciler.model.desired.config import Config, Mode, Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.shard import Shard
from reconciler.plan.plan_policy import PlanPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.cluster.api.client import Client
    from reconciler.model.plan.approval import Approval
    from reconciler.ports import Clock, DesiredReader, LiveReader
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.source.cache.parse_cache import ParseCache
    from reconciler.source.git.repository import Repository

CONFIG_LEASE = "memory-reconciler-config"
"""Over the KubeVirt CR; named in the Role of examples/deploy."""
MEMORY_LEASE = "memory-reconciler-memory-0"
"""Over the VMs, of the first shard if there are several; named there too."""

ALWAYS = (Window(kind=WindowKind.ALLOW, cron="0 0 * * *", duration=Duration.parse("48h")),)
"""A window that never closes, in place of those that are ignored on request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Where the desired state comes from."""

    repo: str | None = None
    revision: str = "HEAD"
    working_tree: bool = False
    files: tuple[str, ...] = ()
    namespace: str | None = None
    selector: str | None = None
    mode: str | None = None
    fetch_timeout_s: float = 120.0
    cache_dir: Path | None = None
    """Where what was parsed is kept between runs; None keeps nothing."""
    shard: Shard = field(default_factory=Shard)
    """Whose VMs are decided; all are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Which cluster, and how patient we are with it."""

    kubeconfig: str | None = None
    context: str | None = None
    request_timeout_s: float = 30.0
    time_scale: float = 1.0
    """Seconds of the clock a real second; more than 1 only in the demo."""


def source_options(
    repo: str | None,
    revision: str,
    working_tree: bool,
    files: list[str] | None,
    namespace: str | None,
    selector: str | None,
    mode: str | None = None,
    cache_dir: Path | None = None,
    shard: Shard = Shard(),  # noqa: B008 - frozen
) -> SourceOptions:
    """What the options that commands share say of the desired state."""
    return SourceOptions(
        repo=repo,
        revision=revision,
        working_tree=working_tree,
        files=tuple(files or ()),
        namespace=namespace,
        selector=selector,
        mode=mode,
        cache_dir=cache_dir,
        shard=shard,
    )


def cluster_options(
    kubeconfig: Path | None, context: str | None, request_timeout_s: float
) -> ClusterOptions:
    """What the options that commands share say of the cluster."""
    return ClusterOptions(
        kubeconfig=str(kubeconfig) if kubeconfig else None,
        context=context,
        request_timeout_s=request_timeout_s,
    )


def memory_lease(shard: Shard) -> str:
    """The lease over the VMs of *shard*."""
    return f"memory-reconciler-memory-{shard.index}"


def run_id() -> str:
    """Names this run and no other: pod or host, process, and chance.

    Pods on one host network share the host's name, and the first process of each is number 1.
    """
    host = os.environ.get("HOSTNAME") or socket.gethostname()
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"


def real_clock() -> Clock:
    """The time as it passes; of day, it is the API server's once that has answered."""
    return ServerClock(SystemClock())


def scaled_clock(epoch: datetime, scale: float) -> Clock:
    """Time that runs *scale* times as fast from *epoch* on; for the demo alone."""
    return ServerClock(ScaledClock(epoch=epoch, scale=scale))


@contextmanager
def desired(options: SourceOptions, *, follow: bool = False) -> Iterator[DesiredReader]:
    """The reader of the desired state; a clone made for it is gone at the end.

    Args:
        options: Where it comes from.
        follow: Whether it will be read again and again; then what was read is kept.

    Raises:
        UsageError: The options name no source, or two.
        SourceError: The repository cannot be opened or fetched.
    """
    from reconciler.source import (
        readers,
        stdin_and_files,
    )

    _reject_contradictions(options)
    if options.files:
        yield readers.StreamReader(
            stdin_and_files.read_inputs(options.files, sys.stdin.buffer),
            name="stdin" if options.files == ("-",) else "files",
            default_namespace=options.namespace,
            config=_overridden(Config(), options),
        )
        return
    if not options.repo:
        raise UsageError(
            "no desired state is named",
            hint="give --repo PATH or URL, or pipe manifests in with `-f -`",
        )
    with _repository(options) as (repository, revision):
        if options.working_tree:
            yield readers.WorkingTreeReader(
                repository,
                default_namespace=options.namespace,
                override=lambda config: _overridden(config, options),
            )
        else:
            with _cache(options) as cache:
                reader = readers.FollowingReader if follow else readers.CommitReader
                yield reader(
                    repository,
                    revision,
                    default_namespace=options.namespace,
                    override=lambda config: _overridden(config, options),
                    cache=cache,
                )


@contextmanager
def _cache(options: SourceOptions) -> Iterator[ParseCache | None]:
    if options.cache_dir is None:
        yield None
        return
    from reconciler.source.cache.parse_cache import ParseCache

    with ParseCache(options.cache_dir) as cache:
        yield cache


def _reject_contradictions(options: SourceOptions) -> None:
    named = options.revision != SourceOptions().revision
    if options.repo and options.files:
        raise UsageError(
            "--repo and -f name two sources",
            hint="give one of them; RECONCILER_REPO counts as --repo",
        )
    if options.files and (named or options.working_tree):
        other = "--working-tree" if options.working_tree else "--revision"
        raise UsageError(f"{other} is about a repository, and -f names none", hint="leave it out")
    if named and options.working_tree:
        raise UsageError(
            f"--working-tree reads what lies in --repo, not the revision {options.revision}",
            hint="leave one of the two out",
        )


@contextmanager
def client(options: ClusterOptions, clock: Clock) -> Iterator[Client]:
    """A client of the cluster, closed at the end."""
    from reconciler.cluster.api.client import Client

    with Client.from_options(
        clock=clock,
        kubeconfig_path=options.kubeconfig,
        context=options.context,
        request_timeout_s=options.request_timeout_s,
        timekeeper=clock if isinstance(clock, ServerClock) else None,
    ) as opened:
        yield opened


@contextmanager
def live(options: ClusterOptions, snapshot: Path | None, clock: Clock) -> Iterator[LiveReader]:
    """The reader of a cluster, or of a file that stands for one."""
    if snapshot is not None:
        from reconciler.cluster.read.snapshot_file import SnapshotReader

        yield SnapshotReader(snapshot)
        return
    from reconciler.cluster.read.cluster_reader import ClusterReader

    with client(options, clock) as opened:
        yield ClusterReader(opened, clock=clock)


def plan_policy(
    config: Config,
    *,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    ignore_windows: bool = False,
) -> PlanPolicy:
    """What the configuration consents to, and for which VMs."""
    return PlanPolicy(
        shard=shard,
        create=config.create,
        restart=config.restart,
        guest_timeout_s=config.guest_timeout.seconds,
        cluster=config.cluster or "",
        max_concurrent=config.max_concurrent,
        max_per_node=config.max_per_node,
        batches=config.batches,
        canary=config.canary,
        anti_affinity=config.anti_affinity,
        failed_migrations=config.failed_migrations,
        windows=ALWAYS if ignore_windows else config.windows,
    )


def rollout_policy(
    config: Config, *, deadline_s: float | None, follow: bool, approval: Approval | None = None
) -> RolloutPolicy:
    """How far and how long."""
    from reconciler.rollout.rollout_policy import RolloutPolicy

    return RolloutPolicy(
        failure_budget=config.failure_budget,
        annotate=config.annotate,
        approval=approval,
        settle_deadline_s=config.settle_timeout.seconds,
        deadline_s=deadline_s,
        follow=follow,
    )


def _overridden(config: Config, options: SourceOptions) -> Config:
    from reconciler.model.selector import Selector, SelectorError

    if options.mode is not None:
        if options.mode not in set(Mode):
            raise UsageError(
                f"--mode {options.mode} is not known", hint="write observe or enforce"
            )
        config = config.overridden({"mode": Mode(options.mode)}, "flag --mode")
    if options.selector is not None:
        try:
            chosen = Selector.parse(options.selector)
        except SelectorError as error:
            raise UsageError(
                f"--selector {options.selector}: {error}", hint="it is what kubectl's -l takes"
            ) from error
        config = config.overridden({"selector": chosen}, "flag --selector")
    return config


@contextmanager
def _repository(options: SourceOptions) -> Iterator[tuple[Repository, str]]:
    """The repository, and the revision to read in it."""
    from reconciler.source.git.remote import clone_or_fetch
    from reconciler.source.git.repository import Repository
    from reconciler.source.git.repository_url import is_remote

    repo = options.repo or ""
    if not is_remote(repo):
        with Repository.open(repo) as opened:
            yield opened, options.revision
        return
    if options.working_tree:
        raise UsageError("--working-tree needs a local repository", hint="clone it first")
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        fetched, commit = clone_or_fetch(
            repo,
            Path(folder) / "repository.git",
            options.revision,
            timeout_s=options.fetch_timeout_s,
            clock=real_clock(),
        )
        with fetched:
            yield fetched, commit
