"""Defines the columns that `kubectl get` prints for each API resource.

Source: kube-apiserver v1.36 pkg/printers/internalversion/printers.go for the built-in kinds;
additionalPrinterColumns of the CustomResourceDefinitions for the custom kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reconciler.simulator.apiserver.kubectl_face import jsonpath
from reconciler.simulator.encoding.json_codec import Json
from reconciler.simulator.store import structural_schema

if TYPE_CHECKING:
    from reconciler.simulator.store.api_resources import Resource

Cell: TypeAlias = Callable[[Json, datetime], Any]

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a `kubectl get` table: its header, and a function that computes its cells."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    """The priority of the column; kubectl prints columns above 0 only with `-o wide`."""


def duration(seconds: float) -> str:
    """Formats an age in seconds as kubectl does: `45s`, `3m20s`, `5h12m`, `2d3h`, `40d`.

    Source: k8s.io/apimachinery v0.36 pkg/util/duration/duration.go (HumanDuration).
    """
    whole = int(seconds)
    if whole < 0:
        return "0s"
    steps = (
        (2 * _MINUTE, 1, "s", 0, ""),
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    )
    for below, unit, mark, rest_unit, rest_mark in steps:
        if whole < below:
            rest = whole % unit // rest_unit if rest_unit else 0
            return f"{whole // unit}{mark}" + (f"{rest}{rest_mark}" if rest else "")
    return f"{whole // _YEAR}y"


def age(path: str) -> Cell:
    """Returns a function that computes a table cell: the time since the timestamp in a field."""

    def cell(obj: Json, now: datetime) -> str | None:
        found = jsonpath.find(obj, path)
        if not found:
            return None
        return _since(found[0], now)

    return cell


def _since(moment: Any, now: datetime) -> str:  # noqa: ANN401  # any JSON value
    if not isinstance(moment, str):
        return "<unknown>"
    return duration((now - datetime.fromisoformat(moment)).total_seconds())


def text(path: str, default: Any = "") -> Cell:  # noqa: ANN401  # any cell value
    """Returns a function that computes a table cell: the value of a field."""

    def cell(obj: Json, _now: datetime) -> Any:  # noqa: ANN401  # any cell value
        found = jsonpath.find(obj, path)
        return found[0] if found and found[0] is not None else default

    return cell


def _count(path: str) -> Cell:
    def cell(obj: Json, _now: datetime) -> int:
        found = jsonpath.find(obj, path)
        return len(found[0]) if found and found[0] else 0

    return cell


NAME: Final = Column("Name", text(".metadata.name"), format="name")
AGE: Final = Column("Age", age(".metadata.creationTimestamp"))
_CREATED: Final = Column("Created At", text(".metadata.creationTimestamp"), "date")


def _node_status(node: Json, _now: datetime) -> str:
    ready = jsonpath.find(node, ".status.conditions[?(@.type=='Ready')].status")
    words = ["Ready" if "True" in ready else "NotReady" if ready else "Unknown"]
    if node.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(node: Json, _now: datetime) -> str:
    mark = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(k.removeprefix(mark) for k in labels if k.startswith(mark))) or "<none>"


def _pod_ready(pod: Json, _now: datetime) -> str:
    ready = sum(1 for c in pod.get("status", {}).get("containerStatuses") or () if c.get("ready"))
    return f"{ready}/{len(pod.get('spec', {}).get('containers') or ())}"


def _pod_status(pod: Json, _now: datetime) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = pod.get("status", {})
    return str(status.get("reason") or status.get("phase") or "Unknown")


def _event_age(event: Json, now: datetime) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return _since(series or event.get("lastTimestamp") or event.get("eventTime"), now)


def _event_object(event: Json, _now: datetime) -> str:
    regarding = event.get("involvedObject") or {}
    return f"{regarding.get('kind', '').lower()}/{regarding.get('name', '')}"


def _role(binding: Json, _now: datetime) -> str:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _quota(field: str) -> Cell:
    def cell(quota: Json, _now: datetime) -> str:
        status = quota.get("status", {})
        hard, used = status.get("hard") or {}, status.get("used") or {}
        names = [n for n in sorted(hard) if n.startswith("limits.") == (field == "limits")]
        return ", ".join(f"{n}: {used.get(n, '0')}/{hard[n]}" for n in names)

    return cell


def _job_completions(job: Json, _now: datetime) -> str:
    done = job.get("status", {}).get("succeeded", 0)
    return f"{done}/{job.get('spec', {}).get('completions', 1)}"


def _job_status(job: Json, _now: datetime) -> str:
    conditions = job.get("status", {}).get("conditions") or ()
    true = {c["type"] for c in conditions if c.get("status") == "True"}
    return next((name for name in ("Complete", "Failed", "Suspended") if name in true), "Running")


def _flag(path: str) -> Cell:
    read = text(path, default=False)
    return lambda obj, now: "True" if read(obj, now) else "False"


_ROLE_COLUMNS: Final = (NAME, _CREATED)
_BINDING_COLUMNS: Final = (NAME, Column("Role", _role), AGE)
_BUILTIN: Final[dict[str, tuple[Column, ...]]] = {
    "namespaces": (NAME, Column("Status", text(".status.phase")), AGE),
    "nodes": (
        NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        Column("Version", text(".status.nodeInfo.kubeletVersion")),
    ),
    "pods": (
        NAME,
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", text(".status.containerStatuses[0].restartCount", 0), "integer"),
        AGE,
        Column("IP", text(".status.podIP", "<none>"), priority=1),
        Column("Node", text(".spec.nodeName", "<none>"), priority=1),
    ),
    "events": (
        Column("Last Seen", _event_age),
        Column("Type", text(".type")),
        Column("Reason", text(".reason")),
        Column("Object", _event_object),
        Column("Source", text(".source.component"), priority=1),
        Column("Message", text(".message")),
        Column("Count", text(".count", 0), "integer", priority=1),
        Column("Name", text(".metadata.name"), priority=1),
    ),
    "serviceaccounts": (NAME, Column("Secrets", _count(".secrets"), "integer"), AGE),
    "secrets": (
        NAME,
        Column("Type", text(".type")),
        Column("Data", _count(".data"), "integer"),
        AGE,
    ),
    "configmaps": (NAME, Column("Data", _count(".data"), "integer"), AGE),
    "resourcequotas": (
        NAME,
        Column("Request", _quota("requests")),
        Column("Limit", _quota("limits")),
        AGE,
    ),
    "limitranges": _ROLE_COLUMNS,
    "leases.coordination.k8s.io": (NAME, Column("Holder", text(".spec.holderIdentity")), AGE),
    "roles.rbac.authorization.k8s.io": _ROLE_COLUMNS,
    "clusterroles.rbac.authorization.k8s.io": _ROLE_COLUMNS,
    "rolebindings.rbac.authorization.k8s.io": _BINDING_COLUMNS,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING_COLUMNS,
    "customresourcedefinitions.apiextensions.k8s.io": _ROLE_COLUMNS,
    "controllerrevisions.apps": (
        NAME,
        Column("Controller", text(".metadata.ownerReferences[0].name", "<none>")),
        Column("Revision", text(".revision", 0), "integer"),
        AGE,
    ),
    "jobs.batch": (
        NAME,
        Column("Status", _job_status),
        Column("Completions", _job_completions),
        AGE,
    ),
    "cronjobs.batch": (
        NAME,
        Column("Schedule", text(".spec.schedule")),
        Column("Timezone", text(".spec.timeZone", "<none>")),
        Column("Suspend", _flag(".spec.suspend")),
        Column("Active", _count(".status.active"), "integer"),
        Column("Last Schedule", age(".status.lastScheduleTime")),
        AGE,
    ),
}


def of(resource: Resource) -> tuple[Column, ...]:
    """Returns the `kubectl get` columns of an API resource, which by default are name and age."""
    if not resource.custom:
        return _BUILTIN.get(resource.storage, (NAME, AGE))
    definition = structural_schema.definition(resource.plural)
    declared = definition["spec"]["versions"][0] if definition else {}
    printed = declared.get("additionalPrinterColumns")
    if not printed:
        return (NAME, AGE)
    return (NAME, *(_declared(column) for column in printed))


def _declared(column: Json) -> Column:
    path, kind = column["jsonPath"], column["type"]
    cell = age(path) if kind == "date" else text(path, default=None)
    return Column(column["name"], cell, kind, priority=column.get("priority", 0))
