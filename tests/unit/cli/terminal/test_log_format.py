"""Tests log lines in text and JSON format, and that they contain no credentials."""

from __future__ import annotations

import io
import json
import logging

import pytest

from reconciler.cli.option_values import TextFormat
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.log_format import configure

LOG = logging.getLogger("reconciler.rollout")


@pytest.fixture(autouse=True)
def _restored():
    root, ours = logging.getLogger(), logging.getLogger("reconciler")
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before
    logging.getLogger().setLevel(before[1])


@pytest.fixture
def stream():
    return io.StringIO()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_log_line_in_text_format_has_level_message_and_fields(stream):
    configure(stream=stream)
    LOG.info("patch applied", extra={"ref": "VirtualMachine db/pg-0"})
    assert stream.getvalue() == "info: patch applied ref=VirtualMachine db/pg-0\n"


def test_log_line_in_json_format_has_level_time_message_and_fields(stream):
    configure(stream=stream, log_format=TextFormat.JSON)
    LOG.warning("slow %s", "answer", extra={"ref": "KubeVirt k/k", "revision": "own"})
    line = json.loads(stream.getvalue())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "warning",
        "msg": "slow answer",
        "revision": "own",
        "ref": "KubeVirt k/k",
    }


@pytest.mark.parametrize(("verbosity", "lines"), [(0, 1), (1, 2)])
def test_debug_log_lines_are_printed_only_with_the_verbose_option(stream, verbosity, lines):
    configure(stream=stream, verbosity=verbosity)
    LOG.debug("GET /apis")
    LOG.info("read")
    assert len(stream.getvalue().splitlines()) == lines


def test_verbose_logging_omits_log_lines_of_third_party_packages(stream):
    configure(stream=stream, verbosity=3)
    logging.getLogger("kubernetes.client.rest").debug("response body: secret")
    logging.getLogger("urllib3").info("connection")
    assert stream.getvalue() == ""


def test_second_log_configuration_replaces_the_first_log_configuration(stream):
    first = io.StringIO()
    configure(stream=first)
    configure(stream=stream)
    LOG.info("once")
    assert first.getvalue() == ""
    assert stream.getvalue().count("once") == 1


@pytest.mark.parametrize("log_format", list(TextFormat))
def test_credentials_are_removed_from_log_lines(stream, log_format):
    configure(stream=stream, log_format=log_format)
    LOG.info(
        "clone https://me:hunter2@example.org/r.git with Authorization: Bearer eyJh.x.y",
        extra={"ref": "ssh://hunter2@example.org"},
    )
    assert "hunter2" not in stream.getvalue()
    assert "eyJh" not in stream.getvalue()
    assert "example.org/r.git" in stream.getvalue()


@pytest.mark.parametrize("log_format", list(TextFormat))
def test_logged_error_does_not_include_its_cause(stream, log_format):
    configure(stream=stream, log_format=log_format)

    def get():
        raise ValueError("HTTP response headers: Set-Cookie")

    def read():
        try:
            get()
        except ValueError as error:
            raise RuntimeError("cannot read the cluster") from error

    try:
        read()
    except RuntimeError:
        LOG.exception("failed")
    assert "RuntimeError: cannot read the cluster" in stream.getvalue()
    assert "Set-Cookie" not in stream.getvalue()


@pytest.mark.parametrize("log_format", list(TextFormat))
def test_log_message_with_control_characters_stays_on_one_line(stream, log_format):
    configure(stream=stream, log_format=log_format)
    LOG.info("a\nerror: b\x1b[2J")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_log_is_written_to_the_current_stderr_after_a_redirection(monkeypatch, stream):
    configure()
    monkeypatch.setattr("sys.stderr", stream)
    LOG.info("above the bars")
    assert "above the bars" in stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "environ", "color"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_log_color_needs_a_terminal_and_respects_the_no_color_variable(
    stream, environ, color, monkeypatch
):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert screen.style_of(stream).color is color
