"""Tests the table of notifications on the status page."""

from __future__ import annotations

from support.serving.notifications import make_notification
from support.serving.service_view import make_view

from reconciler.model.service.notification import Delivery, DeliveryState, NotificationRecord
from reconciler.report.fleet_page.page_links import PageLinks
from reconciler.report.fleet_page.sections.notification_rows import MAX_ROWS
from reconciler.report.fleet_page.sections.past_section import past_section

SENT = Delivery(receiver="ops", state=DeliveryState.SENT, attempts=1)
FAILED = Delivery(
    receiver="audit",
    state=DeliveryState.FAILED,
    attempts=3,
    message="the receiver returned status 500",
)


def past(*records: NotificationRecord) -> str:
    return past_section(make_view(notifications=records), PageLinks())


def test_status_page_without_notifications_has_no_notification_table():
    assert "notification" not in past()


def test_status_page_lists_notifications_with_the_delivery_result_of_each_receiver():
    found = past(
        NotificationRecord(notification=make_notification(), deliveries=(SENT, FAILED)),
        NotificationRecord(notification=make_notification(resolved=True)),
    )
    assert '<span class="badge restart">waits-for-person</span>' in found
    assert "ops: sent, audit: failed (the receiver returned status 500)" in found
    assert '<span class="badge live">over</span>' in found
    assert "no receiver" in found


def test_status_page_escapes_hostile_text_in_notifications():
    hostile = make_notification(title="<script>alert(1)</script>\x1b[31m")
    found = past(*(NotificationRecord(notification=hostile) for _ in range(100)))
    assert found.count("&lt;script&gt;") == MAX_ROWS
    assert "<script>" not in found
    assert "\x1b" not in found
