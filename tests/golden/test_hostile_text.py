"""Untrusted text from Git, the API server or the environment is harmless in every output.

The table ROWS has one row per kind of output. Each test renders an output in which all strings are
replaced with hostile text.
"""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from golden.hostile_text import BENIGN, CHECKS, HOSTILE, TERMINAL
from rich.console import Console

import reconciler
from reconciler.app.comment.check_annotations import plan_annotations
from reconciler.app.execution.trace_file import Tracer
from reconciler.app.wiring import process_name
from reconciler.cli import completion, main
from reconciler.cli.demo.demo_stage import Stage
from reconciler.cli.option_values import TextFormat
from reconciler.cli.terminal import log_format
from reconciler.cli.terminal.error_output import exit_code
from reconciler.cli.terminal.live_display import LineDisplay, LiveDisplay
from reconciler.cli.terminal.waiting import Waiting
from reconciler.cluster.api.api_errors import Answer, from_answer
from reconciler.cluster.read.snapshot_file import dump
from reconciler.cluster.write.events import ClusterRecorder
from reconciler.errors import InvalidError
from reconciler.model.desired.config import Config, OptionOrigin, OriginKind
from reconciler.model.explanation import Explanation
from reconciler.model.plan.comparison import Base, BaselineState, ComparedObject, Comparison
from reconciler.model.plan.plan import Action, Effect, WriteTarget, WrittenField
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.references import Location, ObjectRef, Uid, vm_ref
from reconciler.model.revision.commit_in_force import (
    CommitInForce,
    RefusalReason,
    RefusedCommit,
)
from reconciler.model.run.checkpoint import Checkpoint, RecordedFailure
from reconciler.model.run.progress import Progress, Step
from reconciler.model.service import notification as notification_values
from reconciler.model.service.counts import Counts
from reconciler.model.service.notification import (
    DeliveryState,
    Notification,
    NotificationKind,
    NotificationRecord,
    NotificationSeverity,
)
from reconciler.model.service.receiver import NotifySettings
from reconciler.model.service.view import (
    ActiveRun,
    AlertHold,
    NextRun,
    PlanRecord,
    ServiceView,
    SourceView,
    VMChange,
    Wait,
    WaitKind,
)
from reconciler.report.code_review.github_commands import github_commands
from reconciler.report.code_review.gitlab_code_quality import gitlab_code_quality
from reconciler.report.code_review.review import review_of_desired, review_of_plan
from reconciler.report.code_review.sarif import sarif
from reconciler.report.comment.github_outputs import github_outputs
from reconciler.report.comment.headline import plan_headline, run_headline
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.comment.run_comment import failure_comment, run_comment
from reconciler.report.config_with_origins import (
    EffectiveConfig,
    OptionValue,
    effective_config_json,
    effective_config_text,
)
from reconciler.report.findings import validation_json, validation_text
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_html import fleet_html
from reconciler.report.fleet_page.page_events import change_event
from reconciler.report.fleet_page.page_state import page_state
from reconciler.report.fleet_page.reason_html import not_found_html, reason_html
from reconciler.report.fleet_page.vm_html import vm_html
from reconciler.report.html.plan_html import plan_html
from reconciler.report.html.validation_html import validation_html
from reconciler.report.json_documents import plan_json, run_json
from reconciler.report.json_text import compact, one_line
from reconciler.report.metrics.exposition import OPENMETRICS, metrics_text
from reconciler.report.notification.alertmanager_body import alertmanager_body
from reconciler.report.notification.webhook_body import webhook_body
from reconciler.report.plan_markdown import TAG, plan_markdown
from reconciler.report.plan_text import plan_text
from reconciler.report.run_text import run_text
from reconciler.report.service.readiness_text import readiness_text
from reconciler.report.service.run_list import run_list_json
from reconciler.report.status_changes import changed_lines, status_lines
from reconciler.report.status_document import Status, status_document, status_json
from reconciler.report.status_text import status_text
from reconciler.rollout.tracking.checkpoint_codec import encoded
from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.push_event import Delivery, EventKind, PushedRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.report.code_review.review import Review

PACKAGE = Path(reconciler.__file__).parent
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WIDE = 1_000_000


