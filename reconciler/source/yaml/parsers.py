"""``libyaml`` and ``ruamel``: the YAML parsers for manifests and for the configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.source.yaml.character_substitution import substitutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from reconciler.source.yaml.character_substitution import Substitutes

_TEXT_TAG = re.compile(r"(&\S+\s+)?!\s")
"""Matches the YAML tag ``!``, which makes a scalar a string, also after an anchor."""


class Parser(NamedTuple):
    """A YAML library that parses text into events, from which ``compose`` builds nodes."""

    events: Callable[[str], Iterable[Any]]
    kinds: ModuleType
    """The module that defines the event classes of the YAML library."""
    error: type[Exception]
    """The exception that the library raises for invalid YAML."""


def libyaml() -> Parser:
    """Return the parser libyaml, which is part of PyYAML.

    kubectl's parser, Go's yaml.v2, is a port of libyaml, so the two parsers accept the same input.
    libyaml is about ten times as fast as a parser in Python.
    """
    from yaml import MarkedYAMLError, events  # noqa: PLC0415 - slow import

    return Parser(_libyaml_events, events, MarkedYAMLError)


def ruamel() -> Parser:
    """Return the parser of ruamel.yaml, which can also edit a file and keep its comments."""
    from ruamel.yaml import YAML, events  # noqa: PLC0415 - slow import
    from ruamel.yaml.error import MarkedYAMLError  # noqa: PLC0415 - slow import

    return Parser(YAML(typ="safe", pure=True).parse, events, MarkedYAMLError)


def _libyaml_events(text: str) -> Iterator[Any]:
    from yaml.cyaml import CParser  # noqa: PLC0415 - slow import

    protected = substitutes(text)
    events: Iterator[Any] = iter(CParser(protected.text if protected else text).get_event, None)
    if protected:
        events = (_restored(event, protected) for event in events)
    if "!" in text:
        events = (_with_text_tag(event, text) for event in events)
    return events


def _restored(event: Any, protected: Substitutes) -> Any:  # noqa: ANN401 - PyYAML has no types
    if hasattr(event, "value"):
        event.value = protected.restore(event.value)
    return event


def _with_text_tag(event: Any, text: str) -> Any:  # noqa: ANN401 - as above
    """Add the YAML tag ``!`` to an event if the text has this tag, because libyaml omits it."""
    if hasattr(event, "value") and _TEXT_TAG.match(text, event.start_mark.index):
        event.tag = "!"
    return event
