"""Webhook secrets are read from files, and reloaded when the files change."""

from __future__ import annotations

import base64
import os

import pytest
from support.fake_ports import FakeClock

from reconciler.errors import UsageError
from reconciler.serve.hooks.push_event import Scheme
from reconciler.serve.hooks.secret_folder import SecretFolder, Secrets

LONG, LONGER = "a-secret-that-is-long-enough", "another-secret-that-is-long-enough"
KEY = f"whsec_{base64.b64encode(b'k' * 32).decode()}"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def opened(tmp_path, clock):
    """Return a function that writes secret files and opens their directory."""

    def open_folder(**files: str | bytes) -> SecretFolder:
        for name, content in files.items():
            write(tmp_path / name, content)
        return SecretFolder(tmp_path, clock)

    return open_folder


def write(path, content: str | bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o400)


def test_each_line_of_a_webhook_secret_file_is_one_secret(opened):
    folder = opened(github=f"{LONG}\n\n  {LONGER}\r\n")
    assert folder.secrets(Scheme.GITHUB).texts == (LONG.encode(), LONGER.encode())


def test_webhook_signature_scheme_without_a_secret_file_has_no_secrets(opened):
    assert not opened(github=LONG).secrets(Scheme.GITLAB)


def test_gitlab_secret_with_the_prefix_of_standard_webhooks_is_a_signing_key(opened):
    folder = opened(gitlab=f"{LONG}\n{KEY}\n", standard=KEY, github=KEY)
    assert folder.secrets(Scheme.GITLAB) == Secrets(texts=(LONG.encode(),), keys=(b"k" * 32,))
    assert folder.secrets(Scheme.STANDARD) == Secrets(keys=(b"k" * 32,))
    assert folder.secrets(Scheme.GITHUB) == Secrets(texts=(KEY.encode(),))


def test_changed_webhook_secret_file_is_reloaded_at_most_once_per_second(opened, tmp_path, clock):
    folder = opened(github=LONG)
    write(tmp_path / "github", LONGER)
    assert folder.secrets(Scheme.GITHUB).texts == (LONG.encode(),)
    clock.seconds += 1
    assert folder.secrets(Scheme.GITHUB).texts == (LONGER.encode(),)


def test_mounted_webhook_secret_that_kubernetes_replaces_is_reloaded(tmp_path, clock):
    for name, secret in (("..1", LONG), ("..2", LONGER)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "github", secret)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "github").symlink_to("..data/github")
    folder = SecretFolder(tmp_path, clock)
    assert folder.secrets(Scheme.GITHUB).texts == (LONG.encode(),)
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    clock.seconds += 1
    assert folder.secrets(Scheme.GITHUB).texts == (LONGER.encode(),)


def test_webhook_secrets_are_removed_and_added_together_with_the_files_that_contain_them(
    opened, tmp_path, clock
):
    folder = opened(github=LONG)
    (tmp_path / "github").unlink()
    clock.seconds += 1
    assert not folder.secrets(Scheme.GITHUB)
    write(tmp_path / "github", LONGER)
    clock.seconds += 1
    assert folder.secrets(Scheme.GITHUB).texts == (LONGER.encode(),)


@pytest.mark.parametrize("content", ["", "\n \n", b"\xff\xfe", "a\n" * 17, "a" * 20_000])
def test_webhook_secret_file_that_becomes_unusable_removes_its_secrets(
    opened, tmp_path, clock, caplog, content
):
    folder = opened(github=LONG)
    write(tmp_path / "github", content)
    clock.seconds += 1
    assert not folder.secrets(Scheme.GITHUB)
    assert f"{tmp_path / 'github'}" in caplog.text
    clock.seconds += 1
    caplog.clear()
    assert not folder.secrets(Scheme.GITHUB)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("github", ""),
        ("github", b"\xff\xfe"),
        ("github", "a\n" * 17),
        ("github", "a" * 20_000),
        ("standard", "not base64"),
        ("gitlab", "whsec_not base64"),
        ("githb", LONG),
    ],
)
def test_webhook_secret_file_that_is_unusable_at_startup_causes_an_error_with_the_file_name(
    opened, name, content
):
    with pytest.raises(UsageError, match=name) as found:
        opened(**{name: content})
    assert "not base64" not in str(found.value).replace("is not base64", "")


def test_link_to_a_file_outside_the_webhook_secret_directory_is_rejected(tmp_path, clock):
    (tmp_path / "secrets").mkdir()
    write(tmp_path / "other", LONG)
    (tmp_path / "secrets" / "github").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="outside"):
        SecretFolder(tmp_path / "secrets", clock)


def test_named_pipe_in_the_webhook_secret_directory_is_rejected_without_being_read(
    tmp_path, clock
):
    os.mkfifo(tmp_path / "github")
    with pytest.raises(UsageError, match="named pipe"):
        SecretFolder(tmp_path, clock)


def test_missing_webhook_secret_directory_is_an_error(tmp_path, clock):
    with pytest.raises(UsageError, match="hook-secrets"):
        SecretFolder(tmp_path / "absent", clock)


def test_empty_webhook_secret_directory_causes_a_warning(tmp_path, clock, caplog):
    SecretFolder(tmp_path, clock)
    assert "contains no secret" in caplog.text


def test_short_webhook_secret_causes_a_warning_that_does_not_show_the_secret(opened, caplog):
    opened(github="hunter2")
    assert "attackers might guess" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o400, False), (0o440, False), (0o444, True), (0o620, True)]
)
def test_webhook_secret_file_that_other_users_can_access_causes_a_warning(
    tmp_path, clock, caplog, mode, warned
):
    write(tmp_path / "github", LONG)
    (tmp_path / "github").chmod(mode)
    SecretFolder(tmp_path, clock)
    assert ("other users can read or write" in caplog.text) is warned


def test_string_representation_of_webhook_secrets_does_not_contain_the_secrets(opened):
    folder = opened(github=LONG, gitlab=KEY)
    shown = repr([folder.secrets(each) for each in Scheme])
    assert LONG not in shown
    assert "kkkk" not in shown
