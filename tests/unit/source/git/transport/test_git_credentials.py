"""The files of a credentials directory are checked before git uses them."""

import pytest

from reconciler.errors import SourceError
from reconciler.source.git.transport.git_credentials import GitCredentials, Login


@pytest.fixture
def folder(tmp_path):
    """Returns a function that writes files into a directory and returns its credentials."""

    def write(**files):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return GitCredentials(folder=tmp_path, installation_token=None)

    return write


def refused(credentials):
    with pytest.raises(SourceError) as caught:
        credentials.login()
    return f"{caught.value} | {caught.value.hint}"


def test_empty_git_credentials_directory_means_an_anonymous_fetch(folder):
    assert folder().login() is None
    assert folder(username=b"bot").login() is None


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_line_end_after_a_git_credential_is_ignored(folder, end):
    credentials = folder(username=b"bot" + end, password=b"s3cret word" + end)
    assert credentials.login() == Login(username="bot", password="s3cret word")


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"s3cret\nhost=evil", b"s3cret\n\n", b"s3cret\x00", b"s3\xff", b"s" * 64_001],
)
def test_git_credential_that_is_not_one_line_is_rejected_and_not_shown(folder, tmp_path, content):
    message = refused(folder(username=b"bot", password=content))
    assert message == (
        f"{tmp_path}/password is not a single line of text with at most 64,000 bytes | write "
        "only the value of 'password' into the file"
    )


def test_git_credentials_directory_with_two_kinds_of_credentials_is_rejected(folder, tmp_path):
    assert refused(folder(password=b"x", bearerToken=b"y")) == (
        f"the --git-credentials directory {tmp_path} has password and bearerToken, so the "
        "credentials are ambiguous | keep only one of password, bearerToken and githubAppID"
    )


def test_missing_git_credentials_directory_is_reported(tmp_path):
    credentials = GitCredentials(folder=tmp_path / "none", installation_token=None)
    assert refused(credentials) == (
        f"the --git-credentials directory {tmp_path}/none cannot be read: No such file or "
        "directory | create the directory, or mount a Secret there"
    )


def test_directory_in_place_of_a_git_credential_file_is_reported(folder, tmp_path):
    (tmp_path / "password").mkdir()
    assert refused(folder()).startswith(f"{tmp_path}/password cannot be read: Is a directory")


def test_file_of_a_mounted_secret_is_read_through_its_symbolic_links(folder, tmp_path):
    for number in (1, 2):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "password").write_text(f"word {number}")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "password").symlink_to("..data/password")
    credentials = folder()
    assert credentials.login().password == "word 1"
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").replace(tmp_path / "..data")  # how the kubelet updates a Secret
    assert credentials.login().password == "word 2"
