"""``FLAGS``: the command-line option for each field of the options dataclasses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import (
    DEFAULT_REVISION,
    ClusterOptions,
    PrometheusOptions,
    SourceOptions,
)
from reconciler.cli import options
from reconciler.cli.completion import complete_contexts, complete_namespaces
from reconciler.cli.option_values import (
    deadline,
    digest,
    option,
    seconds,
    seconds_or_zero,
    web_address,
)
from reconciler.serve.serve_options import ServeOptions, ServiceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAGS: Mapping[type, Mapping[str, object]] = {
    SourceOptions: {
        "repo": option(
            "--repo",
            "Git repository with the desired state. Default: the repository of the working "
            "directory; reconcile has no default.",
            metavar="PATH|URL",
        ),
        "revision": option(
            "--revision",
            "Branch, tag or commit to read.",
            metavar="REV",
            show_default=DEFAULT_REVISION,
        ),
        "git_credentials": option(
            "--git-credentials",
            "Directory with the credentials for a remote --repo, one file per key, such as a "
            "mounted Secret with username and password. Default: git's credential helpers, "
            "~/.netrc and the SSH agent.",
            metavar="DIRECTORY",
        ),
        "working_tree": option(
            "--working-tree",
            "Read the working tree of --repo, including files that are not committed.",
        ),
        "files": option(
            "-f --filename",
            "Read manifests from a file, a directory or standard input instead of Git.",
            metavar="FILE|-",
            variable=False,
        ),
        "config": option(
            "--config",
            "Configuration file for -f. Default: the document of kind Config among the manifests.",
            metavar="FILE",
        ),
        "names": typer.Argument(
            metavar="NAMESPACE/NAME",
            show_default=False,
            help="Use only these VMs, regardless of their labels. A name without a namespace is "
            "in the namespace that -n sets.",
        ),
        "namespace": option(
            "-n --namespace",
            "Use only this namespace, including for manifests without a namespace. With -f, a "
            "manifest of another namespace is an error.",
            autocompletion=complete_namespaces,
        ),
        "all_namespaces": option(
            "-A --all-namespaces",
            "Use every namespace, which is the default; -n is ignored, as with kubectl.",
        ),
        "selector": option(
            "-l --selector", "Select VMs by their labels in Git, for example app=db,tier!=test."
        ),
        "verify": option(
            "--verify",
            "Apply only commits that a key of this file has signed: OpenPGP or SSH. The file must "
            "be outside the repository. Default: signatures are not checked.",
            metavar="FILE",
        ),
        "cache_dir": option(
            "--cache-dir",
            "Cache parsed manifests and fetched commits in this directory, so that the next run "
            "reads only what has changed. Default: no cache.",
            metavar="DIRECTORY",
        ),
        "allow_shared_cache_dir": option(
            "--allow-shared-cache-dir",
            "Use --cache-dir even if other users can write to it. They can then change what is "
            "planned.",
        ),
    },
    ClusterOptions: {
        "kubeconfig": option(
            "--kubeconfig",
            "Kubeconfig file. Default: $KUBECONFIG, ~/.kube/config or the pod's service account.",
        ),
        "context": option(
            "--context", "Context of the kubeconfig to use.", autocompletion=complete_contexts
        ),
        "request_timeout_s": option(
            "--request-timeout",
            "Time limit for one request, for example 30s.",
            metavar="DURATION",
            parser=seconds,
            show_default="30s",
        ),
    },
    PrometheusOptions: {
        "url": option(
            "--prometheus-url",
            "URL of the Prometheus server with the alerts of rollout.holdWhile. Default: the file "
            "url in --prometheus-credentials. Without a URL, rollout.holdWhile prevents every "
            "change.",
            metavar="URL",
        ),
        "credentials": option(
            "--prometheus-credentials",
            "Directory with the credentials for Prometheus, one file per key, such as a mounted "
            "Secret with username and password, or with bearerToken; also ca.crt and url.",
            metavar="DIRECTORY",
        ),
    },
    ApplyOptions: {
        "shard": options.ShardOption,
        "deadline_s": deadline("2h"),
        "wait_for_lease_s": option(
            "--wait-for-lease",
            "Wait up to this time for another run that holds the lease, such as a run of serve. "
            "Default: exit with 7 if that run is alive.",
            metavar="DURATION",
            parser=seconds,
            show_default=False,
        ),
        "no_wait": option("--no-wait", "Exit as soon as the patches are sent."),
        "plan_file": option(
            "--plan",
            "Apply only those actions of a plan that have not changed since; `plan --out` writes "
            "the file. Without --revision, the commit of that plan is read.",
            metavar="FILE",
        ),
        "expect_digest": option(
            "--expect-digest",
            "Apply only if the plan has this digest; otherwise write nothing and exit with 8.",
            metavar="sha256:HEX",
            parser=digest,
        ),
        "ignore_windows": option(
            "--ignore-windows",
            "Ignore the windows of .reconciler.yaml, also for restarts that the file allows; the "
            "report notes this. No environment variable sets this option.",
            variable=False,
        ),
        "ignore_alerts": option(
            "--ignore-alerts",
            "Ignore rollout.holdWhile of .reconciler.yaml; the report notes this. No environment "
            "variable sets this option.",
            variable=False,
        ),
        "report": options.Report,
        "trace": options.Trace,
        "metrics_file": options.MetricsFile,
    },
    ServiceOptions: {
        "interval_s": option(
            "--interval",
            "Read the repository at this interval, even without a webhook.",
            metavar="DURATION",
            parser=seconds,
            show_default="3m",
        ),
        "jitter_s": option(
            "--jitter",
            "Add a random delay of up to this time to each interval, so that several processes do "
            "not read at the same time; 0s for none.",
            metavar="DURATION",
            parser=seconds_or_zero,
            show_default="15s",
        ),
        "listen": option(
            "--listen",
            "Serve the page, the API, the metrics and the probes at this address; :8080 listens "
            "on all addresses of the machine.",
            metavar="ADDRESS",
        ),
        "hosts": option(
            "--allowed-host",
            "Host name that clients may use for the page, besides IP addresses and "
            "localhost; *.example.org includes subdomains. Can be repeated.",
            metavar="NAME",
        ),
        "external_url": option(
            "--external-url",
            "Public URL of the page; commit statuses and notifications link to it.",
            metavar="URL",
            parser=web_address,
        ),
        "docs_url": option(
            "--docs-url",
            "Link each reason to URL/CODE instead of to the page that serve shows for it.",
            metavar="URL",
            parser=web_address,
        ),
        "hooks_listen": option(
            "--hooks-listen",
            "Receive webhooks at this address, if --hook-secrets is set.",
            metavar="ADDRESS",
        ),
        "hook_secrets": option(
            "--hook-secrets",
            "Directory with the secrets of webhooks, one file per kind, such as a mounted Secret "
            "with the key github. Default: no webhooks.",
            metavar="DIRECTORY",
        ),
        "notify": option(
            "--notify",
            "File with the receivers of notifications. Default: no notifications.",
            metavar="FILE",
        ),
    },
    ServeOptions: {
        "shard": options.ShardOption,
        "deadline_s": option(
            "--deadline",
            "Time limit for one run; migrations in flight continue, and the next run tracks "
            "them. Between two runs, another run can start, such as a manual apply.",
            metavar="DURATION",
            parser=seconds,
            show_default="10m",
        ),
        "trace": options.Trace,
    },
}
"""The command-line option of each field, by options dataclass."""
