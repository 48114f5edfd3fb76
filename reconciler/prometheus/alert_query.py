"""``query_of``, ``firing_alerts``: build a Prometheus query for alerts, and parse the response.

The query is built from parsed conditions, so that a string from Git cannot change the
expression. Prometheus evaluates regular expressions in linear time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.decoders import json_decoder
from reconciler.escaping import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.alerts.alert_matcher import AlertMatcher

MOST_ALERTS = 20
"""The maximum number of alerts to read for one matcher; one alert is enough to pause a rollout."""
_LONGEST_ALERT = 300
_LONGEST_MESSAGE = 300
_HIDDEN = frozenset({"__name__", "alertname", "alertstate"})
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class AnswerError(Exception):
    """A Prometheus response does not say which alerts are firing; the message explains why."""


class _Series(msgspec.Struct):
    metric: dict[str, str] = {}


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType", default="")
    result: tuple[_Series, ...] = ()


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Data | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()


def query_of(matcher: AlertMatcher) -> str:
    """Build the Prometheus query for the firing alerts that a matcher selects.

    Source: Prometheus documentation, "Alerting rules", inspecting alerts during runtime.
    """
    conditions = (
        f"{each.label}{each.operator}{_quoted(each.value)}" for each in matcher.conditions
    )
    return f'ALERTS{{alertstate="firing",{",".join(conditions)}}}'


def firing_alerts(body: bytes) -> tuple[str, ...]:
    """Parse a Prometheus response into alerts, such as ``Name{severity="critical"}``.

    Raises:
        AnswerError: The body is not a response to a query, or the result might be incomplete.
    """
    answer = _decoded(body)
    if answer.status != "success" or answer.data is None:
        raise AnswerError(error_of(body) or "the response contains no result")
    if answer.data.result_type != "vector":
        raise AnswerError("the response is not a list of alerts")
    if answer.warnings:
        # A federated server, such as Thanos, responds although it could not query all its sources.
        raise AnswerError(f"the response is incomplete: {_shortened(answer.warnings[0])}")
    return tuple(sorted({_named(each.metric) for each in answer.data.result}))[:MOST_ALERTS]


def error_of(body: bytes) -> str:
    """Return the error message in a Prometheus response, or an empty string if it has none."""
    try:
        return _shortened(_decoded(body).error)
    except AnswerError:
        return ""


def _decoded(body: bytes) -> _Answer:
    try:
        return json_decoder(_Answer).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(
            f"the response is not a Prometheus query result ({type(error).__name__})"
        ) from error


def _named(labels: Mapping[str, str]) -> str:
    shown = (f"{name}={_quoted(labels[name])}" for name in sorted(labels) if name not in _HIDDEN)
    text = f"{labels.get('alertname', '')}{{{', '.join(shown)}}}"
    return printable(text.removesuffix("{}"), _LONGEST_ALERT)


def _quoted(text: str) -> str:
    return f'"{"".join(_ESCAPES.get(each, each) for each in text)}"'


def _shortened(text: str) -> str:
    return printable(text, _LONGEST_MESSAGE)