def poisoned(value: Any, text: str) -> Any:
    """Replace every string in *value*, at any depth, with *text*."""
    found = value
    match value:
        case Enum():
            pass
        case str():
            found = text
        case ObjectRef():
            # The kind and the API group determine how an object is shown, so they are kept.
            names = {each: text for each in ("namespace", "name") if getattr(value, each)}
            found = value._replace(**names)
        case tuple() | frozenset():
            found = type(value)(poisoned(each, text) for each in value)
        case dict():
            keys = [text] if len(value) == 1 else list(value)
            found = dict(zip(keys, (poisoned(each, text) for each in value.values()), strict=True))
        case Action():
            # The YAML parser has checked these strings, and digests depend on them, so they are
            # kept.
            ref, patch = poisoned(value.ref, text), poisoned(value.patch, text)
            found = replace(value, ref=ref, patch=patch)
        case _ if is_dataclass(value) and not isinstance(value, MemoryQuantity | Duration):
            given = [each.name for each in fields(value) if each.init]
            found = replace(
                value, **{each: poisoned(getattr(value, each), text) for each in given}
            )
    return found


POISONED: dict[tuple[str, str], Any] = {}
"""A cache of the values with hostile text, keyed by name and hostile text."""


def once(name: str, value: Any, text: str) -> Any:
    """Return ``poisoned(value, text)``, which is computed only once for each *name* and *text*."""
    if (name, text) not in POISONED:
        POISONED[name, text] = poisoned(value, text)
    return POISONED[name, text]


@dataclass(frozen=True)
class Values:
    """The input values of one test, in which every string is hostile."""

    text: str
    plan: Any
    run: Any
    desired: Any
    live: Any
    capture: pytest.CaptureFixture[str]
    environment: pytest.MonkeyPatch

    @property
    def status(self) -> Status:
        return Status(desired=self.desired, live=self.live, convergence={}, unmanaged=True)

    @property
    def config(self) -> EffectiveConfig:
        origin = OptionOrigin(OriginKind.ENVIRONMENT, self.text)
        place = Location(path=self.text, line=1, column=1)
        config = Config(paths=(self.text,), cluster=self.text)
        return EffectiveConfig(
            revision=self.text,
            dirty=True,
            config=config.overridden({"exclude": (self.text,)}, place),
            options=(OptionValue(name="repo", value=self.text, origin=origin),),
        )

    @property
    def comparison(self) -> Comparison:
        """A comparison in which one object and one problem exist only in the base commit."""
        objects = {
            each.ref: ComparedObject(
                state=BaselineState.UPDATED, before=each, after=each, edited=False
            )
            for each in self.plan.decisions
        }
        lost = next(each for each in self.plan.decisions if each.effect is Effect.LIVE)
        lost = replace(lost, ref=vm_ref(f"{self.text}1", self.text))
        objects[lost.ref] = ComparedObject(
            state=BaselineState.ABSENT, before=lost, after=None, edited=True
        )
        return Comparison(
            base=Base(requested=self.text, revision=self.text, unplanned=self.text),
            objects=objects,
            diagnostics=dict.fromkeys(self.plan.diagnostics, BaselineState.UNCHANGED),
            absent_diagnostics=self.plan.diagnostics,
        )

    @property
    def plan_review(self) -> Review:
        return review_of_plan(self.plan)

    @property
    def compared_review(self) -> Review:
        return review_of_plan(self.plan, self.comparison)

    @property
    def validation(self) -> Review:
        return review_of_desired(self.desired)

    def printed(self, do: Callable[[], object]) -> str:
        """Return what the function *do* prints on stdout and stderr."""
        self.capture.readouterr()
        do()
        return "".join(self.capture.readouterr())

    def steps(self) -> Iterator[Progress]:
        for step in Step:
            yield Progress(
                at=NOW,
                step=step,
                message=self.text,
                ref=vm_ref(self.text, self.text),
                reason=self.text,
            )
        yield Progress(at=NOW, step=Step.WAVE, message=self.text)


