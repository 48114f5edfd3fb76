"""``option``, ``seconds`` and ``shard``: declare command-line options, and parse their values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from reconciler.model.quantity import Duration, QuantityError
from reconciler.model.quoting import quoted
from reconciler.model.shard import Shard, ShardError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9\[][\w.:\[\]~%/-]*", re.ASCII)
OUTPUT_HELP = "Output format. Default: text, or json with --log-format json."


class PlanFormat(StrEnum):
    """The output formats of the command ``plan``."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"


class ValidateFormat(StrEnum):
    """The output formats of the command ``validate``."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"


class TextFormat(StrEnum):
    """The output formats of commands other than ``plan`` and ``validate``, and of the log."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to which a command writes its result, in one format."""

    format: str
    path: Path


def option(flags: str, about: str, *, variable: bool = True, **settings: Any) -> Any:  # noqa: ANN401 - typer's own type is private
    """Return a command-line option with its help text and environment variable.

    Args:
        flags: The flags, separated by spaces.
        about: The help text.
        variable: Whether an environment variable, named ``RECONCILER_`` and the flag, can set the
            option.
        settings: Other arguments of ``typer.Option``.
    """
    names = flags.split()
    long = next(each for each in names if each.startswith("--"))
    name = f"RECONCILER_{long[2:].replace('-', '_').upper()}" if variable else None
    return typer.Option(*names, envvar=name, help=about, **settings)


def deadline(shown: str) -> Any:  # noqa: ANN401 - as above
    """Return the option ``--deadline``; its help text shows *shown* as the default."""
    about = (
        "Stop after this time. Live migrations in progress continue, and the next run tracks them."
    )
    return option("--deadline", about, metavar="DURATION", parser=seconds, show_default=shown)


def seconds(text: str | float) -> float:
    """Parse a duration such as ``90s``, ``10m`` or ``1h30m``; typer passes defaults as numbers."""
    found = seconds_or_zero(text)
    if isinstance(text, str) and found <= 0:
        raise typer.BadParameter(f"the duration {quoted(text)} is not greater than zero")
    return found


def seconds_or_zero(text: str | float) -> float:
    """Parse a duration such as ``90s``; zero is permitted."""
    if not isinstance(text, str):
        return float(text)
    try:
        found = Duration.parse(text).seconds
    except QuantityError as error:
        raise typer.BadParameter(str(error)) from error
    if found < 0:
        raise typer.BadParameter(f"the duration {quoted(text)} is negative")
    return found


def output_file_option(formats: type[StrEnum]) -> Any:  # noqa: ANN401 - as above
    """Return the option ``--output-file``, which accepts the given formats and can be repeated."""

    def parse(text: str) -> OutputFile:
        name, _, path = text.partition("=")
        if name not in set(formats) or not path:
            raise typer.BadParameter(
                f"{text!r} does not have the form FORMAT=FILE; the formats are "
                f"{', '.join(formats)}"
            )
        if path == "-":
            raise typer.BadParameter(
                f"this option does not write to standard output; use -o {name} instead"
            )
        return OutputFile(name, Path(path))

    about = "Also write the result to a file in one of the formats of -o. Can be repeated."
    return option("--output-file", about, metavar="FORMAT=FILE", parser=parse, variable=False)


def digest(text: str) -> str:
    """Parse a full SHA-256 digest; a shortened digest is rejected, because it can be ambiguous."""
    if not _DIGEST.fullmatch(text):
        raise typer.BadParameter(
            f"{quoted(text)} is not a digest; expected `sha256:` and 64 hexadecimal digits, as "
            "in the field `digest` of `reconciler plan -o json`"
        )
    return text


def web_address(text: str) -> str:
    """Check that a string is an http or https URL without a query, or an empty string."""
    if text and not _WEB_ADDRESS.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not a URL such as https://docs.example.org/reasons")
    return text


def shard(text: str | Shard) -> Shard:
    """Parse a shard such as ``0/4``; typer passes a default as a ``Shard``."""
    if isinstance(text, Shard):
        return text
    try:
        return Shard.parse(text)
    except ShardError as error:
        raise typer.BadParameter(str(error)) from error
