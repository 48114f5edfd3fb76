"""``memory_bar``: draws a VM's boot, current, desired and maximum memory as one bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import MemoryQuantity
from reconciler.report.wording import from_and_to, spelled

if TYPE_CHECKING:
    from reconciler.model.fields import SettingValue
    from reconciler.model.plan.plan import Decision

_WIDTH, _MIDDLE, _HEIGHT = 120, 7, 14
"""The bar's size in CSS pixels; a style sheet draws lines of this height along the middle."""


def memory_cell(decision: Decision, eta: str) -> str:
    """Return a VM's memory sizes and the time of the change as text, followed by the bar.

    The text contains everything that the bar shows, so screen readers ignore the bar.
    """
    before, after = from_and_to(decision)
    parts = [before if before == after else f"{before} → {after}"]
    if decision.boot is not None:
        parts.append(f"boot {spelled(decision.boot)}")
    if decision.maximum is not None:
        parts.append(f"max {spelled(decision.maximum)}")
    if eta != "-":
        parts.append(eta if eta.startswith(("at ", "re")) else f"in {eta}")
    return html_text(", ".join(parts)) + memory_bar(decision)


def memory_bar(decision: Decision) -> str:
    """Return the bar of a VM's memory as SVG; empty if the desired size is not known.

    The first path shows the memory that stays, the second path the growth or the shrinkage, and
    the last path marks the boot memory and the maximum.
    """
    current, desired = _sizes(decision)
    marks = [each.n_bytes for each in (decision.boot, decision.maximum) if each is not None]
    known = [each for each in (current, desired) if each is not None]
    scale = max((*known, *marks), default=0)
    if not scale or desired is None:
        return ""
    low, high = (round(each * _WIDTH / scale) for each in (min(known), max(known)))
    ticks = "".join(f"M{_tick(each, scale)} 0v{_HEIGHT}" for each in marks)
    paths = [f"M0 {_MIDDLE}h{low}", *([f"M{low} {_MIDDLE}h{high - low}"] if high > low else ())]
    shrinks = current is not None and desired < current
    shown = "".join(f'<path d="{each}"/>' for each in (*paths, ticks))
    return f"<svg{' class=s' if shrinks else ''} aria-hidden=true>{shown}</svg>"


def _sizes(decision: Decision) -> tuple[int | None, int | None]:
    """Return a VM's current and desired memory in bytes; a VM that will be created has none."""
    before = after = None
    if decision.changes:
        before, after = decision.changes[0].before, decision.changes[0].after
    now = _n_bytes(decision.guest, before)
    return (0 if decision.effect is Effect.CREATE else now), _n_bytes(decision.target, after)


def _n_bytes(*values: SettingValue | None) -> int | None:
    """Return the first known memory size in bytes; None if there is none."""
    return next((each.n_bytes for each in values if isinstance(each, MemoryQuantity)), None)


def _tick(n_bytes: int, scale: int) -> int:
    return min(max(round(n_bytes * _WIDTH / scale), 1), _WIDTH - 1)