def error(values: Values, written: TextFormat) -> str:
    """Return the printed error of a failed request and of problems in the desired state."""
    logging.getLogger().handlers = []
    log_format.configure(log_format=written)
    status = json.dumps({"kind": "Status", "message": values.text, "reason": values.text})
    answer = Answer(method="GET", path="/api/v1/nodes", status=500, body=status.encode())
    texts = [
        from_answer(answer, values.text),
        InvalidError(values.text, values.desired.diagnostics),
    ]
    texts[1].hint = values.text

    def fail(each: Exception) -> Callable[[], Any]:
        def command() -> Any:
            raise each

        return command

    return values.printed(lambda: [exit_code(fail(each), written) for each in texts])


def logged(values: Values, written: TextFormat) -> str:
    """Return the log output for a message with fields and for an exception."""
    stream = io.StringIO()
    log_format.configure(log_format=written, stream=stream)
    log = logging.getLogger("reconciler.test")
    log.warning("%s", values.text, extra={"ref": values.text, "names": [values.text]})
    log.error("failed", exc_info=ValueError(values.text))
    logging.getLogger().handlers = []
    return stream.getvalue()


def displayed(values: Values, written: TextFormat) -> str:
    stream = io.StringIO()
    show = LineDisplay(stream, Waiting(values.plan), written)
    for each in values.steps():
        show(each)
    return stream.getvalue()


def live_display(values: Values) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=4000, color_system="standard")
    with LiveDisplay(console, Waiting(values.plan)) as show:
        for each in values.steps():
            show(each)
    shown = TERMINAL.sub("", stream.getvalue())
    # The library Rich redraws its progress bars in place, a varying number of times.
    return "\n".join(dict.fromkeys(re.split(r"[\r\n]+", shown)))


def traced(values: Values) -> str:
    file, log = io.StringIO(), io.StringIO()
    tracer = Tracer(run_id=values.text, revision=values.text, file=file, log=log)
    tracer.finish(values.run)
    return file.getvalue() + log.getvalue()


def event_texts(values: Values) -> str:
    """Return the strings of a Kubernetes Event, except those that identify the object."""

    class Client:
        def without_retries(self) -> Client:
            return self

    class Clock:
        def now(self) -> datetime:
            return NOW

    recorder = ClusterRecorder(
        Client(),  # type: ignore[arg-type]
        clock=Clock(),  # type: ignore[arg-type]
        instance=values.text,
        revision=values.text,
    )
    body = recorder.event(vm_ref("db", "pg"), "u", reason="Failed", message=values.text).body
    return "\n".join(
        (body["note"], body["reportingInstance"], *body["metadata"]["annotations"].values())
    )


def lease_annotation(values: Values) -> str:
    why = Explanation(reason=values.text, message=values.text)
    failure = RecordedFailure(uid=Uid(values.text), target=values.text, why=why, at=NOW)
    return encoded(Checkpoint(failures={vm_ref(values.text, values.text): failure})) or ""


def lease_holder(values: Values) -> str:
    values.environment.setattr("os.environ", {"HOSTNAME": values.text})
    found = process_name.run_id()
    values.environment.undo()
    return re.sub(r"-\d+-[0-9a-f]{6}$", "", found)


def watched(values: Values) -> str:
    lines = status_lines(status_document(values.status))
    gone = {**lines, **{f"{key} gone": each for key, each in lines.items()}}
    return "".join(f"{each}\n" for each in (*changed_lines({}, lines), *changed_lines(gone, {})))


def usage_error(values: Values) -> str:
    arguments = (
        ["plan", f"--{values.text}"],
        ["demo", "--time-scale", values.text],
        [values.text],
    )
    return values.printed(lambda: [main.main(["plan", *each][1:]) for each in arguments])


def help_text(values: Values) -> str:
    names = ("REPO", "REVISION", "MODE", "OUTPUT", "SHARD", "CONTEXT", "LOG_FORMAT")
    values.environment.setattr("os.environ", {f"RECONCILER_{each}": values.text for each in names})
    shown = values.printed(lambda: [main.main([each, "--help"]) for each in ("plan", "apply")])
    values.environment.undo()
    return shown


def bug(values: Values) -> str:
    return values.printed(lambda: main._print_exception(ValueError, ValueError(values.text), None))


