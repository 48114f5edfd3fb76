"""``client``, ``live`` and ``informer``: open the cluster for reading and for writing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.app.wiring.clock_wiring import server_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.app.input_options import ClusterOptions
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.api.transport import RequestCounter
    from reconciler.cluster.informer.api_probe import ApiProbe
    from reconciler.cluster.informer.informer import ClusterInformer
    from reconciler.ports import Clock, DryRun, LiveReader, Recorder

# ruff: noqa: PLC0415 - each function imports its libraries, so that `reconciler --help` is fast


@contextmanager
def client(
    options: ClusterOptions, clock: Clock, *, counted: RequestCounter | None = None
) -> Iterator[Client]:
    """Open an API server client; *counted* receives the verb and status of each request."""
    from reconciler.cluster.api.client import Client

    with Client.from_options(
        clock=clock,
        kubeconfig_path=str(options.kubeconfig) if options.kubeconfig else None,
        context=options.context,
        request_timeout_s=options.request_timeout_s,
        timekeeper=server_clock(clock),
        counted=counted,
    ) as opened:
        yield opened


@contextmanager
def live(options: ClusterOptions, snapshot: Path | None, clock: Clock) -> Iterator[LiveReader]:
    """Open the reader of the cluster snapshot file or, without a file, of the cluster."""
    if snapshot is not None:
        from reconciler.cluster.read.snapshot_file import SnapshotReader

        yield SnapshotReader(snapshot)
        return
    from reconciler.cluster.read.cluster_reader import ClusterReader

    with client(options, clock) as opened:
        yield ClusterReader(opened, clock=clock)


def live_snapshot(options: ClusterOptions, clock: Clock) -> bytes:
    """Read the cluster, including pods and quotas, and build a cluster snapshot file.

    Raises:
        ClusterError: The cluster cannot be read.
    """
    from reconciler.cluster.read.snapshot_file import dump

    with live(options, None, clock) as reader:
        return dump(replace(reader.read(), capacity=reader.capacity()))


def informer(
    client: Client,
    clock: Clock,
    *,
    scale: float = 1.0,
    changed: Callable[[], None] = lambda: None,
) -> ClusterInformer:
    """Return a closed informer, which keeps a snapshot of the cluster up to date once it is open.

    *changed* is called after each change, in the thread that received the change.
    """
    from reconciler.cluster.informer.informer import ClusterInformer

    return ClusterInformer(client, clock=clock, scale=scale, changed=changed)


def api_probe(client: Client, clock: Clock) -> ApiProbe:
    """Return a probe that detects an unresponsive API server; the caller opens the probe."""
    from reconciler.cluster.informer.api_probe import ApiProbe

    return ApiProbe(client, clock)


def context_names(kubeconfig: str | None) -> tuple[str, ...]:
    """Return the names of the contexts in the kubeconfig."""
    from reconciler.cluster.api import kubeconfig as files

    return files.context_names(kubeconfig)


def namespace_names(options: ClusterOptions, clock: Clock) -> tuple[str, ...]:
    """List the names of the namespaces in the cluster, with one request and no retry."""
    from reconciler.cluster.read.namespace_names import namespace_names as read

    with client(options, clock) as opened:
        return read(opened.without_retries())


def dry_run(client: Client) -> DryRun:
    """Return a writer that sends every write as a server-side dry run (``dryRun=All``)."""
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
    """Open a queue of Events, and send all queued Events before the block ends.

    The Events contain the name of the run (*instance*) and the *revision*. After a request to
    stop, *hurried* returns True, and the queue drops the Events that it cannot send in time. An
    error in a thread that sends Events is passed to *broken* and not raised, because the run's
    report must not be lost.
    """
    from reconciler.cluster.write.event_queue import QueuedRecorder
    from reconciler.cluster.write.events import ClusterRecorder

    direct = ClusterRecorder(client, clock=clock, instance=instance, revision=revision)
    with QueuedRecorder(direct, hurried=hurried, broken=broken) as queued:
        yield queued
