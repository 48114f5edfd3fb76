"""``Finding``: the answer of a rule about one object."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What will happen to one object, and why."""

    effect: Effect
    why: Explanation

    @classmethod
    def of(cls, effect: Effect, reason: Reason, message: str, hint: str = "") -> Finding:
        """Return the finding of *effect* with this explanation."""
        return cls(effect=effect, why=Explanation(reason=reason, message=message, hint=hint))

    @property
    def reason(self) -> Reason:
        """The code of ``why``."""
        return Reason(self.why.reason)


def restart(reason: Reason, message: str, hint: str = "") -> Finding:
    """Return a finding that the API accepts the patch but only a restart makes it effective."""
    return Finding.of(Effect.RESTART, reason, message, hint)


def wait(reason: Reason, message: str, hint: str = "") -> Finding:
    """Return a finding that the change becomes possible without intervention."""
    return Finding.of(Effect.WAIT, reason, message, hint)


def blocked(reason: Reason, message: str, hint: str = "") -> Finding:
    """Return a finding that the patch is denied, does harm or has no effect, or has failed."""
    return Finding.of(Effect.BLOCKED, reason, message, hint)