def demo(values: Values) -> str:
    stage = object.__new__(Stage)

    def say() -> None:
        stage.title(values.text)
        stage.say(values.text, values.text)

    shown = values.printed(say)
    return re.sub(r"=+", "=", shown)


def completed(values: Values) -> str:
    """Return shell completions for kubeconfig contexts; zsh evaluates such completions."""
    return "\n".join(completion._completions(["usual", values.text, f"a{values.text}"], ""))


def service_view(values: Values) -> ServiceView:
    """Build the state of a ``serve`` process in which every string is hostile and a VM changes."""
    text, ref = values.text, vm_ref(values.text, values.text)
    live = replace(
        values.live,
        vms={ref: next(iter(values.live.vms.values()))},
        vmis={ref: next(iter(values.live.vmis.values()))},
        migrations={ref: next(iter(values.live.migrations.values()))},
    )
    step = Progress(at=NOW, step=Step.FAILED, message=text, ref=ref, reason=text)
    refused = RefusedCommit(
        commit=text,
        reason=RefusalReason.UNSIGNED,
        message=text,
        at=Location(path=text, line=1, column=1),
    )
    change = VMChange(
        run_id=text, revision=text, at=NOW, before=None, after=None, result=text, reason=text
    )
    return ServiceView(
        instance=text,
        version=text,
        started_at=NOW,
        at=NOW,
        leader=f"{text}1",
        source=SourceView(
            address=text,
            revision=text,
            in_force=CommitInForce(
                revision=text, newest=text, commit=text, signer=text, refused=(refused,)
            ),
        ),
        waits=(Wait(kind=WaitKind.CLUSTER, since=NOW, message=text),),
        live=live,
        plan=values.plan,
        run=ActiveRun(
            run_id=text, plan=values.plan, started_at=NOW, progress={ref: step}, message=text
        ),
        runs=(values.run,),
        plans=(PlanRecord(at=NOW, revision=text, digest=text, summary={text: 1}),),
        changes={ref: (change,)},
        next_run=NextRun(at=NOW, why=text),
        notifications=(notified(text),),
        restart_since={ref: NOW},
        hold=AlertHold(since=NOW, alerts=(text,), message=text),
        history_since=NOW,
    )


def webhook_notification(values: Values) -> str:
    """Return the title of a webhook notification, which receivers can show to users."""
    found = webhook_body(notified(values.text).notification, NotifySettings())
    return str(found["title"])


def alert(values: Values) -> str:
    """Return the summary of an alert, which Alertmanager shows to users."""
    found = notified(values.text).notification
    (body,) = alertmanager_body([found], NotifySettings(), NOW)
    return str(body["annotations"]["summary"])


def metrics(values: Values, accept: str) -> str:
    return metrics_text(service_view(values), Counts(), accept).content.decode()


def notified(text: str) -> NotificationRecord:
    notification = Notification(
        id=text,
        causes=(text,),
        kind=NotificationKind.FAILURE,
        severity=NotificationSeverity.CRITICAL,
        reason=text,
        title=text,
        text=text,
        at=NOW,
        since=NOW,
    )
    delivery = notification_values.Delivery(
        receiver=text, state=DeliveryState.FAILED, message=text
    )
    return NotificationRecord(notification=notification, deliveries=(delivery,))


def fleet_page(values: Values) -> str:
    shown = FleetFilter.parse({"q": values.text, "group": "node"})
    return fleet_html(service_view(values), shown)


def vm_page(values: Values) -> str:
    page = vm_html(service_view(values), vm_ref(values.text, values.text))
    assert page is not None
    return page


def webhook_answer(values: Values) -> str:
    pushed = PushedRef(name=f"refs/heads/{values.text}")
    delivery = Delivery(kind=EventKind.PUSH, repository="team/fleet", refs=(pushed, pushed))
    elsewhere = replace(delivery, repository=values.text)
    followed = FollowedBranch(repository="https://host/team/fleet", revision="main")
    return "\n".join(followed.relevance(each).message for each in (delivery, elsewhere))


