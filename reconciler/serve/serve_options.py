"""``ServeOptions`` and ``ServiceOptions``: the options of ``reconciler serve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.app.comment.forge_options import StatusOptions
from reconciler.app.input_options import ClusterOptions, PrometheusOptions, SourceOptions
from reconciler.model.shard import WHOLE_FLEET, Shard

INTERVAL_S = 180.0
"""The default interval between two polls of the Git repository, in seconds."""
JITTER_S = 15.0
DEADLINE_S = 600.0
"""The default deadline of a rollout, in seconds; then other clients can start a rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """The options that only ``serve`` has: intervals, addresses and notification receivers."""

    interval_s: float = INTERVAL_S
    jitter_s: float = JITTER_S
    """Maximum random delay that is added to the interval between two Git polls, in seconds."""
    listen: str = "127.0.0.1:8080"
    """The listen address of the status pages, the API, the metrics and the probes."""
    hosts: tuple[str, ...] = ()
    """The host names that clients can use to request the status pages."""
    external_url: str = ""
    """The public URL of the status pages, to which commit statuses link."""
    docs_url: str = ""
    """The URL prefix for links to reason codes; if empty, links point to pages of this process."""
    hooks_listen: str = "127.0.0.1:8081"
    """The listen address for webhook requests, which is used only if secrets are configured."""
    hook_secrets: Path | None = None
    """The directory with the webhook secrets, or None to receive no webhook requests."""
    notify: Path | None = None
    """The file that lists the notification receivers, or None to send no notifications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The options of ``serve``."""

    source: SourceOptions
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    prometheus: PrometheusOptions = field(default_factory=PrometheusOptions)
    service: ServiceOptions = field(default_factory=ServiceOptions)
    shard: Shard = WHOLE_FLEET
    deadline_s: float = DEADLINE_S
    """The deadline of one rollout, in seconds; the next rollout continues its changes."""
    status: StatusOptions | None = None
    """Where the status of each commit is set, or None to set no status."""
    trace: Path | None = None
    """The file to which each rollout appends a line of JSON for each VM."""
