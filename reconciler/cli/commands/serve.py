"""``reconciler serve``: a long-running process that reacts to Git, the cluster and the clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from reconciler.app.comment.forge_options import ForgeKind
from reconciler.app.wiring import clock_wiring
from reconciler.cli.commands.reconcile import Mode
from reconciler.cli.option_values import option
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode
from reconciler.model.shard import Shard
from reconciler.serve.serve_options import ServeOptions

Kind = Annotated[
    ForgeKind | None,
    option(
        "--forge",
        "Kind of Git host on which commit statuses are set. The environment variable "
        "RECONCILER_FORGE_TOKEN contains the access token.",
    ),
]
ForgeUrl = Annotated[
    str | None,
    option(
        "--forge-url",
        "URL of the Git host's API, for example https://git.example.com/api/v1. Default: the "
        "public server.",
        metavar="URL",
    ),
]
ForgeCa = Annotated[
    Path | None,
    option(
        "--forge-ca",
        "File with the CA certificates for the Git host. Default: the CA certificates of the "
        "system.",
        metavar="FILE",
    ),
]
ForgeToken = Annotated[
    Path | None,
    option(
        "--forge-token-file",
        "File that contains the access token for the Git host. The file is read again for each "
        "status. Default: the environment variable RECONCILER_FORGE_TOKEN.",
        metavar="FILE",
    ),
]
Project = Annotated[
    str | None,
    option("--project", "Project (repository) on the Git host.", metavar="OWNER/NAME"),
]
ClusterName = Annotated[
    str | None,
    option(
        "--cluster-name", "Cluster name to show in the name of the commit status.", metavar="NAME"
    ),
]
StatusName = Annotated[
    str | None,
    option(
        "--status-name",
        "Name of the commit status. Default: reconciler (NAME, shard I/N), with the values of "
        "--cluster-name and --shard.",
        metavar="NAME",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTarget:
    """The options that select the Git host and the project for commit statuses."""

    forge: Kind = None
    forge_url: ForgeUrl = None
    forge_ca: ForgeCa = None
    forge_token_file: ForgeToken = None
    project: Project = None
    cluster_name: ClusterName = None
    status_name: StatusName = None


def status_name(cluster_name: str | None, shard: Shard) -> str:
    """Return the default name of the commit status, which differs between clusters and shards."""
    parts = [cluster_name] if cluster_name else []
    if shard.total > 1:
        parts.append(f"shard {shard}")
    return f"reconciler ({', '.join(parts)})" if parts else "reconciler"


def command(
    *,
    options: ServeOptions,
    mode: Mode = None,
    target: StatusTarget,
    output: RunOutput,
) -> ExitCode:
    """Reconcile one cluster with one Git repository until SIGTERM: plan, apply and track.

    The process plans after each change in Git or in the cluster, and at intervals. SIGTERM ends
    the process within 10 seconds. Changes in progress continue, and the next process tracks them.
    """
    from reconciler.app.comment.forge_options import ForgeOptions, StatusOptions
    from reconciler.serve import service

    if not options.source.repo:
        raise UsageError(
            "serve needs a Git repository",
            hint="set --repo or the environment variable RECONCILER_REPO",
        )
    status = None
    if target.forge is not None:
        if not target.project:
            raise UsageError(
                "--forge is set, but no project on the Git host is selected",
                hint="set --project to OWNER/NAME",
            )
        status = StatusOptions(
            forge=ForgeOptions(
                forge=target.forge,
                forge_url=target.forge_url,
                project=target.project,
                ca=target.forge_ca,
                link=options.service.external_url or None,
            ),
            name=target.status_name or status_name(target.cluster_name, options.shard),
            token_file=target.forge_token_file,
        )
    source = replace(options.source, mode=mode)
    return service.run(
        replace(options, source=source, status=status),
        clock_wiring.real_clock(),
        replace(output, plan=False),
    )
