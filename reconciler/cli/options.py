"""The options that commands share: each with its flag, environment variable and help text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.app.input_options import DEFAULT_REVISION
from reconciler.cli.completion import complete_contexts, complete_namespaces
from reconciler.cli.option_values import (
    OUTPUT_HELP,
    TextFormat,
    deadline,
    digest,
    option,
    seconds,
    shard,
)
from reconciler.model.shard import Shard

Repo = Annotated[
    str | None,
    option(
        "--repo",
        "Git repository with the desired state. Default: that of the working directory; reconcile"
        " has no default.",
        metavar="PATH|URL",
    ),
]
Revision = Annotated[
    str | None,
    option(
        "--revision",
        "Branch, tag or commit to read.",
        metavar="REV",
        show_default=DEFAULT_REVISION,
    ),
]
WorkingTree = Annotated[
    bool,
    option(
        "--working-tree",
        "Read the working tree of --repo, including files that are not committed.",
    ),
]
Files = Annotated[
    list[str] | None,
    option(
        "-f --filename",
        "Read manifests from a file, a directory or standard input instead of Git.",
        metavar="FILE|-",
        variable=False,
    ),
]
ConfigFile = Annotated[
    Path | None,
    option(
        "--config",
        "Configuration file for -f. Default: the document of kind Config among the manifests.",
        metavar="FILE",
    ),
]
Namespace = Annotated[
    str | None,
    option(
        "-n --namespace",
        "Use only this namespace, also for manifests that set none. With -f, a manifest of "
        "another namespace is an error.",
        autocompletion=complete_namespaces,
    ),
]
AllNamespaces = Annotated[
    bool,
    option(
        "-A --all-namespaces",
        "Use every namespace, which is the default; -n is ignored, as with kubectl.",
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
    option("-l --selector", "Select VMs by their labels in Git, for example app=db,tier!=test."),
]


ShardOption = Annotated[
    Shard,
    option(
        "--shard",
        "Change only the VMs of shard I of N, counted from 0; the hash of a VM's namespace "
        "determines its shard. Shard 0 also changes the KubeVirt CR.",
        metavar="I/N",
        parser=shard,
        show_default=False,
    ),
]
CacheDir = Annotated[
    Path | None,
    option(
        "--cache-dir",
        "Cache parsed manifests in this directory, so that unchanged files are not parsed again. "
        "Default: no cache.",
        metavar="DIRECTORY",
    ),
]
Kubeconfig = Annotated[
    Path | None,
    option(
        "--kubeconfig",
        "Kubeconfig file. Default: $KUBECONFIG, ~/.kube/config or the pod's service account.",
    ),
]
Context = Annotated[
    str | None,
    option("--context", "Context of the kubeconfig to use.", autocompletion=complete_contexts),
]
RequestTimeout = Annotated[
    float,
    option(
        "--request-timeout",
        "Time limit for one request, for example 30s.",
        metavar="DURATION",
        parser=seconds,
        show_default="30s",
    ),
]
Snapshot = Annotated[
    Path | None,
    option(
        "--snapshot",
        "Read the live state from a file of `reconciler snapshot` instead of a cluster.",
    ),
]
ApprovedPlan = Annotated[
    Path | None,
    option(
        "--plan",
        "Apply only those actions of a plan that have not changed since; `plan --out` writes the "
        "file. Without --revision, the commit of that plan is read.",
        metavar="FILE",
    ),
]
ExpectDigest = Annotated[
    str | None,
    option(
        "--expect-digest",
        "Apply only if the plan has this digest; otherwise write nothing and exit with 8.",
        metavar="sha256:HEX",
        parser=digest,
    ),
]
Report = Annotated[
    Path | None,
    option(
        "--report",
        "Also write the report as JSON to a file, even if the run fails after the plan.",
        metavar="FILE",
    ),
]
Trace = Annotated[
    Path | None,
    option(
        "--trace",
        "Append one line of JSON to a file for each VM, when its change has ended.",
        metavar="FILE",
    ),
]
IgnoreWindows = Annotated[
    bool,
    option(
        "--ignore-windows",
        "Ignore the windows of .reconciler.yaml, also for restarts that the file allows; the "
        "report notes this. No environment variable sets this option.",
        variable=False,
    ),
]
Verbose = Annotated[
    int,
    option(
        "-v --verbose",
        "Show more: patches, unchanged VMs and debug messages; -vv also each request.",
        count=True,
        show_default=False,
        variable=False,
    ),
]
LogFormat = Annotated[
    TextFormat, option("--log-format", "Format of the log and the progress on stderr.")
]
Output = Annotated[TextFormat | None, option("-o --output", OUTPUT_HELP)]
DetailedExitcode = Annotated[
    bool, option("--detailed-exitcode", "Return detailed exit codes (see README).")
]


Deadline = Annotated[float, deadline("2h")]
NoWait = Annotated[bool, option("--no-wait", "Exit as soon as the patches are sent.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """How much a command logs on stderr, and in which format."""

    verbose: Verbose = 0
    log_format: LogFormat = TextFormat.TEXT
