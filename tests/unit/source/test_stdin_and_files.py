"""The option ``-f`` reads standard input, files and folders."""

import io

import pytest

from reconciler.errors import SourceError
from reconciler.source.stdin_and_files import read_inputs
from reconciler.source.yaml.decode_text import MAX_FILE_BYTES


def test_standard_input_files_and_folders_are_read_in_order(tmp_path):
    (tmp_path / "one.yaml").write_bytes(b"1")
    folder = tmp_path / "folder"
    (folder / "deep.yaml").mkdir(parents=True)
    (folder / "deep.yaml").rmdir()
    for name in ("b.yml", "a.json", "c.txt"):
        (folder / name).write_bytes(name.encode())
    found = read_inputs([str(tmp_path / "one.yaml"), "-", str(folder)], io.BytesIO(b"in"))
    assert found == (
        (str(tmp_path / "one.yaml"), b"1"),
        ("stdin", b"in"),
        (str(folder / "a.json"), b"a.json"),
        (str(folder / "b.yml"), b"b.yml"),
    )


def test_standard_input_is_read_up_to_one_byte_beyond_the_limit():
    ((_, data),) = read_inputs(["-"], io.BytesIO(b"#" * (MAX_FILE_BYTES + 100)))
    assert len(data) == MAX_FILE_BYTES + 1


def test_missing_manifest_file_is_reported(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        read_inputs([str(tmp_path / "x")], io.BytesIO())


def test_folder_with_a_kustomization_is_rejected_with_a_kustomize_command_as_hint(tmp_path):
    (tmp_path / "kustomization.yml").touch()
    with pytest.raises(SourceError, match="has a kustomization") as caught:
        read_inputs([str(tmp_path)], io.BytesIO())
    assert caught.value.hint == (
        f"render the folder and pipe in the result (kubectl kustomize {tmp_path} | reconciler "
        "plan -f -)"
    )
