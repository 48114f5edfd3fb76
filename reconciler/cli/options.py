"""The options that commands share: each with its flag, environment variable and help text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.app.input_options import DEFAULT_REVISION, ClusterOptions, SourceOptions
from reconciler.model.quantity import Duration, QuantityError
from reconciler.model.shard import Shard, ShardError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PlanFormat(StrEnum):
    """What a plan is printed as."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class TextFormat(StrEnum):
    """What everything else is printed as."""

    TEXT = "text"
    JSON = "json"


def seconds(text: str | float) -> float:
    """Read ``90s``, ``10m`` or ``1h30m``; a default comes as the number that it is."""
    if not isinstance(text, str):
        return float(text)
    try:
        found = Duration.parse(text).seconds
    except QuantityError as error:
        raise typer.BadParameter(str(error)) from error
    if found <= 0:
        raise typer.BadParameter(f"{text!r} is not more than zero")
    return found


def digest(text: str) -> str:
    """Read ``sha256:`` and 64 digits; an abbreviation could stand for another plan."""
    if not _DIGEST.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is no digest; it is `sha256:` and 64 hexadecimal digits, as in `digest` of "
            "`reconciler plan -o json`"
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
        help="Git repository with the desired state.",
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
        help="Read the files as they lie in --repo, committed or not.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "-f",
        "--filename",
        metavar="FILE|-",
        help="Read manifests from a file, a folder, or standard input, without Git.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "-n",
        "--namespace",
        envvar=_env("NAMESPACE"),
        help="Namespace of VMs whose manifest names none.",
    ),
]
Selector = Annotated[
    str | None,
    typer.Option(
        "-l",
        "--selector",
        envvar=_env("SELECTOR"),
        help="Only VMs whose labels in Git match, such as app=db,tier!=test.",
    ),
]


def shard(text: str | Shard) -> Shard:
    """Read ``I/N``; a default comes as the shard that it is."""
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
        help="Only VMs of namespaces whose hash falls to shard I of N, from 0; 0 has the CR.",
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="FOLDER",
        envvar=_env("CACHE_DIR"),
        help="Keep there what manifests say, so that a file that did not change is not parsed "
        "again; none by default.",
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        envvar=[_env("KUBECONFIG")],
        help="Kubeconfig file; else $KUBECONFIG, ~/.kube/config, or the pod's service account.",
    ),
]
Context = Annotated[
    str | None,
    typer.Option("--context", envvar=_env("CONTEXT"), help="Context of the kubeconfig."),
]
RequestTimeout = Annotated[
    float,
    typer.Option(
        "--request-timeout",
        metavar="DURATION",
        parser=seconds,
        envvar=_env("REQUEST_TIMEOUT"),
        show_default="30s",
        help="How long one request may take, such as 30s.",
    ),
]
Snapshot = Annotated[
    Path | None,
    typer.Option(
        "--snapshot",
        envvar=_env("SNAPSHOT"),
        help="Plan against a file that `reconciler snapshot` wrote, without a cluster.",
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
        help="Apply what `plan --out FILE` showed, as far as it is still the same, and no more; "
        "without --revision its own commit is read.",
    ),
]
ExpectDigest = Annotated[
    str | None,
    typer.Option(
        "--expect-digest",
        metavar="sha256:HEX",
        parser=digest,
        envvar=_env("EXPECT_DIGEST"),
        help="Apply only if the whole plan has this digest; else write nothing and answer 8.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        envvar=_env("REPORT"),
        help="Also write the report as JSON to a file, however the run ends once it has a plan.",
    ),
]
Trace = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        envvar=_env("TRACE"),
        help="Append a line of JSON to a file for each VM, when the run is done with it.",
    ),
]
IgnoreWindows = Annotated[
    bool,
    typer.Option(
        "--ignore-windows",
        help="Write outside of the windows of .reconciler.yaml too, restarts that it consents to "
        "included; the report says so. It has no environment variable.",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        show_default=False,
        help="Say more: -v patches and unchanged VMs, -vv requests.",
    ),
]
LogFormat = Annotated[
    TextFormat,
    typer.Option("--log-format", envvar=_env("LOG_FORMAT"), help="Format of what stderr says."),
]
OutputPlan = Annotated[
    PlanFormat, typer.Option("-o", "--output", envvar=_env("OUTPUT"), help="Format of the plan.")
]
Output = Annotated[
    TextFormat, typer.Option("-o", "--output", envvar=_env("OUTPUT"), help="Format of the result.")
]
DetailedExitcode = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode",
        envvar=_env("DETAILED_EXITCODE"),
        help="Tell more by the exit code (see README).",
    ),
]


def _deadline(*, shown: str | bool) -> Any:  # noqa: ANN401 - what typer takes in an annotation
    return typer.Option(
        "--deadline",
        metavar="DURATION",
        parser=seconds,
        envvar=_env("DEADLINE"),
        show_default=shown,
        help="End after this long; healthy migrations go on and the next run follows them.",
    )


Watch = Annotated[
    bool,
    typer.Option(
        "-w",
        "--watch",
        help="Show it again after each change, until Ctrl-C (exit code 130) or --deadline (0); "
        "Git is read once.",
    ),
]
Unmanaged = Annotated[
    bool, typer.Option("--all", "-a", help="Also list VMs that Git does not name.")
]
WatchDeadline = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        "--timeout",
        metavar="DURATION",
        parser=seconds,
        show_default=False,
        help="End --watch after this long.",
    ),
]
Deadline = Annotated[float | None, _deadline(shown=False)]
PassDeadline = Annotated[float, _deadline(shown="8m")]
NoWait = Annotated[
    bool,
    typer.Option("--no-wait", envvar=_env("NO_WAIT"), help="End once the patches are sent."),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="observe|enforce",
        envvar=_env("MODE"),
        help="Overrides `mode` of .reconciler.yaml; observe never writes.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What every command logs on stderr, and how."""

    verbose: Verbose = 0
    log_format: LogFormat = TextFormat.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """What the user asks of ``status``."""

    source: SourceOptions
    cluster: ClusterOptions
    snapshot: Snapshot = None
    unmanaged: Unmanaged = False
    watch: Watch = False
    deadline_s: WatchDeadline = None
    output: Output = TextFormat.TEXT
