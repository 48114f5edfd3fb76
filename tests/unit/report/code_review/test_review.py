"""A code review has each finding once, most important first, with a stable fingerprint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.explanation import Explanation
from reconciler.model.fields import GUEST_MEMORY, ROLLOUT_STRATEGY, UPDATE_METHODS, WaveName
from reconciler.model.plan.plan import Change, Decision, Effect, Plan, Reason
from reconciler.model.plan.plan_forecast import Forecast
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import Location, kubevirt_ref, vm_ref
from reconciler.report.code_review.review import review_of_errors, review_of_plan

KUBEVIRT = kubevirt_ref("kubevirt", "kubevirt")


def at(line: int, path: str = "vms.yaml") -> Location:
    return Location(path=path, line=line, column=3)


def decision(name: str, effect: Effect, reason: Reason, **fields) -> Decision:
    given = {
        "ref": vm_ref("db", name),
        "uid": None,
        "why": Explanation(reason=reason, message="because"),
        "at": at(1),
    }
    return Decision(effect=effect, **(given | fields))


def problem(severity: Severity = Severity.ERROR, **fields) -> Diagnostic:
    return Diagnostic(severity=severity, **({"code": "c", "message": "m", "at": at(1)} | fields))


def plan(*decisions: Decision, diagnostics: tuple[Diagnostic, ...] = ()) -> Plan:
    return Plan(
        revision="r",
        dirty=False,
        cluster="east",
        kubevirt=KUBEVIRT,
        kubevirt_version="v1.9.0",
        observed_at=datetime(2026, 3, 2, tzinfo=UTC),
        decisions=decisions,
        waves=(),
        forecast=Forecast(
            migrations=0, n_bytes_copied=0, peak_extra_requests={}, earliest_s=0, latest_s=0
        ),
        diagnostics=diagnostics,
    )


def only(found: Plan):
    (finding,) = review_of_plan(found).findings
    return finding


@pytest.mark.parametrize(
    ("effect", "reason", "level"),
    [
        (Effect.BLOCKED, Reason.NOT_FOUND, Severity.ERROR),
        (Effect.RESTART, Reason.MISALIGNED, Severity.WARNING),
        (Effect.WAIT, Reason.IN_FLIGHT, Severity.NOTE),
        (Effect.LIVE, Reason.HOTPLUG, Severity.NOTE),
        (Effect.COLD, Reason.NOT_RUNNING, Severity.NOTE),
        (Effect.CREATE, Reason.NEW, Severity.NOTE),
        (Effect.CONFIG, Reason.CONFIG_CHANGE, Severity.NOTE),
    ],
)
def test_code_review_severity_of_a_planned_change_depends_on_how_the_change_takes_effect(
    effect, reason, level
):
    assert only(plan(decision("pg", effect, reason))).level is level


def test_code_review_contains_an_unchanged_object_only_if_the_object_has_a_warning():
    quiet = decision("a", Effect.NONE, Reason.CONVERGED)
    warned = decision("b", Effect.NONE, Reason.CONVERGED, warnings=("look",))
    finding = only(plan(quiet, warned))
    assert (finding.ref.name, finding.level) == ("b", Severity.NOTE)
    assert "Warning: look." in finding.message


def test_code_review_findings_are_sorted_by_severity():
    found = review_of_plan(
        plan(
            decision("live", Effect.LIVE, Reason.HOTPLUG),
            decision("wait", Effect.WAIT, Reason.IN_FLIGHT),
            decision("blocked", Effect.BLOCKED, Reason.NOT_FOUND),
            decision("restart", Effect.RESTART, Reason.MISALIGNED),
            diagnostics=(problem(Severity.NOTE), problem(Severity.ERROR)),
        )
    )
    assert [each.ref.name if each.ref else str(each.level) for each in found.findings] == [
        *("error", "blocked", "restart", "note", "wait", "live")
    ]


def test_invalid_manifest_causes_one_code_review_finding_at_the_line_of_the_error():
    blocked = decision("pg", Effect.BLOCKED, Reason.INVALID_MANIFEST)
    finding = only(plan(blocked, diagnostics=(problem(ref=blocked.ref, at=at(7)),)))
    assert (finding.rule, finding.at) == ("diagnostic.c", at(7))


def test_invalid_manifest_causes_a_code_review_finding_even_without_a_reported_error():
    assert only(plan(decision("pg", Effect.BLOCKED, Reason.INVALID_MANIFEST))).at == at(1)


def test_code_review_finding_is_located_at_the_first_changed_field():
    def change(field, line, after):
        return Change(field=field, before=None, after=after, at=at(line), wave=WaveName.STRATEGY)

    changes = (change(ROLLOUT_STRATEGY, 9, "LiveUpdate"), change(UPDATE_METHODS, 12, "x"))
    config = decision("", Effect.CONFIG, Reason.CONFIG_CHANGE, ref=KUBEVIRT, changes=changes)
    finding = only(plan(config))
    assert finding.at == at(9)
    assert [each.at for each in finding.related] == [at(12)]
    assert "vmRolloutStrategy: (not set) -> LiveUpdate." in finding.message


def test_code_review_finding_about_a_manifest_from_standard_input_has_no_line_in_git():
    change = Change(
        field=GUEST_MEMORY,
        before=None,
        after=MemoryQuantity.parse("2Gi"),
        at=at(4, "stdin"),
        wave=WaveName.MEMORY,
    )
    live = decision("pg", Effect.LIVE, Reason.HOTPLUG, changes=(change,), at=at(4, "stdin"))
    found = review_of_plan(plan(live, diagnostics=(problem(at=at(2, "stdin")),)))
    assert [each.at for each in found.findings] == [None, None]
    assert found.without_line == 2


def test_code_review_fingerprint_does_not_depend_on_line_numbers_or_memory_sizes():
    before = decision("pg", Effect.RESTART, Reason.MISALIGNED)
    message = "twice, first at a.yaml:{}:5"
    old = problem(message=message.format(3))
    new = problem(message=message.format(30), at=at(28))
    why = replace(before.why, message="because of 3Gi")
    moved = replace(before, at=at(90), why=why)
    first, second = (
        [each.fingerprint for each in review_of_plan(found).findings]
        for found in (plan(before, diagnostics=(old,)), plan(moved, diagnostics=(new,)))
    )
    assert first == second


def test_each_code_review_finding_has_its_own_fingerprint_even_if_the_finding_is_repeated():
    base = decision("pg", Effect.RESTART, Reason.MISALIGNED)
    other = replace(base, ref=vm_ref("db", "other"))
    reason = decision("pg", Effect.RESTART, Reason.ABOVE_MAX_GUEST)
    found = [
        *review_of_plan(plan(base, other, diagnostics=(problem(), problem(at=at(9))))).findings,
        *review_of_plan(plan(reason)).findings,
        *review_of_plan(replace(plan(base), cluster="west")).findings,
    ]
    assert len({each.fingerprint for each in found}) == len(found) == 6


def test_code_review_of_a_failed_plan_lists_the_problems_that_prevented_the_plan():
    found = review_of_errors("2 errors", (problem(), problem(at=at(2))))
    assert [each.at for each in found.findings] == [at(1), at(2)]
    assert found.summary == "2 errors"
