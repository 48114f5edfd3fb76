"""Tests which notifications are due: each problem is reported once, and its end once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, want
from support.serving.service_view import COMMIT, make_view

from reconciler.model.alerts.alert_hold import AlertHold, AlertHoldReason, without_prometheus
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.references import Location, vm_ref
from reconciler.model.revision.commit_in_force import CommitInForce, RefusalReason, RefusedCommit
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.model.run.progress import Progress, Step
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.model.service.view import ActiveRun, SourceView, VMChange, Wait, WaitKind
from reconciler.report.wording import origin
from reconciler.serve.notifications.due import GROUPED_FROM, KEPT_FOR, OVER_AFTER, Reported, due
from reconciler.serve.notifications.reported_codec import decoded, encoded

PG = vm_ref("db", "pg-0")
QUIET = make_view()


def grows(*names: str, guest: str = "64Gi", max_guest: str = "4Gi"):
    """Return a state in which VMs need a restart, because the desired size is above maxGuest."""
    refs = [vm_ref("db", name) for name in names]
    desired = make_desired(*(want(guest, ref) for ref in refs))
    vmis = tuple(make_vmi(ref, max_guest=max_guest) for ref in refs)
    return make_view(desired, make_live(*map(make_vm, refs), vmis=vmis))


def live(guest: str = "2Gi"):
    """Return a state with a plan that changes one VM live."""
    return make_view(make_desired(want(guest)), make_live(make_vm(), vmis=(make_vmi(),)))


def running(**changes):
    view = live()
    run = ActiveRun(run_id="run-1", plan=view.plan, started_at=NOW, **changes)
    return replace(view, run=run)


def outcome(result: Result, reason: str = "converged", **changes) -> Outcome:
    base = Outcome(
        ref=PG,
        effect=live().plan.decisions[0].effect,
        actuation=Actuation.SUCCEEDED,
        result=result,
        why=Explanation(reason=reason, message=f"it is {result}", hint="look"),
    )
    return replace(base, **changes)


def ended(*outcomes: Outcome, exit_code: ExitCode = ExitCode.DONE, view=None, **changes):
    view = view or live()
    base = RunReport(
        run_id="run-1",
        plan=view.plan,
        outcomes=outcomes,
        started_at=NOW,
        ended_at=NOW,
        exit=exit_code,
    )
    return replace(view, runs=(replace(base, **changes),))


def next_commit(view, revision: str = "b" * 40, guest: str = "2Gi"):
    """Return the state after another commit is planned, before a run applies this commit."""
    return replace(view, plan=replace(live(guest).plan, revision=revision))


def refusing(commit: str | None = COMMIT):
    refused = RefusedCommit(commit="f" * 40, reason=RefusalReason.UNSIGNED, message="not signed")
    force = CommitInForce(revision="main", newest="f" * 40, commit=commit, refused=(refused,))
    source = SourceView(address="https://git.example", revision="main", in_force=force)
    return make_view(source=source)


def later(view, after: timedelta):
    at = view.at + after
    return replace(view, at=at, planned_at=at)


class Story:
    """The notifications that are due in a sequence of states."""

    def __init__(self) -> None:
        self.reported = Reported()

    def sees(self, view) -> list[str]:
        found = due(view, self.reported)
        self.reported, self.lasting = found.reported, found.lasting
        self.last = found.notifications
        return [
            f"{'over ' if each.resolved else ''}{each.kind} {each.reason}" for each in self.last
        ]


PATCHED = Progress(at=NOW, step=Step.PATCHED, message="")
STARTS = running(progress={PG: PATCHED})
FAILED = outcome(Result.FAILED, "reverted")
SOURCE_WAIT = Wait(kind=WaitKind.REPOSITORY, since=NOW, message="no route to host")
HOLD = AlertHold(since=NOW, message="CephHealthError fires")
UNREADABLE = replace(HOLD, reason=AlertHoldReason.UNREADABLE)
CASES = {
    "nothing to report": (QUIET, []),
    "a run starts": (STARTS, ["start start"]),
    "a run waits for its lease": (running(), []),
    "a run without changes": (
        replace(QUIET, run=ActiveRun(run_id="r", plan=QUIET.plan, started_at=NOW)),
        [],
    ),
    "a run has changed a VM": (ended(outcome(Result.DONE)), ["start start", "end end"]),
    "a run only found unchanged objects": (
        ended(outcome(Result.HELD, actuation=Actuation.SKIPPED), exit_code=ExitCode.BLOCKED),
        [],
    ),
    "a run held a VM that the plan still changes": (
        ended(
            replace(outcome(Result.DONE), ref=vm_ref("default", "canary")),
            outcome(Result.HELD, "canary-soak", actuation=Actuation.PENDING),
            exit_code=ExitCode.BLOCKED,
        ),
        ["start start"],
    ),
    "the next run continues": (
        ended(outcome(Result.RUNNING), exit_code=ExitCode.DEADLINE),
        ["start start"],
    ),
    "a run ended long ago": (
        ended(outcome(Result.DONE), ended_at=NOW - timedelta(hours=2)),
        [],
    ),
    "a run failed as a whole": (
        ended(exit_code=ExitCode.ERROR, message="401"),
        ["failure error"],
    ),
    "a VM failed in an ended run": (
        ended(FAILED, exit_code=ExitCode.FAILED),
        ["start start", "failure reverted", "end end"],
    ),
    "a VM failed in a run that continues": (
        running(progress={PG: replace(PATCHED, step=Step.FAILED, outcome=FAILED)}),
        ["failure reverted"],
    ),
    "a VM that failed matches Git now": (
        ended(FAILED, exit_code=ExitCode.FAILED, view=QUIET),
        ["start start", "end end"],
    ),
    "too many failures": (
        ended(
            outcome(Result.NOT_STARTED, "failure-budget", actuation=Actuation.PENDING),
            exit_code=ExitCode.FAILED,
        ),
        ["waits-for-person failure-budget"],
    ),
    "a VM needs a restart": (grows("pg-0"), ["waits-for-person above-max-guest"]),
    "a VM does not exist": (
        make_view(make_desired(want("1Gi")), make_live()),
        ["waits-for-person not-found"],
    ),
    "a commit is rejected": (refusing(), ["invalid-commit unsigned"]),
    "an alert fires": (replace(QUIET, hold=HOLD), []),
    "the URL of Prometheus is missing": (
        replace(QUIET, hold=without_prometheus(NOW)),
        ["waits-for-person no-prometheus"],
    ),
    "Prometheus did not answer once": (replace(QUIET, hold=UNREADABLE), []),
    "Prometheus has not answered for long": (
        later(replace(QUIET, hold=UNREADABLE), timedelta(minutes=5)),
        ["waits-for-person alerts-unreadable"],
    ),
    "Git did not answer for a moment": (replace(QUIET, waits=(SOURCE_WAIT,)), []),
    "Git has not answered for long": (
        later(replace(QUIET, waits=(SOURCE_WAIT,)), timedelta(minutes=15)),
        ["failure repository"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_notification_is_due_for_each_problem_that_needs_a_user(case):
    view, expected = CASES[case]
    story = Story()
    assert story.sees(view) == expected
    assert story.sees(view) == []


STOPPED = ended(
    outcome(Result.NOT_STARTED, "failure-budget", actuation=Actuation.PENDING),
    exit_code=ExitCode.FAILED,
)


def test_problem_of_a_stopped_rollout_ends_with_the_next_commit():
    story = Story()
    assert story.sees(STOPPED) == ["waits-for-person failure-budget"]
    fixed = next_commit(STOPPED)
    assert story.sees(fixed) == []
    assert story.sees(later(fixed, OVER_AFTER)) == ["over waits-for-person failure-budget"]
    assert story.last[0].revision == STOPPED.runs[0].plan.revision


@pytest.mark.parametrize(("guest", "failed"), [("2Gi", ["failure reverted"]), ("3Gi", [])])
def test_failure_of_a_vm_change_lasts_across_commits_while_git_sets_the_same_memory_size(
    guest, failed
):
    view = next_commit(ended(FAILED, exit_code=ExitCode.FAILED), guest=guest)
    story = Story()
    assert [each for each in story.sees(view) if each.startswith("failure")] == failed
    assert {each.revision for each in story.last} == {view.runs[0].plan.revision}


def test_invalid_manifest_of_a_commit_causes_one_notification_with_its_location():
    error = Diagnostic(
        severity=Severity.ERROR,
        code="bad-quantity",
        message="guest is no quantity",
        at=Location(path="vms/db.yaml", line=4, column=9),
    )
    plan = replace(QUIET.plan, diagnostics=(error, error))
    story = Story()
    assert story.sees(replace(QUIET, plan=plan)) == ["invalid-commit bad-quantity"]
    assert story.last[0].text == "vms/db.yaml:4:9: guest is no quantity; and 1 more error"


def test_invalid_manifest_causes_a_notification_about_its_commit_but_not_about_its_vm():
    error = Diagnostic(
        severity=Severity.ERROR, code="bad-quantity", message="guest is no quantity", ref=PG
    )
    desired = make_desired(want("2Gi"), diagnostics=(error,))
    view = make_view(desired, make_live(make_vm(), vmis=(make_vmi(),)))
    assert view.plan.decisions[0].reason == "invalid-manifest"
    assert Story().sees(view) == ["invalid-commit bad-quantity"]


def test_rejected_commit_causes_one_notification_even_if_the_plan_also_reports_it():
    error = Diagnostic(severity=Severity.ERROR, code="unsigned", message="commit f is rejected")
    view = refusing()
    plan = replace(view.plan, diagnostics=(error,))
    assert Story().sees(replace(view, plan=plan)) == ["invalid-commit unsigned"]


def test_notification_is_critical_if_a_rejected_commit_has_no_valid_ancestor():
    severities = [
        due(refusing(commit), Reported()).notifications[0].severity for commit in (COMMIT, None)
    ]
    assert severities == [NotificationSeverity.WARNING, NotificationSeverity.CRITICAL]


def test_problem_of_several_objects_causes_one_notification_that_lists_the_objects():
    story = Story()
    story.sees(grows("pg-0", "pg-1", "pg-2"))
    (found,) = story.last
    assert (found.title, found.n_subjects) == ("3 objects need manual action (above-max-guest)", 3)
    assert [each.ref.name for each in found.subjects] == ["pg-0", "pg-1", "pg-2"]
    assert (len(found.causes), found.path) == (3, "")


def test_notification_about_one_vm_contains_its_explanation_and_a_link_to_its_page():
    story = Story()
    view = grows("pg-0")
    story.sees(view)
    (found,), why = story.last, view.plan.decisions[0].why
    assert found.title == "db/pg-0 needs manual action (above-max-guest)"
    assert found.text == f"db/pg-0: {why.message}\nhint: {why.hint}"
    assert (found.path, found.cluster) == ("/vm/db/pg-0", view.plan.cluster)


def test_newlines_in_a_message_add_no_line_to_the_notification():
    failed = replace(FAILED, why=Explanation(reason="reverted", message="a\nb", hint="c\r\nd"))
    story = Story()
    story.sees(ended(failed, exit_code=ExitCode.FAILED))
    found = next(each for each in story.last if each.kind is NotificationKind.FAILURE)
    assert found.text == "db/pg-0: a b\nhint: c  d"


def test_notification_about_a_new_object_with_a_known_problem_does_not_list_older_objects():
    story = Story()
    story.sees(grows("pg-0"))
    assert story.sees(grows("pg-0", "pg-1")) == ["waits-for-person above-max-guest"]
    assert [each.ref.name for each in story.last[0].subjects] == ["pg-1"]


def test_new_desired_size_of_a_vm_with_a_known_problem_causes_a_new_notification():
    story = Story()
    story.sees(grows("pg-0"))
    assert story.sees(grows("pg-0", guest="65Gi")) == ["waits-for-person above-max-guest"]


def test_very_many_objects_with_the_same_problem_cause_one_notification():
    names = [f"vm-{n}" for n in range(GROUPED_FROM + 10)]
    story = Story()
    story.sees(grows(*names))
    (found,) = story.last
    assert (found.n_subjects, len(found.subjects), len(found.causes)) == (60, GROUPED_FROM, 1)
    assert found.text.endswith("and 55 more objects\nhint: " + found.subjects[0].hint)
    assert story.sees(grows(*names[:40])) == []
    assert story.sees(grows(*names, "another")) == []


def test_problem_of_very_many_objects_causes_one_notification_even_if_an_object_comes_and_goes():
    names = [f"vm-{n}" for n in range(GROUPED_FROM + 1)]
    story = Story()
    assert story.sees(grows(*names)) == ["waits-for-person above-max-guest"]
    for minute in range(1, 7):
        count = GROUPED_FROM + minute % 2  # one of the objects comes and goes
        view = grows(*names[:count])
        plan = replace(view.plan, revision=f"{minute}" * 40)
        assert story.sees(later(replace(view, plan=plan), timedelta(minutes=minute))) == []
        assert [(each.n_subjects, each.since) for each in story.lasting] == [(count, NOW)]
    gone = later(QUIET, timedelta(minutes=6) + OVER_AFTER)
    assert story.sees(gone) == ["over waits-for-person above-max-guest"]
    assert story.last[0].n_subjects == GROUPED_FROM


def test_commit_that_adds_objects_to_a_problem_of_very_many_objects_causes_one_notification():
    names = [f"vm-{n}" for n in range(GROUPED_FROM + 1)]
    story, ids = Story(), set()
    for number, (found, added) in enumerate(
        (
            (grows(*names), GROUPED_FROM + 1),
            (grows(*names, "another"), 1),
            (grows(*names, "another", guest="65Gi"), GROUPED_FROM + 2),
        )
    ):
        view = replace(found, plan=replace(found.plan, revision=f"{number}" * 40))
        assert story.sees(view) == ["waits-for-person above-max-guest"]
        assert story.last[0].n_subjects == added
        ids.add(story.last[0].id)
        assert story.sees(view) == []
        assert story.lasting[0].n_subjects == GROUPED_FROM + 1 + (number > 0)
    assert len(ids) == 3


def test_known_problem_of_very_many_objects_is_not_sent_again_after_a_restart_and_a_new_commit():
    view = grows(*(f"vm-{n}" for n in range(GROUPED_FROM + 1)))
    story = Story()
    story.sees(view)
    story.reported = decoded(encoded(story.reported)).reported
    assert story.sees(replace(view, plan=replace(view.plan, revision="f" * 40))) == []


def test_end_of_a_problem_causes_one_notification_once_the_problem_is_absent_for_five_minutes():
    story = Story()
    story.sees(grows("pg-0"))
    assert story.sees(later(QUIET, OVER_AFTER - timedelta(seconds=1))) == []
    gone = later(QUIET, OVER_AFTER)
    assert story.sees(gone) == ["over waits-for-person above-max-guest"]
    assert story.last[0].title == "db/pg-0 no longer needs manual action (above-max-guest)"
    assert (story.last[0].since, story.last[0].at) == (NOW, NOW + OVER_AFTER)
    assert story.sees(later(gone, OVER_AFTER)) == []


def test_problem_that_comes_and_goes_causes_only_one_notification():
    story, bad = Story(), grows("pg-0")
    story.sees(bad)
    step = timedelta(minutes=4)
    for number in range(1, 20, 2):
        assert story.sees(later(QUIET, step * number)) == []
        assert story.sees(later(bad, step * (number + 1))) == []


def test_problem_that_returns_after_a_notification_about_its_end_causes_a_new_notification():
    story, bad = Story(), grows("pg-0")
    story.sees(bad)
    story.sees(later(QUIET, OVER_AFTER))
    assert story.sees(later(bad, OVER_AFTER * 2)) == ["waits-for-person above-max-guest"]


def test_problem_does_not_count_as_resolved_while_no_new_plan_is_made():
    story = Story()
    story.sees(grows("pg-0"))
    assert story.sees(replace(QUIET, plan=None, at=NOW + OVER_AFTER * 3)) == []


def in_progress(view, revision: str):
    """Return the state while a change of the given commit is still in progress after its run."""
    (decision,) = view.plan.decisions
    why = replace(decision.why, reason="in-flight")
    waits = replace(decision, effect=Effect.WAIT, why=why, changes=(), actions=())
    change = VMChange(
        run_id="run-1",
        revision=revision,
        at=NOW,
        before=None,
        after=None,
        result="running",
        reason="in-flight",
    )
    plan = replace(view.plan, decisions=(waits,), waves=())
    return replace(view, plan=plan, changes={PG: (change,)})


LEFT = ended(outcome(Result.RUNNING), exit_code=ExitCode.DEADLINE)
REVISION = LEFT.plan.revision


@pytest.mark.parametrize("restarts", [False, True])
def test_rollout_in_two_nightly_windows_causes_one_start_notification_and_one_end_notification(
    restarts,
):
    story, sent = Story(), []
    for number, (hours, view) in enumerate(
        [(0, STARTS), (1, LEFT), (24, STARTS), (25, LEFT), (26, in_progress(LEFT, REVISION))]
    ):
        at = later(view, timedelta(hours=hours))
        if view.run is not None:
            at = replace(at, run=replace(view.run, run_id=f"run-{number}"))
        if restarts:
            story.reported = decoded(encoded(story.reported)).reported
            at = replace(at, runs=(), started_at=at.at)
        sent += story.sees(at)
    assert sent == ["start start"]
    done = later(replace(QUIET, started_at=NOW), timedelta(hours=27))
    assert story.sees(done) == ["end end"]
    assert story.last[0].text.startswith("no change is pending or in progress; objects by effect")
    assert story.sees(done) == []


def test_notification_about_the_end_of_a_rollout_waits_for_a_change_that_outlasts_its_run():
    story = Story()
    assert story.sees(LEFT) == ["start start"]
    waits = in_progress(LEFT, REVISION)
    assert story.sees(later(waits, timedelta(minutes=89))) == []
    assert story.sees(later(replace(QUIET, runs=LEFT.runs), timedelta(minutes=90))) == ["end end"]
    assert story.last[0].run_id == "run-1"


def test_rollout_of_an_old_commit_ends_as_replaced_once_none_of_its_changes_is_in_progress():
    story = Story()
    story.sees(LEFT)
    newer = next_commit(LEFT)
    waits = in_progress(newer, REVISION)
    assert story.sees(waits) == []
    assert story.sees(newer) == ["end end"]
    assert story.last[0].title == f"The rollout of {origin(REVISION, dirty=False)} has ended"
    assert story.last[0].text == f"{origin('b' * 40, dirty=False)} replaces it"
    assert story.sees(newer) == []


def test_end_of_a_rollout_is_not_reported_while_one_of_its_runs_is_active():
    story = Story()
    story.sees(STARTS)
    assert story.sees(replace(STARTS, plan=QUIET.plan)) == []
    assert story.sees(replace(next_commit(LEFT), run=STARTS.run)) == []


def test_new_rollout_of_a_commit_causes_notifications_only_six_hours_after_the_previous_rollout():
    story = Story()
    done = replace(ended(outcome(Result.DONE)), plan=QUIET.plan)
    assert story.sees(done) == ["start start", "end end"]
    soon = later(STARTS, KEPT_FOR / 2)
    assert story.sees(soon) == story.sees(later(QUIET, KEPT_FOR / 2)) == []
    assert story.sees(later(QUIET, KEPT_FOR * 1.5)) == []
    assert story.sees(later(STARTS, KEPT_FOR * 1.5)) == ["start start"]
    assert story.sees(later(QUIET, KEPT_FOR * 2)) == ["end end"]


def test_problem_is_listed_for_repeated_notifications_until_the_problem_ends():
    story = Story()
    story.sees(replace(grows("pg-0"), run=STARTS.run))
    assert [each.kind for each in story.lasting] == [NotificationKind.WAITS_FOR_PERSON]
    assert story.lasting[0].since == NOW
    story.sees(later(QUIET, OVER_AFTER))
    assert story.lasting == ()


@pytest.mark.parametrize(("shard", "reported"), [(0, ["invalid-commit"]), (1, []), (2, [])])
def test_only_one_shard_sends_the_notification_about_an_invalid_commit(shard, reported):
    view = replace(refusing(), shard=shard)
    assert [each.kind for each in due(view, Reported()).notifications] == reported


def test_notifications_about_two_occurrences_of_a_problem_have_different_identifiers():
    """A receiver that drops known identifiers must not drop a problem that has returned."""
    story, bad, ids = Story(), later(grows("pg-0"), timedelta(seconds=59)), []
    for number in range(3):
        at = timedelta(minutes=30) * number
        story.sees(later(bad, at))
        ids += [each.id for each in story.last]
        story.sees(later(QUIET, at + timedelta(minutes=10)))
        ids += [each.id for each in story.last]
    assert len(set(ids)) == len(ids) == 6


def test_notification_about_the_end_of_a_problem_has_the_same_identifier_after_a_restart():
    story, restarted = Story(), Story()
    story.sees(later(grows("pg-0"), timedelta(seconds=59)))
    restarted.reported = decoded(encoded(story.reported)).reported
    gone = later(QUIET, timedelta(hours=1))
    assert story.sees(gone) == restarted.sees(gone) == ["over waits-for-person above-max-guest"]
    assert story.last[0].id == restarted.last[0].id


def test_outage_of_six_hours_causes_one_notification_and_one_stored_cause():
    story, view, sent = Story(), replace(QUIET, waits=(SOURCE_WAIT,)), []
    for minute in range(0, 6 * 60, 10):
        sent += story.sees(later(view, timedelta(minutes=minute)))
        assert len(story.reported.known) <= 1
    assert sent == ["failure repository"]
