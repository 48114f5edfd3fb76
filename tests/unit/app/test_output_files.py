"""Output files are written completely or not at all, and are private."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from reconciler.app import output_files
from reconciler.errors import UsageError


def test_output_file_is_replaced_atomically_without_leaving_temporary_files(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with path.open() as reader:
        output_files.write(path, "new", "--report")
        assert reader.read() == "old", "a reader that has it open still reads the old file"
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_output_file_is_private_even_if_the_old_file_was_public(tmp_path):
    before = os.umask(0o002)
    try:
        (tmp_path / "report.json").write_text("old, for everybody")
        for name in ("plan.json", "report.json"):
            output_files.write(tmp_path / name, "{}", "--out")
        with output_files.open_to_append(tmp_path / "trace.jsonl", "--trace") as trace:
            trace.write("{}")
    finally:
        os.umask(before)
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {
        "plan.json": 0o600,
        "report.json": 0o600,
        "trace.jsonl": 0o600,
    }


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError(28, "no space left")])
def test_failed_write_of_an_output_file_keeps_the_old_file_and_removes_temporary_files(
    error, tmp_path
):
    def pieces():
        yield "new"
        raise error

    path = tmp_path / "plan.json"
    path.write_text("old")
    with pytest.raises((ValueError, KeyboardInterrupt, UsageError)):
        output_files.write(path, pieces(), "--out")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_symbolic_link_to_an_output_file_is_kept(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "report.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    output_files.write(link, "new", "--report")
    assert (link.is_symlink(), target.read_text()) == (True, "new")


def test_output_to_a_named_pipe_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    output_files.reserve(pipe, "--report")
    output_files.write(pipe, "new", "--report")
    reader.join(10)
    assert read == ["new"]
    assert pipe.is_fifo()


def test_reserving_an_output_file_deletes_the_report_of_an_earlier_run(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("of an earlier run")
    output_files.reserve(path, "--report")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "write", [output_files.reserve, lambda path, flag: output_files.write(path, "", flag)]
)
@pytest.mark.parametrize("name", ["nowhere/report.json", "."])
def test_unwritable_output_file_is_reported_with_the_option_that_names_the_file(
    write, name, tmp_path
):
    with pytest.raises(UsageError, match="--report") as caught:
        write(tmp_path / name, "--report")
    assert str(tmp_path) in str(caught.value)
    assert caught.value.hint
