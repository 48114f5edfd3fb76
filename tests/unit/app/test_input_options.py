"""Tests contradictory source options, and options that override the configuration file."""

from __future__ import annotations

import pytest

from reconciler.app.input_options import SourceOptions
from reconciler.errors import UsageError
from reconciler.model.desired.config import Config, Mode


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (SourceOptions(), "no source for the desired state"),
        (SourceOptions(repo=".", files=("-",)), "--repo and -f"),
        (SourceOptions(files=("-",), revision="main"), "--revision needs --repo"),
        (SourceOptions(files=("-",), working_tree=True), "--working-tree needs --repo"),
        (SourceOptions(repo=".", working_tree=True, revision="main"), "--working-tree and"),
    ],
)
def test_source_options_reject_contradictory_options(options, says):
    with pytest.raises(UsageError, match=says) as caught:
        options.reject_contradictions()
    assert caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        SourceOptions(repo="."),
        SourceOptions(repo=".", revision="main"),
        SourceOptions(repo=".", working_tree=True),
        SourceOptions(files=("-",), revision="HEAD"),
    ],
)
def test_source_options_accept_any_single_source_of_manifests(options):
    options.reject_contradictions()


def test_command_line_flag_overrides_the_value_in_the_configuration_file():
    config = SourceOptions(mode="observe", selector="app=db").override(Config())
    assert (config.mode, str(config.selector)) == (Mode.OBSERVE, "app=db")
    assert str(config.origin("mode")) == "flag --mode"
    assert str(config.origin("selector")) == "flag --selector"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (SourceOptions(mode="obey"), "--mode obey is unknown"),
        (SourceOptions(selector="a=b=c"), "--selector a=b=c"),
    ],
)
def test_invalid_flag_value_is_a_usage_error(options, says):
    with pytest.raises(UsageError, match=says):
        options.override(Config())
