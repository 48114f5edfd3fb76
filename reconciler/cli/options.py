"""The options that commands share: flag, environment variable and help in one place."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.model.quantity import Duration, QuantityError


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
    str,
    typer.Option(
        "--revision",
        metavar="REV",
        envvar=_env("REVISION"),
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


PASS_S = 480.0
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
