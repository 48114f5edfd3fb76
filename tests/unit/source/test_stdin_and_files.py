"""The option ``-f`` reads standard input, files and directories."""

import io
import os
import sys

import pytest

from reconciler.errors import SourceError
from reconciler.source import stdin_and_files
from reconciler.source.stdin_and_files import read_inputs
from reconciler.source.yaml.decode_text import MAX_FILE_BYTES


@pytest.fixture
def stdin(monkeypatch):
    """Returns a function that gives bytes to the program on standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_manifest_inputs_are_read_in_the_order_of_the_arguments(tmp_path, stdin):
    stdin(b"in")
    (tmp_path / "one.yaml").write_bytes(b"1")
    folder = tmp_path / "folder"
    (folder / "deep.yaml").mkdir(parents=True)
    for name in ("b.yml", "a.json", "c.txt", "deep.yaml/d.yaml"):
        (folder / name).write_bytes(name.encode())
    found = read_inputs([str(tmp_path / "one.yaml"), "-", str(folder)])
    assert found == (
        (str(tmp_path / "one.yaml"), b"1"),
        ("stdin", b"in"),
        (str(folder / "a.json"), b"a.json"),
        (str(folder / "b.yml"), b"b.yml"),
    )


def test_standard_input_is_read_up_to_one_byte_beyond_the_limit(stdin):
    stdin(b"#" * (MAX_FILE_BYTES + 100))
    ((_, data),) = read_inputs(["-"])
    assert len(data) == MAX_FILE_BYTES + 1


def refused(*names):
    with pytest.raises(SourceError) as caught:
        read_inputs(list(map(str, names)))
    return f"{caught.value} | {caught.value.hint}"


def test_manifest_inputs_that_together_exceed_the_size_limit_are_rejected(
    tmp_path, stdin, monkeypatch
):
    monkeypatch.setattr(stdin_and_files, "MAX_TOTAL_BYTES", 10)
    (tmp_path / "a.yaml").write_bytes(b"12345")
    stdin(b"123456")

    assert len(read_inputs([str(tmp_path)] * 2)) == 2
    with pytest.raises(
        SourceError, match="the inputs of -f, up to and including stdin, have more than 10 bytes"
    ):
        read_inputs([str(tmp_path), "-"])


def test_missing_manifest_file_is_reported(tmp_path):
    assert "does not exist" in refused(tmp_path / "x")


@pytest.mark.parametrize(
    "name", ["https://u:s3cret@host/x.yaml", "u:s3cret@host:x.yaml", "u:s3/cret@host/x.yaml"]
)
def test_error_about_a_url_in_the_f_option_does_not_contain_the_password(name):
    message = refused(name)
    assert "s3" not in message
    assert "cret" not in message


@pytest.mark.parametrize("target", ["folder", "missing file"])
def test_directory_with_a_kustomization_is_rejected_with_a_command_as_hint(tmp_path, target):
    if target == "folder":
        (tmp_path / "kustomization.yml").touch()
    else:
        (tmp_path / "kustomization.yml").symlink_to(tmp_path / "missing")
    assert "has a kustomization" in (message := refused(tmp_path))
    assert message.endswith(
        f"render the directory and pipe in the result (kubectl kustomize {tmp_path} | "
        "reconciler plan -f -)"
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "id.yaml").write_text("s3cret: passw0rd\n")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize(
    "links",
    [
        {"a.yaml": "{secret}/id.yaml"},
        {"a.yaml": "../secret/id.yaml"},
        {"a.yaml": "b", "b": "../secret/id.yaml"},
        {"a.yaml": "sub/id.yaml", "sub": "../secret"},
        {"a.yaml": "..data/id.yaml", "..data": "{secret}"},
        {"a.yaml": "/proc/self/environ"},
    ],
)
def test_symbolic_link_to_a_file_outside_the_directory_is_rejected_without_quoting_the_file(
    folder, links
):
    secret = folder.parent / "secret"
    for name, target in links.items():
        (folder / name).symlink_to(target.format(secret=secret))
    message = refused(folder)
    assert message.startswith(
        f"{folder}/a.yaml is a link to a file outside the directory {folder}"
    )
    assert str(secret) not in message
    assert "passw0rd" not in message


def test_symbolic_link_to_a_sibling_directory_with_the_same_name_prefix_is_rejected(folder):
    (folder.parent / "folder-2").mkdir()
    (folder.parent / "folder-2" / "x.yaml").write_text("x")
    (folder / "a.yaml").symlink_to(folder.parent / "folder-2" / "x.yaml")
    assert "is a link to a file outside" in refused(folder)


def test_symbolic_links_in_a_mounted_config_map_are_followed(folder):
    versions = folder / "..2026_12_01_01_00_00.123456789"
    versions.mkdir()
    (versions / "vm.yaml").write_text("vm")
    (folder / "..data").symlink_to(versions.name)
    (folder / "vm.yaml").symlink_to("..data/vm.yaml")
    assert read_inputs([str(folder)]) == ((str(folder / "vm.yaml"), b"vm"),)
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert read_inputs([str(link)]) == ((str(link / "vm.yaml"), b"vm"),)


@pytest.mark.parametrize("target", ["a.yaml", "missing", "/dev/null", "/dev/zero", "pipe"])
def test_symbolic_link_in_a_manifest_directory_must_lead_to_a_regular_file(folder, target):
    os.mkfifo(folder / "pipe")
    (folder / "a.yaml").symlink_to(target)
    assert refused(folder).startswith(f"{folder}/a.yaml ")
