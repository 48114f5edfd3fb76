"""``memory_bar``: draws a VM's boot, current, desired and maximum memory as one bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import MemoryQuantity
from reconciler.report.wording import from_and_to, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.fields import SettingValue
    from reconciler.model.plan.plan import Decision

_WIDTH, _MIDDLE, _HEIGHT = 160, 7, 14
"""The width, middle and height of the memory bar in CSS pixels, as in the style sheet."""

_KEYS = (
    ("k", "memory that stays", frozenset(Effect)),
    ("g", "growth", frozenset({Effect.LIVE, Effect.CREATE, Effect.COLD})),
    ("l", "growth after a restart or a wait", frozenset({Effect.RESTART, Effect.WAIT})),
    ("x", "blocked", frozenset({Effect.BLOCKED})),
    ("s", "shrinkage", frozenset(Effect) - {Effect.NONE}),
    ("t", "unused, up to the maximum", frozenset(Effect)),
    ("b", "boot memory and maximum", frozenset(Effect)),
)
"""The CSS class and meaning of each memory bar color, and the effects for which it is used.

An effect says how a change takes effect: live, by a restart, and so on.
"""


def bar_keys(effects: Iterable[Effect]) -> str:
    """Render a legend of the memory bar colors for the given effects (live, restart, …)."""
    found = frozenset(effects)
    return "".join(
        f'<span><span class="key {name}"></span>{text}</span>'
        for name, text, used in _KEYS
        if found & used
    )


def memory_cell(decision: Decision) -> str:
    """Render a VM's memory sizes as text and as a bar, for an HTML table cell.

    The text contains all sizes, so screen readers ignore the bar.
    """
    sizes = [each for each in dict.fromkeys(from_and_to(decision)) if each != "-"]
    limits = []
    if decision.boot is not None:
        limits.append(f"boot {spelled(decision.boot)}")
    if decision.maximum is not None:
        limits.append(f"max {spelled(decision.maximum)}")
    return (
        html_text(" \u2192 ".join(sizes) or "not known")
        + memory_bar(decision)
        + html_text(", ".join(limits))
    )


def memory_bar(decision: Decision, *, stretched: bool = False) -> str:
    """Draw a VM's memory bar as SVG, or return an empty string if a size is unknown.

    If *stretched* is true, the style sheet determines the size of the bar. The first path shows
    the memory that stays. The second path, if any, shows the growth or shrinkage. The last path
    marks the boot memory and the maximum memory.
    """
    current, desired = _sizes(decision)
    marks = [each.n_bytes for each in (decision.boot, decision.maximum) if each is not None]
    if current is None or desired is None:
        return ""
    scale = max(current, desired, *marks, 1)
    low, high = (round(each * _WIDTH / scale) for each in sorted((current, desired)))
    ticks = "".join(f"M{_tick(each, scale)} 0v{_HEIGHT}" for each in marks)
    paths = [f"M0 {_MIDDLE}h{low}", *([f"M{low} {_MIDDLE}h{high - low}"] if high > low else ())]
    shrinks = desired < current
    shown = "".join(f'<path d="{each}"/>' for each in (*paths, ticks))
    box = f' viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio=none' if stretched else ""
    return f"<svg{' class=s' if shrinks else ''}{box} aria-hidden=true>{shown}</svg>"


def _sizes(decision: Decision) -> tuple[int | None, int | None]:
    """Return a VM's current and desired memory in bytes; the current memory of a new VM is 0."""
    before = after = None
    if decision.changes:
        before, after = decision.changes[0].before, decision.changes[0].after
    now = _n_bytes(decision.guest, before)
    return (0 if decision.effect is Effect.CREATE else now), _n_bytes(decision.target, after)


def _n_bytes(*values: SettingValue | None) -> int | None:
    """Return, in bytes, the first of the given values that is a memory size, or None."""
    return next((each.n_bytes for each in values if isinstance(each, MemoryQuantity)), None)


def _tick(n_bytes: int, scale: int) -> int:
    return min(max(round(n_bytes * _WIDTH / scale), 1), _WIDTH - 1)
