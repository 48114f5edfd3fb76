"""Reads the API server faults that a scenario defines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.apiserver.request.api_faults import Effect, Fault

if TYPE_CHECKING:
    from reconciler.simulator.worlds.field_reader import Fields


def read(entry: Fields) -> Fault:
    """Reads an API server fault: its effect, the requests that it affects, and its frequency.

    Durations are written like `5s`. If `times` is absent, the fault always occurs.
    """
    effect = entry.text("effect", Effect.STATUS, choices=tuple(Effect))
    times, retry = entry.raw("times"), entry.seconds("retryAfter")
    probability = entry.raw("probability")
    if times is not None and not isinstance(times, int):
        entry.problem("times", f"{times!r} is not a count; use a whole number")
    fault = Fault(
        effect=Effect(effect),
        methods=frozenset(entry.texts("methods")),
        verbs=frozenset(entry.texts("verbs")),
        resource=entry.text("resource"),
        subresource=entry.text("subresource") if "subresource" in entry.values else None,
        namespace=entry.text("namespace"),
        name=entry.text("name"),
        user=entry.text("user"),
        skip=entry.integer("skip"),
        times=times if isinstance(times, int) else None,
        probability=probability if isinstance(probability, float) else 1.0,
        code=entry.integer("code", 500),
        message=entry.text("message"),
        retry_after_s=None if retry is None else int(retry),
        seconds=entry.seconds("delay") or 0.0,
        events=entry.integer("events"),
    )
    entry.finish()
    return fault
