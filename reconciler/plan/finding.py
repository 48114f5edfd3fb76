"""``Finding``: a planning rule's result for one object: the effect and the explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.diagnostic import Diagnostic

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a planning rule for one object: the effect and the explanation."""

    effect: Effect
    why: Explanation

    @classmethod
    def of(cls, effect: Effect, reason: Reason, message: str, hint: str = "") -> Finding:
        """Create a planning rule's result from an effect and an explanation."""
        return cls(effect=effect, why=Explanation(reason=reason, message=message, hint=hint))

    @property
    def reason(self) -> Reason:
        """The reason code in the explanation of a planning rule's result."""
        return Reason(self.why.reason)


def first(rules: Iterable[Callable[[T], Finding | None]], inputs: T) -> Finding | None:
    """Call the planning rules in order, and return the first result that is not None."""
    return next((found for rule in rules if (found := rule(inputs)) is not None), None)


def restart(reason: Reason, message: str, hint: str = "") -> Finding:
    """Create a planning rule's result with the effect ``restart``: the VM needs a restart."""
    return Finding.of(Effect.RESTART, reason, message, hint)


def wait(reason: Reason, message: str, hint: str = "") -> Finding:
    """Create a planning rule's result with the effect ``wait``: the change is possible later."""
    return Finding.of(Effect.WAIT, reason, message, hint)


def waits_for_capacity(lacking: str) -> Finding:
    """Create the result for a change that waits until running migrations release capacity."""
    return wait(
        Reason.WAITS_FOR_ROOM,
        f"{lacking}; running migrations will release enough capacity",
        "no action is needed: the reconciler writes the new size when enough capacity is free",
    )


def invalid(error: Diagnostic) -> Finding:
    """Create a planning rule's result that blocks an object whose manifest in Git has an error."""
    return blocked(
        Reason.INVALID_MANIFEST,
        f"the manifest in Git is invalid: {error.message}",
        error.hint or "correct the manifest in Git",
    )


def blocked(reason: Reason, message: str, hint: str = "") -> Finding:
    """Create a planning rule's result with the effect ``blocked``: the change is not made."""
    return Finding.of(Effect.BLOCKED, reason, message, hint)
