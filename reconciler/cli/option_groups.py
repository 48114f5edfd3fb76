"""``call`` and ``option_parameters``: let typer commands accept options dataclasses.

A command has a dataclass as a parameter, and each field of the dataclass becomes an option. The
field's annotation defines the option; for the dataclasses of use cases, ``FLAGS`` defines the
option instead. A field without an option keeps its default.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

from reconciler.cli.flags import FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def option_parameters(target: Callable[..., object]) -> Iterator[Parameter]:
    """Yield one parameter for each option of a command or of an options dataclass."""
    defaults = signature(target).parameters
    for name, hint in _hints(target).items():
        if is_dataclass(hint):
            yield from option_parameters(hint)  # type: ignore[arg-type]  # a class is callable
        elif get_origin(hint) is Annotated:
            default = defaults[name].default
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def call(target: Callable[..., Any], given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what target returns
    """Call a command after building its options dataclasses from the given option values."""
    arguments = {}
    for name, hint in _hints(target).items():
        if is_dataclass(hint):
            arguments[name] = call(hint, given)  # type: ignore[arg-type]  # as above
        elif name in given:
            value = given[name]
            arguments[name] = tuple(value) if isinstance(value, list) else value
    return target(**arguments)


def _hints(target: Callable[..., object]) -> dict[str, object]:
    """Return the type annotation of each command parameter, including the typer option."""
    hints: dict[str, object] = get_type_hints(target, include_extras=True)
    hints.pop("return", None)
    for name, flag in FLAGS.get(target, {}).items():  # type: ignore[call-overload]  # no class
        many = get_origin(hints[name]) is tuple
        hint = list[str] | None if many else hints[name]
        hints[name] = flag if get_origin(flag) is Annotated else Annotated[hint, flag]
    return hints
