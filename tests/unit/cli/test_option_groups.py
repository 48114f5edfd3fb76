"""Tests that each field of an options dataclass becomes an option of a typer command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.cli.flags import FLAGS
from reconciler.cli.option_groups import call, option_parameters


@dataclass(frozen=True, kw_only=True)
class Inner:
    color: Annotated[str, typer.Option("--color")] = "red"
    depth: int = 3


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    names: Annotated[list[str] | None, typer.Option("--name")] = None


def command(*, size: Annotated[int, typer.Option("--size")] = 1, outer: Outer) -> object:
    return size, outer


def test_command_has_one_parameter_per_annotated_dataclass_field_in_the_order_of_the_fields():
    found = [(each.name, each.default) for each in option_parameters(command)]
    assert found == [("size", 1), ("color", "red"), ("names", None)]


def test_dataclass_field_keeps_its_default_if_the_corresponding_option_is_not_given():
    given = {"size": 2, "color": "blue", "names": ["a", "b"]}
    assert call(command, given) == (2, Outer(inner=Inner(color="blue"), names=("a", "b")))


@pytest.mark.parametrize("kind", [SourceOptions, ClusterOptions, ApplyOptions])
def test_every_configuration_flag_sets_an_existing_configuration_field(kind):
    assert set(FLAGS[kind]) <= set(kind.__dataclass_fields__)
