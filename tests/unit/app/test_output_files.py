"""Tests that output files are written completely or not at all, and are private."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from reconciler.app import output_files
from reconciler.errors import OutputError, UsageError


def test_output_file_is_replaced_atomically_without_temporary_files_left_behind(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with path.open() as reader:
        output_files.write(path, "new", "--report")
        assert reader.read() == "old", "a reader that has it open still reads the old file"
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_new_output_file_is_readable_only_by_its_owner_even_if_the_old_file_was_public(tmp_path):
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
def test_failed_write_of_an_output_file_keeps_the_old_file_without_temporary_files(
    error, tmp_path
):
    def pieces():
        yield "new"
        raise error

    path = tmp_path / "plan.json"
    path.write_text("old")
    with pytest.raises((ValueError, KeyboardInterrupt, OutputError)):
        output_files.write(path, pieces(), "--out")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_symbolic_link_to_an_output_file_is_kept_when_the_file_is_replaced(tmp_path):
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


def test_report_file_of_an_earlier_run_is_deleted_before_the_new_run_starts(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("of an earlier run")
    output_files.reserve(path, "--report")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "write", [output_files.reserve, lambda path, flag: output_files.write(path, "", flag)]
)
@pytest.mark.parametrize("name", ["nowhere/report.json", "."])
def test_error_about_an_unwritable_output_file_names_the_option_that_sets_the_file(
    write, name, tmp_path
):
    with pytest.raises(UsageError, match="--report") as caught:
        write(tmp_path / name, "--report")
    assert str(tmp_path) in str(caught.value)
    assert caught.value.hint


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Return a directory like /tmp in which all existing files belong to another user."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: 65532)

    def foreign(name):
        if os.getuid() == 0:
            os.chown(folder / name, 4321, 4321, follow_symlinks=False)
        return folder / name

    foreign.folder = folder
    return foreign


@pytest.mark.parametrize("kind", ["link", "link to a missing file", "pipe", "file"])
@pytest.mark.parametrize("way", ["reserve", "write", "append"])
def test_output_file_that_another_user_created_in_a_shared_directory_is_rejected(
    shared, tmp_path, kind, way
):
    victim = tmp_path / "victim"
    path = shared.folder / "report.json"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "file":
            path.write_text("old")
        case _:
            path.symlink_to(victim)
            if kind == "link":
                victim.write_text("precious")
    acts = {
        "reserve": lambda: output_files.reserve(shared("report.json"), "--report"),
        "write": lambda: output_files.write(shared("report.json"), "new", "--report"),
        "append": lambda: output_files.open_to_append(shared("report.json"), "--trace").close(),
    }
    with pytest.raises(UsageError, match="it belongs to another user"):
        acts[way]()
    assert victim.exists() == (kind == "link")
    assert not victim.exists() or victim.read_text() == "precious"


def test_output_symlink_that_leads_to_a_symlink_of_another_user_is_rejected(shared, tmp_path):
    (tmp_path / "victim").write_text("precious")
    (shared.folder / "theirs").symlink_to(tmp_path / "victim")
    (tmp_path / "mine").symlink_to(shared("theirs"))
    with pytest.raises(UsageError, match="it belongs to another user"):
        output_files.reserve(tmp_path / "mine", "--report")
    assert (tmp_path / "victim").read_text() == "precious"


def test_symbolic_link_in_place_of_a_temporary_output_file_is_not_followed(tmp_path):
    part = tmp_path / f".report.json.{os.getpid()}.part"
    for act in (output_files.reserve, lambda path, flag: output_files.write(path, "{}", flag)):
        part.symlink_to(tmp_path / "victim")
        act(tmp_path / "report.json", "--report")
        assert not (tmp_path / "victim").exists()


def test_output_to_the_file_descriptor_of_a_pipe_is_written_directly(tmp_path):
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w"):
        for act in (output_files.reserve, lambda path, flag: output_files.write(path, "{}", flag)):
            act(Path(f"/dev/fd/{writing}"), "--report")
        assert os.read(reader.fileno(), 10) == b"{}"
