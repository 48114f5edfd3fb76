"""Tests the HTTP request bodies of notifications for each kind of receiver."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW
from support.serving.notifications import make_notification, subject
from support.serving.service_view import COMMIT

from reconciler.model.references import vm_ref
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.model.service.receiver import NotifySettings, ReceiverKind
from reconciler.report.notification.alertmanager_body import ENDS_AFTER, alertmanager_body
from reconciler.report.notification.bodies import BODIES
from reconciler.report.notification.slack_body import slack_body
from reconciler.report.notification.webhook_body import webhook_body
from reconciler.schema.check import check

PLAIN = NotifySettings()
LINKED = NotifySettings(
    external_url="https://reconciler.example", labels={"cluster": "prod", "team": "infra"}
)
STARTED = make_notification(
    kind=NotificationKind.START,
    severity=NotificationSeverity.INFO,
    reason="start",
    title="The rollout starts",
    text="number of objects by planned effect: 3 live",
    subjects=(),
    n_subjects=0,
    lasting=False,
    path="",
)
HOSTILE = make_notification(
    title="<!channel> @here *x* \x1b[31m",
    text="a <https://evil.example|b> & <@U1>\n@channel\nhint: `c`\x07",
)


@pytest.mark.parametrize(
    "notification",
    [make_notification(), STARTED, HOSTILE, make_notification(resolved=True, revision="")],
)
@pytest.mark.parametrize("settings", [PLAIN, LINKED])
def test_webhook_notification_is_valid_against_its_json_schema(notification, settings):
    assert check(webhook_body(notification, settings), "notification") == ()


def test_webhook_notification_contains_the_affected_objects_and_links_to_details():
    body = webhook_body(make_notification(), LINKED)
    assert (body["event"], body["status"], body["objectCount"]) == (
        "waits-for-person",
        "firing",
        1,
    )
    assert body["objects"] == [
        {
            "kind": "VirtualMachine",
            "namespace": "db",
            "name": "pg-0",
            "message": "64Gi is above maxGuest 4Gi",
            "hint": "restart the VM",
        }
    ]
    assert {each["name"]: each["url"] for each in body["links"]} == {
        "details": "https://reconciler.example/vm/db/pg-0",
        "reason": "https://reconciler.example/reasons/above-max-guest",
    }
    assert webhook_body(make_notification(resolved=True), PLAIN)["status"] == "resolved"


def test_webhook_notification_links_to_the_documentation_if_its_url_is_configured():
    for settings in (PLAIN, LINKED):
        found = replace(settings, docs_url="https://docs.example/reasons")
        links = {
            each["name"]: each["url"] for each in webhook_body(make_notification(), found)["links"]
        }
        assert links["reason"] == "https://docs.example/reasons/above-max-guest"
        assert ("details" in links) == bool(settings.external_url)


def test_slack_notification_has_a_header_a_text_and_a_context_block():
    body = slack_body(make_notification(), LINKED)
    header, section, context = body["blocks"]
    assert header["text"]["text"] == ":warning: db/pg-0 needs manual action (above-max-guest)"
    assert section["text"]["text"] == make_notification().text
    assert context["elements"][0]["text"] == (
        f"waits-for-person, warning, above-max-guest · commit {COMMIT[:12]} · run serve-0-1 · "
        "cluster: prod · team: infra · <https://reconciler.example/vm/db/pg-0|details> · "
        "<https://reconciler.example/reasons/above-max-guest|reason>"
    )
    assert body["text"].startswith(header["text"]["text"])


def test_slack_notification_about_a_resolved_problem_has_a_check_mark():
    body = slack_body(make_notification(resolved=True), PLAIN)
    assert body["text"].startswith(":white_check_mark: ")


def test_untrusted_text_in_a_slack_notification_cannot_mention_users_or_add_links():
    body = slack_body(HOSTILE, PLAIN)
    texts = (body["text"], body["blocks"][1]["text"]["text"])
    for text in texts:
        assert "<" not in text
        assert "@channel" not in text
        assert "@here" not in text
    assert "a &lt;https://evil.example|b&gt; &amp; &lt;@\u200bU1&gt;" in texts[1]
    assert "\x1b" not in json.dumps(body, ensure_ascii=False)
    assert all(each.get("verbatim") for each in (body["blocks"][1]["text"],))
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


@pytest.mark.parametrize("length", range(2990, 3004))
def test_truncated_slack_notification_has_no_incomplete_escape_sequence(length):
    found = make_notification(title="t" * 500, text="x" * length + "&<>" * 10)
    body = slack_body(found, PLAIN)
    section = body["blocks"][1]["text"]["text"]
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert len(section) <= 3000
    assert len(body["text"]) <= 3000
    kept = section.removesuffix("…")
    assert kept.count("&") == kept.count(";")


def test_alertmanager_alert_has_labels_that_identify_the_object():
    (alert,) = alertmanager_body([make_notification()], LINKED, NOW)
    assert alert["labels"] == {
        "alertname": "MemoryChangeWaitsForPerson",
        "event": "waits-for-person",
        "severity": "warning",
        "reason": "above-max-guest",
        "kind": "VirtualMachine",
        "namespace": "db",
        "name": "pg-0",
        "cluster": "prod",
        "team": "infra",
    }
    assert alert["annotations"] == {
        "summary": "db/pg-0: 64Gi is above maxGuest 4Gi",
        "description": "64Gi is above maxGuest 4Gi",
        "hint": "restart the VM",
        "revision": COMMIT,
        "run_id": "serve-0-1",
        "cluster_uid": "6f1f6f9c",
        "runbook_url": "https://reconciler.example/reasons/above-max-guest",
    }
    assert alert["generatorURL"] == "https://reconciler.example/vm/db/pg-0"


def test_alertmanager_alert_ends_soon_after_the_last_time_it_was_sent():
    later = NOW + timedelta(hours=1)
    (alert,) = alertmanager_body([make_notification()], PLAIN, later)
    assert (alert["startsAt"], alert["endsAt"]) == (
        "2026-11-23T12:00:00Z",
        (later + ENDS_AFTER).isoformat().replace("+00:00", "Z"),
    )
    over = make_notification(resolved=True, at=later)
    (ended,) = alertmanager_body([over], PLAIN, later)
    assert ended["labels"] == alert["labels"]
    assert ended["endsAt"] == later.isoformat().replace("+00:00", "Z")


def test_alertmanager_gets_one_alert_for_each_object_of_a_notification():
    refs = [vm_ref("db", f"pg-{n}") for n in range(3)]
    found = make_notification(subjects=tuple(map(subject, refs)), n_subjects=3)
    assert len(alertmanager_body([found], PLAIN, NOW)) == 3
    alerts = alertmanager_body([replace(found, n_subjects=100)], PLAIN, NOW)
    assert [each["labels"].get("name") for each in alerts] == ["pg-0", "pg-1", "pg-2", None]
    assert alerts[-1]["annotations"]["summary"] == found.title


def test_alertmanager_alert_about_a_run_is_identified_by_the_commit():
    (alert,) = alertmanager_body([STARTED], PLAIN, NOW)
    assert alert["labels"] == {
        "alertname": "MemoryRolloutStarted",
        "event": "start",
        "severity": "info",
        "reason": "start",
        "revision": COMMIT,
    }


def test_each_kind_of_notification_receiver_has_a_body_format():
    assert BODIES.keys() == set(ReceiverKind)
    for each in BODIES.values():
        assert each.one(make_notification(), PLAIN, NOW)
        assert each.many([make_notification()], PLAIN, NOW)
