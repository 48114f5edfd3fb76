"""Only supported repository URLs are accepted, and their credentials are never shown."""

import pytest

from reconciler.errors import SourceError
from reconciler.source.git.repository_url import (
    checked,
    cleaned,
    is_remote,
    shown,
    without_credentials,
)


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com/fleet.git",
        "http://user:pw@git.example.com:8080/fleet",
        "ssh://git@git.example.com:2222/fleet.git",
        "git@git.example.com:team/fleet.git",
        "git://git.example.com/fleet",
        "file:///srv/fleet.git",
        "file:///srv/fleet@2.git",
        "https://git.example.com/@team/fleet",
        "https://user:p%40ss%2Fword@git.example.com/fleet%40v2",
        "https://user:pass word@git.example.com/fleet",
    ],
)
def test_supported_git_repository_url_is_accepted(address):
    assert is_remote(address)
    assert checked(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "https://ext::sh -c touch% /tmp/x",
        "ssh://git@ext::sh/path",
        "file://ext::sh -c touch% /tmp/x",
        "ftp://git.example.com/fleet",
        "--upload-pack=touch /tmp/x",
        "-x@host:path",
        "git@-oProxyCommand=x:path",
        "ssh://-oProxyCommand=x/path",
        "https://",
        "https:///path",
        "https://[::1/path",
        "HTTPS+x://host/y",
    ],
)
def test_unsupported_repository_url_is_rejected(address):
    with pytest.raises(SourceError, match="is not a supported repository URL"):
        checked(address)


@pytest.mark.parametrize("path", [".", "/srv/fleet", "fleet.git", "a:b", "../x", "C:/x"])
def test_path_of_a_local_directory_is_not_treated_as_a_remote_url(path):
    assert not is_remote(path)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://user:s3cret@host:8080/x.git", "https://host:8080/x.git"),
        ("https://t0ken@host/x", "https://host/x"),
        ("https://host/x?access_token=t#f", "https://host/x"),
        ("https://a:b@c:d@host/x", "https://host/x"),
        ("https://u:p@[::1/x?t=1", "https://[::1/x"),
        ("git@host:x", "git@host:x"),
        ("https://u:s3cret word'x\"@host/x", "https://host/x"),
        ("https://u:s%40cret@host/x", "https://host/x"),
        ("https://u:s@cret/word@host/x", "https://***"),
        ("https://u:12/cret@host/x", "https://***"),
        ("https://u:cret?word@host/x", "https://***"),
        ("https://u:cret#word@host/x", "https://***"),
        ("https://cret/word@host/x", "https://***"),
        ("https://host/x?token=a@cret", "https://***"),
        ("u:cret@host:x", "***@host:x"),
        ("u:a@cret@host:x", "***@host:x"),
        ("u:cret/word@host/x", "***@host/x"),
        ("https:/u:cret@host/x", "***@host/x"),
        ("file:///srv/fleet@2.git", "file:///srv/fleet@2.git"),
    ],
)
def test_repository_url_is_shown_without_credentials(address, expected):
    assert shown(address) == expected


def test_credentials_in_urls_are_removed_from_printed_text():
    text = "fatal: 'https://u:p@h/x' and ssh://git@h/y failed"
    assert without_credentials(text) == "fatal: 'https://h/x' and ssh://h/y failed"


def test_rejected_repository_url_is_reported_without_credentials():
    with pytest.raises(SourceError) as caught:
        checked("ftp://user:s3cret@host/x")
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    "address",
    [
        "https://user:p@ss/word@git.example.com/x",
        "https://user:12/word@git.example.com/x",
        "https://user:p?word@git.example.com/x",
        "https://user:p#word@git.example.com/x",
        "https://pass/word@git.example.com/x",
        "ssh://user:pass/word@git.example.com/x",
    ],
)
def test_repository_url_with_an_unescaped_reserved_character_in_the_password_is_rejected(
    address,
):
    with pytest.raises(SourceError, match="is ambiguous") as caught:
        checked(address)
    assert "word" not in str(caught.value)
    assert "%40" in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "user:password@host:path",
        "user:pass@word@host:path",
        "user:pass/word@host/x",
        "https:/user:password@host/x",
    ],
)
def test_error_about_a_repository_url_without_a_scheme_does_not_contain_its_password(
    address,
):
    assert is_remote(address)
    with pytest.raises(SourceError, match="is not a supported") as caught:
        checked(address)
    assert "word" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com/fleet?token=s3cret",
        "http://git.example.com/fleet#s3cret",
        "ssh://git:s3cret@git.example.com/fleet",
        "git://u:s3cret@git.example.com/fleet",
    ],
)
def test_repository_url_with_a_query_string_or_a_password_for_ssh_or_git_is_rejected(
    address,
):
    with pytest.raises(SourceError, match=r"has a (query|password)") as caught:
        checked(address)
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"
    assert "--git-credentials" in caught.value.hint


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("https://u:s3%2Fcret@h/x", "unable to access 'https://u:s3/cret@h/x/': refused"),
        ("https://u:s3%2Fcret@h/x", "s3/cret is wrong"),
        ("https://u:s3 cret@h/x", "unable to access 'https://u:s3 cret@h/x/': refused"),
        ("https://h/x?t=s3cret", "unable to access 'https://h/x?t=s3cret/': refused"),
        ("https://h/x#s3cret", "unable to access 'https://h/x#s3cret/': refused"),
        ("https://h/x", "unable to access 'https://u:s3 cret@h/x/': refused"),
        ("https://h/x", "unable to access https://u:s3@s3/cret@h/x/: refused"),
        ("https://u:s3cret@h/x", "x" * 3_000 + " https://u:s3cret"),
    ],
)
def test_secret_parts_of_the_repository_url_are_removed_from_a_git_error_message(address, printed):
    found = cleaned(printed, address)
    assert "s3" not in found
    assert "cret" not in found


def test_credentials_are_removed_in_linear_time_from_a_long_message():
    assert len(cleaned("a://" * 100_000, "https://h/x")) < 100
