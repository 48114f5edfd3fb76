"""``ServeOptions`` and ``ServiceOptions``: the options of ``reconciler serve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.app.comment.forge_options import StatusOptions
from reconciler.app.input_options import ClusterOptions, PrometheusOptions, SourceOptions
from reconciler.model.shard import WHOLE_FLEET, Shard

INTERVAL_S = 180.0
"""The default interval between two reads of the repository, in seconds."""
JITTER_S = 15.0
DEADLINE_S = 600.0
"""The default deadline of one run, in seconds; other runs can start between two runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """The options that no other command has: intervals, addresses and receivers."""

    interval_s: float = INTERVAL_S
    jitter_s: float = JITTER_S
    """The time by which an interval may be longer, at random."""
    listen: str = "127.0.0.1:8080"
    """The address of the page, the API, the metrics and the probes."""
    hosts: tuple[str, ...] = ()
    """The host names under which clients may address the page."""
    external_url: str = ""
    """The address of the page for people, to which commit statuses link."""
    docs_url: str = ""
    """The address to which each reason links, without the code; empty for own pages."""
    hooks_listen: str = "127.0.0.1:8081"
    """The address that receives webhooks, if there are secrets."""
    hook_secrets: Path | None = None
    """The folder with the secrets of webhooks; None to receive no webhooks."""
    notify: Path | None = None
    """The file with the receivers of notifications; None to send none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The options of ``serve``."""

    source: SourceOptions
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    prometheus: PrometheusOptions = field(default_factory=PrometheusOptions)
    service: ServiceOptions = field(default_factory=ServiceOptions)
    shard: Shard = WHOLE_FLEET
    deadline_s: float = DEADLINE_S
    """The deadline of one run; the next run continues its changes."""
    status: StatusOptions | None = None
    """Where the status of each commit is set; None to set none."""
    trace: Path | None = None
    """The file to which each run appends a line of JSON for each VM."""