def page_event(values: Values) -> str:
    after = service_view(values)
    before = replace(after, run=None, hold=None)
    return change_event(page_state(before), page_state(after)).decode()


def reviewed(review: Review, form: str) -> str:
    match form:
        case "sarif":
            return "".join(sarif(review, "1.2.3"))
        case "gitlab":
            return "".join(gitlab_code_quality(review))
        case _:
            return "".join(github_commands(review))


def commented(values: Values, of: str) -> str:
    """Return a pull request comment for a plan, a run report, or a run without a plan."""
    settings: dict[str, Any] = {"cluster_name": values.text, "link": "", "limit": 1_000_000}
    match of:
        case "plan":
            text = plan_comment(json.loads("".join(plan_json(values.plan))), **settings)
        case "compared":
            found = json.loads("".join(plan_json(values.plan, values.comparison)))
            text = plan_comment(found, **settings)
        case "run":
            text = run_comment(json.loads("".join(run_json(values.run))), **settings)
        case _:
            text = failure_comment(values.text.replace("\n", " "), **settings)
    return f"{TAG}\n{text}"


def step_outputs(values: Values) -> str:
    """Return the GitHub Actions outputs for a plan and a run report, on one line."""
    both = (json.loads("".join(each)) for each in (plan_json(values.plan), run_json(values.run)))
    return " ".join(line.removesuffix("\n") for each in both for line in github_outputs(each))


def annotated(values: Values) -> str:
    """Return the strings in the check run annotations of a plan; all paths are harmless."""
    document = json.loads("".join(plan_json(values.plan)))
    for each in (*document["objects"], *document["diagnostics"]):
        each["at"] = {"path": "vms.yaml", "line": 1, "column": 1}
        each["changes"] = [{**change, "at": each["at"]} for change in each.get("changes", ())]
    found, _ = plan_annotations(document)
    return "\n".join(text for each in found for text in (each.title, each.message, each.details))


def status_descriptions(values: Values) -> str:
    plan, run = (
        json.loads("".join(each)) for each in (plan_json(values.plan), run_json(values.run))
    )
    found = (plan_headline(plan, None), run_headline(run, None))
    return "\n".join(each.description(100_000) for each in found)


def lines(render: Callable[..., Any], of: str, **how: Any) -> Callable[[Values], str]:
    return lambda values: "".join(render(getattr(values, of), **how))


def compared(render: Callable[..., Any], **how: Any) -> Callable[[Values], str]:
    return lambda values: "".join(render(values.plan, comparison=values.comparison, **how))


