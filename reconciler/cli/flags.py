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
            "Git repository with the desired state. Default: the repository that contains the "
            "working directory. The command reconcile has no default.",
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
            "Directory with the credentials for a remote --repo: one file per key, for example "
            "a mounted Secret with the keys username and password. Default: Git's credential "
            "helpers, ~/.netrc and the SSH agent.",
            metavar="DIRECTORY",
        ),
        "working_tree": option(
            "--working-tree",
            "Read the working tree of --repo, including uncommitted files.",
        ),
        "files": option(
            "-f --filename",
            "Read manifests from a file, a directory or standard input instead of Git.",
            metavar="FILE|-",
            variable=False,
        ),
        "config": option(
            "--config",
            "Configuration file for the manifests of -f. Default: the document of kind Config "
            "among these manifests.",
            metavar="FILE",
        ),
        "names": typer.Argument(
            metavar="NAMESPACE/NAME",
            show_default=False,
            help="Use only these VMs, regardless of their labels. For a name without a "
            "namespace, -n sets the namespace.",
        ),
        "namespace": option(
            "-n --namespace",
            "Use only the objects in this namespace, and use it for manifests that set no "
            "namespace. With -f, a manifest that sets another namespace is an error.",
            autocompletion=complete_namespaces,
        ),
        "all_namespaces": option(
            "-A --all-namespaces",
            "Use the objects in all namespaces, which is the default. As with kubectl, this "
            "option overrides -n.",
        ),
        "selector": option(
            "-l --selector", "Select VMs by their labels in Git, for example app=db,tier!=test."
        ),
        "verify": option(
            "--verify",
            "Apply only commits that are signed with an OpenPGP or SSH key from this file. The "
            "file must be outside the repository. Default: do not check signatures.",
            metavar="FILE",
        ),
        "cache_dir": option(
            "--cache-dir",
            "Cache parsed manifests and fetched commits in this directory, so that the next "
            "run reads only changed files. Default: no cache.",
            metavar="DIRECTORY",
        ),
        "allow_shared_cache_dir": option(
            "--allow-shared-cache-dir",
            "Use --cache-dir even if other users can write to it. These users can then change "
            "the plan.",
        ),
    },
    ClusterOptions: {
        "kubeconfig": option(
            "--kubeconfig",
            "Kubeconfig file. Default: $KUBECONFIG, ~/.kube/config or the pod's service account.",
        ),
        "context": option(
            "--context", "Kubeconfig context to use.", autocompletion=complete_contexts
        ),
        "request_timeout_s": option(
            "--request-timeout",
            "Time limit for one request to the API server, for example 30s.",
            metavar="DURATION",
            parser=seconds,
            show_default="30s",
        ),
    },
    PrometheusOptions: {
        "url": option(
            "--prometheus-url",
            "URL of the Prometheus server with the alerts that rollout.holdWhile names. "
            "Default: the content of the file url in --prometheus-credentials. If "
            "rollout.holdWhile is set and this URL is missing, no change starts.",
            metavar="URL",
        ),
        "credentials": option(
            "--prometheus-credentials",
            "Directory with the credentials for Prometheus, for example a mounted Secret: one "
            "file per key, with the keys username and password, or bearerToken. The optional "
            "keys ca.crt and url set the CA certificate and the URL.",
            metavar="DIRECTORY",
        ),
    },
    ApplyOptions: {
        "shard": options.ShardOption,
        "deadline_s": deadline("2h"),
        "wait_for_lease_s": option(
            "--wait-for-lease",
            "If another run, such as a run of serve, holds the lease, wait for the lease up to "
            "this time. Default: exit with code 7 if that run is alive.",
            metavar="DURATION",
            parser=seconds,
            show_default=False,
        ),
        "no_wait": option(
            "--no-wait", "Exit when all patches are sent, without tracking the VMs."
        ),
        "plan_file": option(
            "--plan",
            "Apply only the actions in this plan file that are still the same in a new plan. "
            "`plan --out` writes the file. Without --revision, the command reads the commit "
            "from which the plan was made.",
            metavar="FILE",
        ),
        "expect_digest": option(
            "--expect-digest",
            "Apply only if the plan has this digest. Otherwise, write nothing and exit with "
            "code 8.",
            metavar="sha256:HEX",
            parser=digest,
        ),
        "ignore_windows": option(
            "--ignore-windows",
            "Ignore the maintenance windows in .reconciler.yaml, even for the restarts that "
            "the file allows. The report records this. No environment variable sets this "
            "option.",
            variable=False,
        ),
        "ignore_alerts": option(
            "--ignore-alerts",
            "Ignore the alerts that rollout.holdWhile in .reconciler.yaml names. The report "
            "records this. No environment variable sets this option.",
            variable=False,
        ),
        "report": options.Report,
        "trace": options.Trace,
        "metrics_file": options.MetricsFile,
    },
    ServiceOptions: {
        "interval_s": option(
            "--interval",
            "Read the repository at this interval, even if no webhook request arrives.",
            metavar="DURATION",
            parser=seconds,
            show_default="3m",
        ),
        "jitter_s": option(
            "--jitter",
            "Maximum random delay added to each interval, so that several processes do not "
            "read the repository at the same time. 0s adds no delay.",
            metavar="DURATION",
            parser=seconds_or_zero,
            show_default="15s",
        ),
        "listen": option(
            "--listen",
            "Serve the status page, the API, the metrics and the health probes on this "
            "address. :8080 listens on all addresses of the machine.",
            metavar="ADDRESS",
        ),
        "hosts": option(
            "--allowed-host",
            "Host name under which clients can open the status page, in addition to IP "
            "addresses and localhost. *.example.org includes subdomains. Can be repeated.",
            metavar="NAME",
        ),
        "external_url": option(
            "--external-url",
            "Public URL of the status page. Commit statuses and notifications link to this URL.",
            metavar="URL",
            parser=web_address,
        ),
        "docs_url": option(
            "--docs-url",
            "Link each reason code to URL/CODE instead of to the page that serve provides for "
            "the code.",
            metavar="URL",
            parser=web_address,
        ),
        "hooks_listen": option(
            "--hooks-listen",
            "Receive webhook requests on this address if --hook-secrets is set.",
            metavar="ADDRESS",
        ),
        "hook_secrets": option(
            "--hook-secrets",
            "Directory with the webhook secrets: one file per kind of webhook, for example a "
            "mounted Secret with the key github. Default: receive no webhook requests.",
            metavar="DIRECTORY",
        ),
        "notify": option(
            "--notify",
            "File that lists the receivers of notifications. Default: send no notifications.",
            metavar="FILE",
        ),
    },
    ServeOptions: {
        "shard": options.ShardOption,
        "deadline_s": option(
            "--deadline",
            "Time limit for one run. When the run ends, live migrations in progress continue, and "
            "the next run tracks them. Another process, such as a manual apply, can run "
            "between two runs.",
            metavar="DURATION",
            parser=seconds,
            show_default="10m",
        ),
        "trace": options.Trace,
    },
}
"""The command-line option of each field, by options dataclass."""
