"""The YAML libraries whose events are read: ``libyaml`` for manifests, ``ruamel`` for settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.source.yaml.substitutes import substitutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from reconciler.source.yaml.substitutes import Substitutes

_TEXT_TAG = re.compile(r"(&\S+\s+)?!\s")
"""The tag ``!``, which says that a scalar is text, before or after an anchor."""


class Parser(NamedTuple):
    """What a library offers to read a text without deciding what its values mean."""

    events: Callable[[str], Iterable[Any]]
    kinds: ModuleType
    """The classes of the events."""
    error: type[Exception]
    """Raised while events are read; has ``context``, ``problem`` and the marks of both."""


def libyaml() -> Parser:
    """The C library, by PyYAML: the parser that Go's yaml.v2, and so kubectl, was translated from.

    It takes a tenth of the time of a parser in Python.
    """
    from yaml import MarkedYAMLError, events  # noqa: PLC0415 - slow import

    return Parser(_libyaml_events, events, MarkedYAMLError)


def ruamel() -> Parser:
    """ruamel.yaml, which also knows how to change a file and keep its comments."""
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
    """*event* with the tag ``!``, which libyaml keeps to itself."""
    if hasattr(event, "value") and _TEXT_TAG.match(text, event.start_mark.index):
        event.tag = "!"
    return event
