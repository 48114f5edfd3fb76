"""Tests the --notify file: its receivers, error messages, and permitted directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import UsageError
from reconciler.model.service.notification import NotificationKind
from reconciler.model.service.receiver import NotifySettings, Receiver, ReceiverKind
from reconciler.source.notify_file import read_notify
from reconciler.source.trust.repository_places import RepositoryPlaces

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "apiVersion: reconciler/v1alpha1\nkind: Notify\n"
SECRET = "T0SECRET9"


@pytest.fixture
def read(tmp_path):
    def read(text: str, name: str = "notify.yaml", folders: tuple[Path, ...] = ()):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_notify(path, RepositoryPlaces(folders=folders))

    return read


def test_notification_receivers_are_read_with_paths_relative_to_their_file(read, tmp_path):
    found = read(
        f"{HEAD}externalUrl: https://reconciler.example/\nlabels: {{cluster: prod}}\n"
        "receivers:\n"
        "- {name: ops, kind: slack, urlFile: slack-url, events: [failure], sendResolved: false}\n"
        "- {name: am, kind: alertmanager, url: 'http://am:9093', headersFile: h, caFile: /ca}\n"
    )
    assert found == NotifySettings(
        external_url="https://reconciler.example",
        labels={"cluster": "prod"},
        receivers=(
            Receiver(
                name="ops",
                kind=ReceiverKind.SLACK,
                url_file=str(tmp_path / "slack-url"),
                events=frozenset({NotificationKind.FAILURE}),
                send_resolved=False,
            ),
            Receiver(
                name="am",
                kind=ReceiverKind.ALERTMANAGER,
                url="http://am:9093",
                headers_file=str(tmp_path / "h"),
                ca_file="/ca",
            ),
        ),
    )


def test_status_page_url_in_the_notify_file_overrides_the_command_line_option(tmp_path):
    path, places = tmp_path / "notify.yaml", RepositoryPlaces()
    receivers = "receivers: [{name: a, kind: slack, url: x}]\n"
    for line, expected in (
        ("", "https://option"),
        ("externalUrl: https://file\n", "https://file"),
    ):
        path.write_text(HEAD + line + receivers, encoding="utf-8")
        assert read_notify(path, places, "https://option/").external_url == expected


def test_notify_file_can_be_json(read):
    found = read(
        '{"apiVersion": "reconciler/v1alpha1", "kind": "Notify", "receivers": '
        '[{"name": "a", "kind": "webhook", "url": "https://a"}]}',
        "notify.json",
    )
    assert found.receivers[0].events == frozenset(NotificationKind)


MISTAKES = {
    "receivers: []": "3:12: receivers is empty",
    "receivers:\n- {name: a, kind: mail, url: x}": "is 'mail'; expected webhook or slack",
    "receivers:\n- {name: a, kind: slack}": "4:3: the receiver a needs either url or urlFile",
    f"receivers:\n- {{name: a, kind: slack, url: {SECRET}, urlFile: b}}": "needs either url or",
    "receivers:\n- {name: A B, kind: slack, url: x}": "receivers[0].name",
    "receivers:\n- &a {name: a, kind: slack, url: x}\n- *a": "the receiver name a occurs twice",
    "receivers:\n- {name: a, kind: slack, url: x, events: [boot]}": "is 'boot'; expected start or",
    f"receivers:\n- {{name: a, kind: slack, link: {SECRET}}}": "link is not a known field",
    "labels: {a-b: c}\nreceivers:\n- {name: a, kind: slack, url: x}": "a label name can",
    f"externalUrl: 'https://host?{SECRET}'\nreceivers:\n- {{name: a, kind: slack, url: x}}": (
        "externalUrl is a string of"
    ),
    "---\na: b": "must contain exactly one document",
    "receivers: [": "notify.yaml:",
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: text[-30:])
def test_mistake_in_the_notify_file_is_reported_with_its_location_but_without_secrets(text, read):
    with pytest.raises(UsageError) as caught:
        read(HEAD + text + "\n")
    message = str(caught.value)
    assert message.startswith("--notify ")
    assert MISTAKES[text].split(": ", 1)[-1] in message
    assert SECRET not in message


def test_notify_file_and_its_secret_files_must_not_be_in_the_repository(read, tmp_path):
    text = HEAD + "receivers:\n- {name: a, kind: slack, urlFile: repo/url}\n"
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "url").write_text("https://a")
    with pytest.raises(UsageError, match=r"4:\d+: the file repo/url is in the repository"):
        read(text, folders=(tmp_path / "repo",))
    with pytest.raises(UsageError, match=r"--notify .* is in the repository"):
        read(text, folders=(tmp_path,))


def test_missing_notify_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"--notify .*missing.yaml cannot be read"):
        read_notify(tmp_path / "missing.yaml", RepositoryPlaces())
