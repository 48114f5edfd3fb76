"""The options that commands share: each with its flag, environment variable and help text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.app.input_options import DEFAULT_REVISION, ClusterOptions, SourceOptions
from reconciler.model.quantity import Duration, QuantityError
from reconciler.model.shard import Shard, ShardError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PlanFormat(StrEnum):
    """The output formats of a plan."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class TextFormat(StrEnum):
    """The output formats of other commands and of the log."""

    TEXT = "text"
    JSON = "json"


def seconds(text: str | float) -> float:
    """Parse ``90s``, ``10m`` or ``1h30m``; typer passes a default value as a number."""
    if not isinstance(text, str):
        return float(text)
    try:
        found = Duration.parse(text).seconds
    except QuantityError as error:
        raise typer.BadParameter(str(error)) from error
    if found <= 0:
        raise typer.BadParameter(f"{text!r} is not greater than zero")
    return found


def digest(text: str) -> str:
    """Parse a complete digest; an abbreviated digest is rejected, as several may match."""
    if not _DIGEST.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is not a digest; expected `sha256:` and 64 hexadecimal digits, as in "
            "`digest` of `reconciler plan -o json`"
        )
    return text


def _env(name: str) -> str:
    return f"RECONCILER_{name}"


Repo = Annotated[
    str | None,
    typer.Option(
        "--repo",
        metavar="PATH|URL",
        envvar=_env("REPO"),
        help="Git repository with the desired state. Default: that of the working directory; "
        "reconcile has no default.",
    ),
]
Revision = Annotated[
    str | None,
    typer.Option(
        "--revision",
        metavar="REV",
        envvar=_env("REVISION"),
        show_default=DEFAULT_REVISION,
        help="Branch, tag or commit to read.",
    ),
]
WorkingTree = Annotated[
    bool,
    typer.Option(
        "--working-tree",
        envvar=_env("WORKING_TREE"),
        help="Read the working tree of --repo, including files that are not committed.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "-f",
        "--filename",
        metavar="FILE|-",
        help="Read manifests from a file, a directory or standard input instead of Git.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar=_env("CONFIG"),
        help="Configuration file for -f. Default: the document of kind Config among the "
        "manifests.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "-n",
        "--namespace",
        envvar=_env("NAMESPACE"),
        help="Use only this namespace, also for manifests that set none. With -f, a "
        "manifest of another namespace is an error.",
    ),
]
AllNamespaces = Annotated[
    bool,
    typer.Option(
        "-A",
        "--all-namespaces",
        envvar=_env("ALL_NAMESPACES"),
        help="Use every namespace, which is the default; -n is ignored, as with kubectl.",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAMESPACE/NAME",
        show_default=False,
        help="Use only these VMs, regardless of their labels. A name without a namespace is in "
        "the namespace of -n.",
    ),
]
Selector = Annotated[
    str | None,
    typer.Option(
        "-l",
        "--selector",
        envvar=_env("SELECTOR"),
        help="Select VMs by their labels in Git, for example app=db,tier!=test.",
    ),
]


def shard(text: str | Shard) -> Shard:
    """Parse ``I/N``; typer passes a default value as a ``Shard``."""
    if isinstance(text, Shard):
        return text
    try:
        return Shard.parse(text)
    except ShardError as error:
        raise typer.BadParameter(str(error)) from error