ROWS: dict[str, tuple[str, Callable[[Values], str]]] = {
    "plan -o text": ("text", lines(plan_text, "plan", width=WIDE)),
    "plan -o text -v": ("text", lines(plan_text, "plan", width=WIDE, verbose=True)),
    "plan -o text in color": ("color", lines(plan_text, "plan", width=WIDE, color=True)),
    "plan -o text at 80 columns": ("wrapped", lines(plan_text, "plan", width=80, verbose=True)),
    "plan -o json": ("json", lines(plan_json, "plan")),
    "plan -o json on one line": ("json", lambda values: one_line(plan_json(values.plan))),
    "plan -o markdown": ("markdown", lines(plan_markdown, "plan")),
    "plan -o html": ("html", lines(plan_html, "plan")),
    "plan -o sarif": ("review", lambda values: reviewed(values.plan_review, "sarif")),
    "plan -o github": ("commands", lambda values: reviewed(values.plan_review, "github")),
    "plan -o gitlab": ("review", lambda values: reviewed(values.plan_review, "gitlab")),
    "plan --base -o text": ("text", compared(plan_text, width=WIDE)),
    "plan --base -o json": ("json", compared(plan_json)),
    "plan --base -o markdown": ("markdown", compared(plan_markdown)),
    "plan --base -o html": ("html", compared(plan_html)),
    "plan --base -o sarif": ("review", lambda values: reviewed(values.compared_review, "sarif")),
    "plan --base -o github": (
        "commands",
        lambda values: reviewed(values.compared_review, "github"),
    ),
    "plan --base -o gitlab": ("review", lambda values: reviewed(values.compared_review, "gitlab")),
    "comment -o markdown": ("markdown", lambda values: commented(values, "plan")),
    "comment on a plan": ("markdown", lambda values: commented(values, "plan")),
    "comment on a plan with a base": ("markdown", lambda values: commented(values, "compared")),
    "comment on a report": ("markdown", lambda values: commented(values, "run")),
    "comment of a failed run": ("markdown", lambda values: commented(values, "log")),
    "comment -o github-output": ("text", step_outputs),
    "check run": ("text", annotated),
    "commit status": ("text", status_descriptions),
    "apply -o text": ("text", lines(run_text, "run", width=WIDE)),
    "apply -o text -v": ("text", lines(run_text, "run", width=WIDE, verbose=True)),
    "apply -o text in color": ("color", lines(run_text, "run", width=WIDE, color=True)),
    "apply -o text at 80 columns": ("wrapped", lines(run_text, "run", width=80)),
    "apply -o json": ("json", lines(run_json, "run")),
    "apply --trace": ("json lines", traced),
    "status -o text": ("text", lines(status_text, "status", width=WIDE)),
    "status -o text in color": ("color", lines(status_text, "status", width=WIDE, color=True)),
    "status -o text at 80 columns": ("wrapped", lines(status_text, "status", width=80)),
    "status -o json": ("json", lines(status_json, "status")),
    "status --watch": ("text", watched),
    "status --watch -o json": ("json", lambda values: compact(status_document(values.status))),
    "validate -o text": ("text", lines(validation_text, "desired")),
    "validate -o text in color": ("color", lines(validation_text, "desired", color=True)),
    "validate -o json": ("json", lines(validation_json, "desired")),
    "validate -o html": ("html", lines(validation_html, "desired")),
    "validate -o sarif": ("review", lambda values: reviewed(values.validation, "sarif")),
    "validate -o github": ("commands", lambda values: reviewed(values.validation, "github")),
    "validate -o gitlab": ("review", lambda values: reviewed(values.validation, "gitlab")),
    "config -o text": (
        "text",
        lambda values: effective_config_text(values.config, width=WIDE, color=False),
    ),
    "config -o json": ("json", lambda values: effective_config_json(values.config)),
    "snapshot": ("json", lambda values: dump(values.live).decode()),
    "progress as text": ("text", lambda values: displayed(values, TextFormat.TEXT)),
    "progress as JSON": ("json lines", lambda values: displayed(values, TextFormat.JSON)),
    "progress bars": ("wrapped", live_display),
    "log as text": ("text", lambda values: logged(values, TextFormat.TEXT)),
    "log as JSON": ("json lines", lambda values: logged(values, TextFormat.JSON)),
    "error as text": ("text", lambda values: error(values, TextFormat.TEXT)),
    "error as JSON": ("json lines", lambda values: error(values, TextFormat.JSON)),
    "error in the command line": ("text", usage_error),
    "bug": ("text", bug),
    "help": ("text", help_text),
    "demo": ("text", demo),
    "completion": ("words", completed),
    "metrics": ("text", lambda values: metrics(values, "")),
    "metrics as OpenMetrics": ("text", lambda values: metrics(values, OPENMETRICS)),
    "fleet page": ("live page", fleet_page),
    "VM page": ("live page", vm_page),
    "reason page": (
        "live page",
        lambda values: str(reason_html(service_view(values), "hotplug")),
    ),
    "page for a missing address": (
        "live page",
        lambda values: not_found_html(values.text, "../"),
    ),
    "event of a live page": ("event", page_event),
    "readiness probe": ("text", lambda values: readiness_text(service_view(values))),
    "list of runs": ("json", lambda values: run_list_json(service_view(values))),
    "answer to a webhook": ("text", webhook_answer),
    "notification of a webhook": ("text", webhook_notification),
    "notification of an Alertmanager": ("text", alert),
    "Event": ("text", event_texts),
    "annotation of the Lease": ("json", lease_annotation),
    "holder of the Lease": ("text", lease_holder),
}
WRITERS = {
    "app/output_files.py": "plan -o json, apply -o json, snapshot",
    "app/execution/trace_file.py": "apply --trace",
    "cli/commands/cluster.py": "the address of the simulated server and a kubeconfig",
    "cli/demo/demo_stage.py": "demo",
    "cli/main.py": "error in the command line, bug, help",
    "cli/terminal/error_output.py": "error as text",
    "cli/terminal/live_display.py": "progress as text, progress as JSON, progress bars",
    "cli/terminal/log_format.py": "log as text, log as JSON",
    "cli/terminal/run_output.py": "plan -o text, apply -o json",
    "cli/terminal/screen.py": "all results, and a question without untrusted text",
    "serve/http/limited_connection.py": "answers without untrusted text",
    "source/trust/openpgp_keyring.py": "settings of gpg, without untrusted text",
    "source/trust/signature_checker.py": "the allowed signers of --verify, for ssh-keygen",
    "cli/terminal/standard_streams.py": "the bytes that other modules write to stderr",
}
"""The modules that write to a stream or a file, and the names of the rows in ROWS that test their
output.
"""


