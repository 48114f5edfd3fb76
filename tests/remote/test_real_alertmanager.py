"""Sends notifications to a real Alertmanager, and reads its alerts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest
from support.fake_ports import FakeClock
from support.servers.real_program import free_address, running
from support.serving.notifications import make_notification, subject
from support.tools.installed import tool

from reconciler.model.references import vm_ref
from reconciler.model.service.receiver import NotifySettings, Receiver, ReceiverKind
from reconciler.notify.delivery import attempt
from reconciler.report.notification.alertmanager_body import alertmanager_body

CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"
SETTINGS = NotifySettings(external_url="https://reconciler.example", labels={"cluster": "prod"})


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    address = free_address()
    with running(
        tool("alertmanager"),
        f"--config.file={folder}/config.yaml",
        f"--storage.path={folder}/data",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        ready="Listening on",
    ):
        yield f"http://{address}"


def send(url: str, *notifications) -> None:
    receiver = Receiver(name="am", kind=ReceiverKind.ALERTMANAGER, url=url)
    body = alertmanager_body(notifications, SETTINGS, datetime.now(UTC))
    found = attempt(receiver, body, FakeClock(), key=notifications[0].id)
    assert found.sent, found.problem


def active(url: str) -> dict[str, dict]:
    """Return the active alerts in Alertmanager, keyed by the name of the alert's object."""
    with urlopen(f"{url}/api/v2/alerts?active=true", timeout=60) as answer:
        return {each["labels"].get("name", ""): each for each in json.load(answer)}


def about(name: str, **fields):
    now = datetime.now(UTC)
    since = now - timedelta(minutes=1)
    found = subject(vm_ref("db", name), since=since)
    return make_notification(at=now, since=since, subjects=(found,), **fields)


def test_real_alertmanager_shows_a_problem_until_it_is_resolved(url):
    send(url, about("pg-0"), about("pg-1"))
    found = active(url)
    assert {"pg-0", "pg-1"} <= found.keys()
    assert found["pg-0"]["labels"]["alertname"] == "MemoryChangeWaitsForPerson"
    assert found["pg-0"]["labels"]["cluster"] == "prod"
    assert found["pg-0"]["annotations"]["hint"] == "restart the VM"
    assert found["pg-0"]["generatorURL"] == "https://reconciler.example/vm/db/pg-0"
    send(url, about("pg-0", resolved=True))
    assert active(url).keys() & {"pg-0", "pg-1"} == {"pg-1"}


def test_real_alertmanager_merges_notifications_that_are_sent_again(url):
    send(url, about("pg-2"))
    first = active(url)["pg-2"]
    send(url, about("pg-2"))
    # The fingerprint identifies an alert; with equal labels, there is only one alert.
    assert active(url)["pg-2"]["fingerprint"] == first["fingerprint"]


def test_real_alertmanager_accepts_notifications_with_hostile_text(url):
    hostile = subject(
        vm_ref("db", "pg-3"), message="\x1b[31m{{ $x }} \u202e" + "x" * 20_000, hint="\x00"
    )
    send(url, make_notification(subjects=(hostile,), at=datetime.now(UTC)))
    assert "{{ $x }}" in active(url)["pg-3"]["annotations"]["description"]