ShardOption = Annotated[
    Shard,
    typer.Option(
        "--shard",
        metavar="I/N",
        parser=shard,
        envvar=_env("SHARD"),
        show_default=False,
        help="Change only the VMs of shard I of N, counted from 0; the hash of a VM's "
        "namespace determines its shard. Shard 0 also changes the KubeVirt CR.",
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="DIRECTORY",
        envvar=_env("CACHE_DIR"),
        help="Cache parsed manifests in this directory, so that unchanged files are not parsed "
        "again. Default: no cache.",
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        envvar=[_env("KUBECONFIG")],
        help="Kubeconfig file. Default: $KUBECONFIG, ~/.kube/config or the pod's service account.",
    ),
]
Context = Annotated[
    str | None,
    typer.Option("--context", envvar=_env("CONTEXT"), help="Context of the kubeconfig to use."),
]
RequestTimeout = Annotated[
    float,
    typer.Option(
        "--request-timeout",
        metavar="DURATION",
        parser=seconds,
        envvar=_env("REQUEST_TIMEOUT"),
        show_default="30s",
        help="Time limit for one request, for example 30s.",
    ),
]
Snapshot = Annotated[
    Path | None,
    typer.Option(
        "--snapshot",
        envvar=_env("SNAPSHOT"),
        help="Read the live state from a file of `reconciler snapshot` instead of a cluster.",
    ),
]
ServerDryRun = Annotated[
    bool,
    typer.Option(
        "--server-dry-run",
        envvar=_env("SERVER_DRY_RUN"),
        help="Also send each change with dryRun=All, which shows admission denials; this needs "
        "the right to patch.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        envvar=_env("OUT"),
        help="Also write the plan as JSON to a file, for `apply --plan FILE`.",
    ),
]
ApprovedPlan = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        envvar=_env("PLAN"),
        help="Apply only those actions of a plan that have not changed since; `plan --out` writes "
        "the file. Without --revision, the commit of that plan is read.",
    ),
]
ExpectDigest = Annotated[
    str | None,
    typer.Option(
        "--expect-digest",
        metavar="sha256:HEX",
        parser=digest,
        envvar=_env("EXPECT_DIGEST"),
        help="Apply only if the plan has this digest; otherwise write nothing and exit with 8.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        envvar=_env("REPORT"),
        help="Also write the report as JSON to a file, even if the run fails after the plan.",
    ),
]
Trace = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        envvar=_env("TRACE"),
        help="Append one line of JSON to a file for each VM, when its change has ended.",
    ),
]
IgnoreWindows = Annotated[
    bool,
    typer.Option(
        "--ignore-windows",
        help="Ignore the windows of .reconciler.yaml, also for restarts that the file allows; the "
        "report notes this. No environment variable sets this option.",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        show_default=False,
        help="Show more: patches, unchanged VMs and debug messages; -vv also each request.",
    ),
]
LogFormat = Annotated[
    TextFormat,
    typer.Option(
        "--log-format",
        envvar=_env("LOG_FORMAT"),
        help="Format of the log and the progress on stderr.",
    ),
]
OutputPlan = Annotated[
    PlanFormat, typer.Option("-o", "--output", envvar=_env("OUTPUT"), help="Output format.")
]
Output = Annotated[
    TextFormat, typer.Option("-o", "--output", envvar=_env("OUTPUT"), help="Output format.")
]
DetailedExitcode = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode",
        envvar=_env("DETAILED_EXITCODE"),
        help="Return detailed exit codes (see README).",
    ),
]


def _deadline(*, shown: str | bool) -> Any:  # noqa: ANN401 - typer's own type is private
    return typer.Option(
        "--deadline",
        metavar="DURATION",
        parser=seconds,
        envvar=_env("DEADLINE"),
        show_default=shown,
        help="Stop after this time; migrations in flight continue, and the next run tracks them.",
    )


Watch = Annotated[
    bool,
    typer.Option(
        "-w",
        "--watch",
        help="Show the status again after each change, until Ctrl-C (exit code 130) or --deadline "
        "(exit code 0). Git is read once.",
    ),
]
Unmanaged = Annotated[bool, typer.Option("--all", "-a", help="Also list VMs that are not in Git.")]
WatchDeadline = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        "--timeout",
        metavar="DURATION",
        parser=seconds,
        show_default=False,
        help="Stop --watch after this time.",
    ),
]
Deadline = Annotated[float, _deadline(shown="2h")]
PassDeadline = Annotated[float, _deadline(shown="8m")]
Yes = Annotated[
    bool,
    typer.Option(
        "-y",
        "--yes",
        envvar=_env("YES"),
        help="Apply the plan without asking; required without a terminal, unless --plan or "
        "--expect-digest approves the plan.",
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait", envvar=_env("NO_WAIT"), help="Exit as soon as the patches are sent."
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="observe|enforce",
        envvar=_env("MODE"),
        help="Override `mode` of .reconciler.yaml; observe never writes.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """How much a command logs on stderr, and in which format."""

    verbose: Verbose = 0
    log_format: LogFormat = TextFormat.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """The options of ``status``."""

    source: SourceOptions
    cluster: ClusterOptions
    snapshot: Snapshot = None
    unmanaged: Unmanaged = False
    watch: Watch = False
    deadline_s: WatchDeadline = None
    output: Output = TextFormat.TEXT
    log: LogOptions = field(default_factory=LogOptions)
