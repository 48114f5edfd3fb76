"""Only supported addresses are accepted, and credentials are never shown."""

import pytest

from reconciler.errors import SourceError
from reconciler.source.git.repository_url import checked, is_remote, shown, without_credentials


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com/fleet.git",
        "http://user:pw@git.example.com:8080/fleet",
        "ssh://git@git.example.com:2222/fleet.git",
        "git@git.example.com:team/fleet.git",
        "file:///srv/fleet.git",
    ],
)
def test_supported_repository_address_is_accepted(address):
    assert is_remote(address)
    assert checked(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "git://git.example.com/fleet",
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
def test_unsupported_repository_address_is_rejected(address):
    with pytest.raises(SourceError, match="is not a supported repository address"):
        checked(address)


@pytest.mark.parametrize("path", [".", "/srv/fleet", "fleet.git", "a:b", "../x", "C:/x"])
def test_local_folder_is_not_a_remote_address(path):
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
    ],
)
def test_repository_address_is_shown_without_credentials(address, expected):
    assert shown(address) == expected


def test_credentials_are_removed_from_urls_in_a_text():
    text = "fatal: 'https://u:p@h/x' and ssh://git@h/y failed"
    assert without_credentials(text) == "fatal: 'https://h/x' and ssh://h/y failed"


def test_rejected_address_is_reported_without_credentials():
    with pytest.raises(SourceError) as caught:
        checked("ftp://user:s3cret@host/x")
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"
