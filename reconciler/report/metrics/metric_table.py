"""``METRICS``: the type, labels and meaning of each Prometheus metric."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.service.counts import LABELS, Counted

PREFIX = "memory_reconciler_"


class MetricType(StrEnum):
    """The Prometheus type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A Prometheus metric; each sample has a value for every label."""

    name: str
    """The metric's name without the common prefix and without a counter's suffix ``_total``."""
    type: MetricType = MetricType.GAUGE
    labels: tuple[str, ...] = ()
    meaning: str

    @property
    def full_name(self) -> str:
        """The metric's name in queries, such as ``memory_reconciler_api_requests_total``."""
        return PREFIX + self.name + ("_total" if self.type is MetricType.COUNTER else "")


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, labels=labels, meaning=meaning)


def _counter(counted: Counted, meaning: str) -> Metric:
    return Metric(name=counted, type=MetricType.COUNTER, labels=LABELS[counted], meaning=meaning)


BUILD_INFO = _gauge("build_info", "Always 1; the label is the version of the program.", "version")
LEADER = _gauge("leader", "1 if this process is allowed to write to the cluster; 0 on standby.")
LEASE_HOLDER = _gauge(
    "lease_holder_info", "Always 1; the labels are the Lease and the process that holds it.",
    "lease", "holder",
)  # fmt: skip
ENFORCING = _gauge("enforcing", "1 if plans are applied; 0 with `mode: observe`.")
READY = _gauge("ready", "1 if a plan exists and Git and the cluster can be read; otherwise 0.")
WAIT_START = _gauge(
    "wait_start_timestamp_seconds",
    "When the process started to wait for `kind`, such as `cluster` or `repository`.",
    "kind",
)
ALERT_HOLD = _gauge("alert_hold", "1 if alerts pause new changes; otherwise 0.")

REVISION_INFO = _gauge(
    "git_revision_info",
    "Always 1; the labels are the repository, the branch and the applied commit.",
    "repository", "revision", "commit",
)  # fmt: skip
COMMITS_BEHIND = _gauge(
    "git_commits_behind",
    "The number of commits from the applied commit to the newest commit on the branch.",
)
REJECTED_COMMITS = _gauge(
    "git_rejected_commits",
    "The number of commits that are newer than the applied commit and are not applied.",
    "reason",
)
LAST_FETCH = _gauge(
    "git_last_fetch_timestamp_seconds", "When a poll of the Git repository last succeeded."
)
PROBLEMS = _gauge(
    "plan_problems", "The number of problems of Git and the cluster in the plan.", "severity"
)

VMS = _gauge(
    "vms", "The number of VMs in Git by effect and reason in the plan.", "effect", "reason"
)
KUBEVIRT = _gauge(
    "kubevirt_configuration",
    "Always 1; the labels are the effect and the reason for the KubeVirt CR in the plan.",
    "effect", "reason",
)  # fmt: skip
DRIFT = _gauge(
    "drift_bytes",
    "The sum of the differences between the VM memory in Git and in the cluster.",
    "direction", "effect",
)  # fmt: skip
WAITING_FOR_RESTART = _gauge(
    "vms_waiting_for_restart", "The number of VMs whose memory changes only at a restart."
)
OLDEST_RESTART_WAIT = _gauge(
    "oldest_restart_wait_timestamp_seconds",
    "When the longest current wait for a VM restart started; absent if no VM waits.",
)
IN_FLIGHT = _gauge(
    "vm_changes_in_flight", "The number of VMs whose memory change has started and not ended."
)
OLDEST_IN_FLIGHT = _gauge(
    "oldest_vm_change_in_flight_timestamp_seconds",
    "When the oldest VM change in progress started; absent without such a change.",
)
FAILED_MIGRATIONS = _gauge(
    "failed_migrations",
    "The number of failed migration objects of VMs in Git; KubeVirt keeps five finished "
    "migrations of each VM.",
)
FORECAST = _gauge(
    "plan_forecast_seconds",
    "The shortest and the longest estimated duration of the plan's changes.",
    "bound",
)
MIGRATIONS = _gauge("plan_migrations", "The number of migrations that the plan needs.")
COPIED = _gauge("plan_copied_bytes", "The memory in bytes that the migrations in the plan copy.")
PLANNED_AT = _gauge("plan_timestamp_seconds", "When the plan was made.")
LAST_SUCCESS = _gauge(
    "last_success_timestamp_seconds",
    "When a reconciliation pass last completed without failed or invalid objects. A plan without "
    "changes to start also counts.",
)
LAST_PASS = _gauge(
    "last_pass_timestamp_seconds",
    "When a reconciliation pass last completed, even with failed or invalid objects. A plan "
    "without changes to start also counts.",
)
RUN_START = _gauge(
    "run_start_timestamp_seconds", "When the run in progress started; absent without a run."
)

