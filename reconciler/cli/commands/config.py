"""``reconciler config``: shows the effective configuration and where each value comes from."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.app.input_options import (
    DEFAULT_REVISION,
    ClusterOptions,
    PrometheusOptions,
    SourceOptions,
)
from reconciler.app.wiring import source_wiring
from reconciler.cli.commands.reconcile import Mode
from reconciler.cli.flags import FLAGS
from reconciler.cli.option_origins import declared_flag
from reconciler.cli.option_values import TextFormat
from reconciler.cli.options import LogOptions, Output
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.error_output import show_errors
from reconciler.model.desired.config import DEFAULT_ORIGIN
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.model.run.outcome import ExitCode
from reconciler.serve.serve_options import ServiceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.desired.config import OptionOrigin
    from reconciler.report.config_with_origins import OptionValue


def command(
    source: SourceOptions,
    cluster: ClusterOptions,
    prometheus: PrometheusOptions,
    service: ServiceOptions,
    log: LogOptions,
    mode: Mode = None,
    output: Output = None,
) -> ExitCode:
    """Show the effective configuration, and where each value comes from.

    A value comes from a flag, an environment variable, a line of the configuration file, or the
    default. The cluster is not read. Secrets are not shown. If the newest commit is rejected, the
    command shows the configuration of the last accepted commit, and the exit code is 3.
    """
    from reconciler.app.read_and_plan import read_valid
    from reconciler.report.config_with_origins import (
        EffectiveConfig,
        effective_config_json,
        effective_config_text,
    )

    source = replace(source.or_current(), mode=mode)
    with source_wiring.desired(source) as reader:
        reading = read_valid(reader)
    shown = EffectiveConfig(
        revision=reading.state.revision,
        dirty=reading.state.dirty,
        config=reading.config,
        options=tuple(
            option
            for values in (source, cluster, prometheus, service)
            for option in _options(values, source.origins)
        ),
    )
    if (output or log.log_format) is TextFormat.JSON:
        screen.document((effective_config_json(shown),), log.log_format)
    else:
        style = screen.style_of(sys.stdout)
        screen.result(effective_config_text(shown, width=style.width, color=style.color))
    rejected = [each for each in reading.state.diagnostics if each.code in set(RefusalReason)]
    show_errors(rejected, log.log_format)
    return ExitCode.INVALID if rejected else ExitCode.DONE


def _options(values: object, origins: Mapping[str, OptionOrigin]) -> Iterator[OptionValue]:
    """Yield the command-line options that set the fields of an options dataclass."""
    from reconciler.report.config_with_origins import OptionValue

    for field, flag in FLAGS[type(values)].items():
        name = declared_flag(flag)
        if name:  # the names of VMs have no flag
            yield OptionValue(
                name=name.removeprefix("--"),
                value=_shown(field, getattr(values, field)),
                origin=origins.get(field, DEFAULT_ORIGIN),
            )


def _shown(field: str, value: object) -> str | bool | tuple[str, ...] | None:
    """Return the value of an option; remove any credentials if the value is a URL."""
    match value:
        case "":
            return None
        case str() if field in ("repo", "url"):
            return source_wiring.shown_address(value)
        case float():
            return f"{value:g}s"  # all options with a fraction are durations
        case str() | bool() | tuple():
            return value
        case None:
            return DEFAULT_REVISION if field == "revision" else None
        case _:
            return str(value)
