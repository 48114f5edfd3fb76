"""Tests how options with a duration treat zero and negative values."""

from __future__ import annotations

import pytest
import typer

from reconciler.cli.option_values import seconds, seconds_or_zero


def test_jitter_option_accepts_zero_but_the_interval_option_does_not():
    assert seconds_or_zero("0s") == 0.0
    with pytest.raises(typer.BadParameter, match="'0s' is not greater than zero"):
        seconds("0s")


@pytest.mark.parametrize("parse", [seconds, seconds_or_zero])
def test_duration_option_rejects_a_negative_value(parse):
    with pytest.raises(typer.BadParameter, match="'-1s' is negative"):
        parse("-1s")