API_REQUESTS = _counter(
    Counted.API_REQUESTS,
    "Requests to the API server; the code of a request without a response is `<error>`.",
)
GIT_FETCHES = _counter(Counted.GIT_FETCHES, "Polls of the Git repository.")
WEBHOOK_DELIVERIES = _counter(Counted.WEBHOOK_DELIVERIES, "Webhook requests.")
NOTIFICATIONS = _counter(Counted.NOTIFICATIONS, "Notifications that were sent or failed.")
RUNS = _counter(Counted.RUNS, "Runs that have ended, by the name of the exit code.")
VM_CHANGES = _counter(
    Counted.VM_CHANGES, "VM changes that runs wrote; they are counted when the run ends."
)
MIGRATION_FAILURES = _counter(
    Counted.MIGRATION_FAILURES, "Migrations that failed while this process was running."
)
FORECASTS = _counter(
    Counted.FORECASTS,
    "VM changes that ended before, within or after their forecast.",
)
FORECAST_SECONDS = _counter(
    Counted.FORECAST_SECONDS,
    "Sums over all VM changes: the earliest and latest end in the forecast, and the actual end, "
    "in seconds after the start of the run.",
)
CHANGE_SECONDS = Metric(
    name="vm_change_duration_seconds",
    type=MetricType.HISTOGRAM,
    meaning="The time from the patch of a VM until its guest has the memory.",
)

GROUPS: dict[str, tuple[Metric, ...]] = {
    "Process": (BUILD_INFO, READY, WAIT_START, LEADER, LEASE_HOLDER, ENFORCING, ALERT_HOLD),
    "Git": (REVISION_INFO, COMMITS_BEHIND, REJECTED_COMMITS, LAST_FETCH, GIT_FETCHES),
    "Plan": (
        *(VMS, KUBEVIRT, DRIFT, WAITING_FOR_RESTART, OLDEST_RESTART_WAIT, PROBLEMS),
        *(FORECAST, MIGRATIONS, COPIED, PLANNED_AT, LAST_PASS, LAST_SUCCESS),
    ),
    "Changes": (
        *(IN_FLIGHT, OLDEST_IN_FLIGHT, RUN_START, RUNS, VM_CHANGES, CHANGE_SECONDS),
        *(FORECASTS, FORECAST_SECONDS, FAILED_MIGRATIONS, MIGRATION_FAILURES),
    ),
    "Requests": (API_REQUESTS, WEBHOOK_DELIVERIES, NOTIFICATIONS),
}
"""Maps each section of the metrics documentation to the metrics that it describes."""

METRICS = tuple(each for group in GROUPS.values() for each in group)

_OF_A_PROCESS = (
    *(READY, WAIT_START, LEADER, LEASE_HOLDER, RUN_START),
    *(GIT_FETCHES, WEBHOOK_DELIVERIES, NOTIFICATIONS, MIGRATION_FAILURES),
)
OF_A_RUN = tuple(each for each in METRICS if each not in _OF_A_PROCESS)
"""The metrics that a single run writes to a file; other metrics need a long-running process."""