@pytest.fixture
def values(plan, run, desired, live, capsys, monkeypatch):
    """A function that builds input values in which every string is the given text."""

    def of(text: str) -> Values:
        return Values(
            text=text,
            plan=once("plan", through_owner(plan), text),
            run=once("run", run, text),
            desired=once("desired", desired, text),
            live=once("live", live, text),
            capture=capsys,
            environment=monkeypatch,
        )

    handlers = list(logging.getLogger().handlers)
    yield of
    logging.getLogger().handlers[:] = handlers


def through_owner(plan):
    """Build a plan whose KubeVirt settings are written to a HyperConverged object."""
    ref = ObjectRef(kind="HyperConverged", namespace="cnv", name="hco", group="hco.kubevirt.io")
    written = WrittenField(target=WriteTarget(ref=ref, version="v1"), path=("spec", "x"))

    def moved(decision):
        if decision.ref.is_vm:
            return decision
        changes = tuple(replace(each, written=written) for each in decision.changes)
        actions = tuple(replace(each, target=written.target) for each in decision.actions)
        return replace(decision, changes=changes, actions=actions)

    return replace(plan, decisions=tuple(map(moved, plan.decisions)))


@pytest.mark.parametrize("name", ROWS)
def test_output_of_each_command_escapes_hostile_text_in_names_and_messages(name, values):
    medium, render = ROWS[name]
    benign = render(values(BENIGN))
    for kind, hostile in HOSTILE.items():
        # The JSON parser for API responses rejects unpaired surrogates.
        if (name, kind) != ("snapshot", "unpaired surrogate"):
            CHECKS[medium](render(values(hostile)), benign, hostile)


def test_hostile_text_tests_cover_each_output_format_of_each_command():
    found = {}
    for command in main.app.registered_commands:
        parameters = signature(command.callback).parameters
        if "output" in parameters:
            found[command.name] = get_args(get_args(parameters["output"].annotation)[0])[0]
    assert found.keys() == {
        *("plan", "apply", "reconcile", "serve", "status", "validate", "config", "comment"),
    }
    runs = {"reconcile": "apply", "serve": "apply"}
    rows = {runs.get(name, name): kind for name, kind in found.items()}
    wanted = {f"{name} -o {each}" for name, kind in rows.items() for each in kind}
    assert wanted <= ROWS.keys()


def test_hostile_text_tests_cover_each_module_that_writes_output():
    """Each module that prints, or writes to a stream or a file, must have a row in ROWS."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(("simulator/", "source/git/", "cluster/write/writer.py")):
            continue  # these modules write HTTP responses, file names for git, and API requests
        text = path.read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(text)) if re.search(r"\.write|print\(", text) else ()
        for node in nodes:
            if isinstance(node, ast.Call) and writes(node.func):
                found.add(name)
    assert found == WRITERS.keys()


def writes(function: ast.expr) -> bool:
    match function:
        case ast.Name(id="print"):
            return True
        case ast.Attribute(attr="write", value=ast.Name(id="output_files")):
            return False  # the module output_files has its own row
        case ast.Attribute(attr=name):
            return name in {"write", "writelines", "write_text", "write_bytes", "print"}
        case _:
            return False
