"""``EffectiveConfig``: the reconciler's configuration, with the origin of each value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.model.desired.config import CONFIG_KEYS, Canary, Config, OptionOrigin, Window
from reconciler.model.references import Location
from reconciler.report import wording
from reconciler.report.json_text import compact, dumps
from reconciler.report.json_values import API_VERSION
from reconciler.report.terminal_layout import Cell, Paint, Row, Tone, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.desired.config import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionValue:
    """A command-line option with its value, and where the value was set."""

    name: str
    """The name of the option without dashes, such as ``repo``."""
    value: str | bool | tuple[str, ...] | None
    """The value without secrets, or None if the option is not set and has no default value."""
    origin: OptionOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveConfig:
    """The configuration at one Git commit, and the command-line options that select the inputs."""

    revision: str
    dirty: bool
    config: Config
    options: tuple[OptionValue, ...]


def effective_config_json(shown: EffectiveConfig) -> str:
    """Convert the configuration to JSON that conforms to effective-config.schema.json."""
    return dumps(
        {
            "apiVersion": API_VERSION,
            "kind": "EffectiveConfig",
            "revision": shown.revision,
            "dirty": shown.dirty,
            "values": [
                {"key": key, "value": value, "origin": _origin_document(origin)}
                for key, value, origin in _values(shown.config)
            ],
            "options": [
                {
                    "name": each.name,
                    "value": plain(each.value),
                    "origin": _origin_document(each.origin),
                }
                for each in shown.options
            ],
        }
    )


def effective_config_text(shown: EffectiveConfig, *, width: int, color: bool) -> str:
    """Render the configuration and the options as two text tables."""
    return "\n".join(_lines(shown, Paint(enabled=color), width)) + "\n"


def _lines(shown: EffectiveConfig, paint: Paint, width: int) -> Iterator[str]:
    source = wording.origin(shown.revision, dirty=shown.dirty)
    yield from paragraph(f"Configuration of {source}", width=width)
    yield ""
    rows = [_row(key, value, origin) for key, value, origin in _values(shown.config)]
    yield from table(("KEY", "VALUE", "ORIGIN"), rows, width=width, wrap=("VALUE",), paint=paint)
    yield ""
    rows = [_row(f"--{each.name}", plain(each.value), each.origin) for each in shown.options]
    head = ("OPTION", "VALUE", "ORIGIN")
    yield from table(head, rows, width=width, wrap=("VALUE",), paint=paint)


def _row(name: str, value: object, origin: Origin) -> Row:
    is_set = isinstance(origin, Location) or bool(origin.name)
    text = "-" if value is None else value if isinstance(value, str) else compact(value)
    tone = Tone.STRONG if is_set else Tone.PLAIN
    return Row((Cell(name), Cell(text or '""', tone), Cell(str(origin), Tone.NOTE)))


def _values(config: Config) -> Iterator[tuple[str, Any, Origin]]:
    """Yield each key of the configuration file, with its JSON value and the value's origin."""
    for key in CONFIG_KEYS:
        yield key, plain(config.value(key)), config.origin(key)


def _origin_document(origin: Origin) -> dict[str, Any]:
    if isinstance(origin, Location):
        at = {"path": origin.path, "line": origin.line, "column": origin.column}
        return {"kind": "file", "name": None, "at": at}
    return {"kind": str(origin.kind), "name": origin.name or None, "at": None}


def plain(value: object) -> Any:  # noqa: ANN401 - a JSON value has no narrower type
    """Convert a configuration value to JSON, in the notation of the configuration file."""
    match value:
        case tuple():
            return [plain(each) for each in value]
        case Window():
            return {
                "kind": str(value.kind),
                "cron": value.cron,
                "duration": str(value.duration),
                "timeZone": value.time_zone,
            }
        case Canary():
            return {"selector": str(value.selector), "soak": str(value.soak)}
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)
