"""The trace file gets one JSON line per VM, written when the VM's change or the run ends."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from support.schemas import check_document

from reconciler.app.execution.trace_file import Tracer, open_tracer
from reconciler.errors import UsageError
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import Uid, kubevirt_ref, vm_ref
from reconciler.model.run.outcome import Actuation, MigrationSummary, Outcome, Result
from reconciler.model.run.progress import Progress, Step

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PG = vm_ref("db", "pg-0")
DONE = Outcome(
    ref=PG,
    effect=Effect.LIVE,
    actuation=Actuation.SUCCEEDED,
    result=Result.DONE,
    why=Explanation(reason="converged", message="the guest has 12Gi"),
    digest="sha256:" + "a" * 64,
    patched_at=AT,
    restarted_at=AT + timedelta(seconds=2),
    ended_at=AT + timedelta(seconds=42.5),
    seconds=42.5,
    migration=MigrationSummary(
        name="m-1", uid=Uid("u-1"), phase="Succeeded", source_node="n1", target_node="n2"
    ),
    guest_before=MemoryQuantity.parse("8Gi"),
    guest_now=MemoryQuantity.parse("12Gi"),
)
HELD = replace(
    DONE,
    ref=vm_ref("db", "pg-1"),
    actuation=Actuation.SKIPPED,
    result=Result.HELD,
    digest="",
    patched_at=None,
    restarted_at=None,
    ended_at=None,
    seconds=None,
    migration=None,
)


def ended(outcome: Outcome, step: Step = Step.DONE) -> Progress:
    return Progress(at=AT, step=step, message="m", ref=outcome.ref, outcome=outcome)


def report(*outcomes: Outcome):
    return SimpleNamespace(outcomes=outcomes, ended_at=AT + timedelta(minutes=5))


@pytest.fixture
def file():
    return io.StringIO()


@pytest.fixture
def trace(file):
    return Tracer(run_id="run", revision="abc", file=file, log=None)


def lines(stream) -> list[dict]:
    return [json.loads(each) for each in stream.getvalue().splitlines()]


def test_trace_line_of_a_vm_has_all_fields_from_commit_to_guest_size(trace, file):
    trace(ended(DONE))
    (line,) = lines(file)
    check_document(line, "trace")
    assert line == {
        "ts": "2026-03-02T09:30:42.500Z",
        "runId": "run",
        "revision": "abc",
        "namespace": "db",
        "name": "pg-0",
        "effect": "live",
        "digest": "sha256:" + "a" * 64,
        "actuation": "succeeded",
        "patchedAt": "2026-03-02T09:30:00Z",
        "restartedAt": "2026-03-02T09:30:02Z",
        "migration": "m-1",
        "migrationUid": "u-1",
        "sourceNode": "n1",
        "targetNode": "n2",
        "failedMigrations": 0,
        "seconds": 42.5,
        "guestBefore": "8Gi",
        "guestNow": "12Gi",
        "result": "done",
        "reason": "converged",
        "message": "the guest has 12Gi",
    }


def test_trace_file_lists_vms_that_are_still_waiting_when_the_run_ends(trace, file):
    trace(ended(DONE))
    trace.finish(report(DONE, HELD))
    names = [(each["name"], each["ts"]) for each in lines(file)]
    assert names == [("pg-0", "2026-03-02T09:30:42.500Z"), ("pg-1", "2026-03-02T09:35:00Z")]
    check_document(lines(file)[1], "trace")


def test_trace_file_gets_another_line_for_a_vm_whose_result_changes_during_the_run(trace, file):
    """A canary VM might lose its memory during the soak time, so only its last line counts."""
    trace(ended(DONE))
    trace.finish(report(replace(DONE, result=Result.FAILED)))
    assert [each["result"] for each in lines(file)] == ["done", "failed"]


def test_trace_file_has_no_line_for_an_unfinished_vm_change_or_for_the_kubevirt_cr(trace, file):
    trace(Progress(at=AT, step=Step.PHASE, message="m", ref=PG))
    config = replace(DONE, ref=kubevirt_ref("kubevirt", "kubevirt"))
    trace(ended(config))
    trace.finish(report(config))
    assert file.getvalue() == ""


def test_trace_line_in_a_json_log_has_the_fields_of_a_log_line():
    log = io.StringIO()
    Tracer(run_id="run", revision="abc", file=None, log=log)(ended(DONE))
    (line,) = lines(log)
    assert (line["level"], line["msg"], line["ts"]) == (
        "info",
        "the change to the VM has ended",
        "2026-03-02T09:30:42.500Z",
    )
    assert (line["name"], line["migrationUid"], line["result"]) == ("pg-0", "u-1", "done")


def test_trace_lines_are_appended_to_an_existing_file(tmp_path):
    path = tmp_path / "trace.jsonl"
    for _ in range(2):
        with open_tracer(path, run_id="run", revision="abc", log=None) as opened:
            opened(ended(DONE))
    assert len(path.read_text().splitlines()) == 2


def test_unwritable_trace_file_is_reported_before_the_run_starts(tmp_path):
    with (
        pytest.raises(
            UsageError, match=r"--trace file .*nowhere/trace cannot be written: No such file"
        ),
        open_tracer(tmp_path / "nowhere" / "trace", run_id="r", revision="a", log=None),
    ):
        pass


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def test_trace_ends_but_the_rollout_continues_if_the_disk_of_the_trace_file_is_full(caplog):
    trace = Tracer(run_id="run", revision="abc", file=Full(), log=None)
    trace(ended(DONE))
    trace(ended(HELD))
    assert [each.message for each in caplog.records] == [
        (
            "the --trace file is incomplete, because a line could not be written: "
            "No space left on device"
        )
    ]
