"""``plan_headline`` and ``run_headline``: build one-line summaries for comments and statuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.escaping import printable
from reconciler.model.diagnostic import Severity
from reconciler.model.phrases import listed, plural
from reconciler.model.plan.comparison import BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import human
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.report import wording
from reconciler.report.comment.document_values import VM, added_bytes, qualified_name
from reconciler.report.comment.since_base import (
    baseline_of,
    is_added,
    is_edited,
    pending_before,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME, _VALUE, _SENTENCE = 80, 200, 600
_NAMED = {ExitCode.STALE: Result.STALE, ExitCode.FAILED: Result.FAILED}
"""Maps an exit code to a result; the summary line names the objects with this result."""
_ERROR = "error: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A one-line summary of a plan or a run, for a pull request comment or a commit status."""

    answer: str
    """For a plan: how many VMs change live, need a restart or are blocked.

    For a run: its result.
    """
    details: tuple[str, ...] = ()
    """Further facts about the plan or run, such as the added memory and the duration."""
    cluster: str
    origin: str
    """The commit or other source from which the desired state was read."""
    digest: str
    signer: str = ""
    """The signer of the commit, or an empty string if signatures were not checked."""

    def markdown(self) -> str:
        """Format the summary as one line of Markdown."""
        parts = [
            f"**{inline(self.answer, _SENTENCE)}**",
            *(inline(each, _VALUE) for each in self.details),
            f"cluster {code(self.cluster, _VALUE)}",
        ]
        if self.origin:
            parts.append(code(self.origin, _VALUE))
        if self.signer:
            parts.append(f"signed by {code(self.signer, _VALUE)}")
        if self.digest:
            parts.append(f"plan {code(wording.short_digest(self.digest))}")
        return " · ".join(parts)

    def description(self, limit: int) -> str:
        """Format the summary as plain text with at most *limit* characters."""
        text = printable("; ".join((self.answer, *self.details)))
        return text if len(text) <= limit else f"{text[: limit - 1]}…"


def plan_headline(document: Mapping[str, Any], cluster_name: str | None) -> Headline:
    """Build the summary line of a JSON plan.

    If *cluster_name* is given, the line shows the name instead of the cluster's UID.
    """
    based = "comparison" in document
    added = [each for each in document["objects"] if is_added(each)]
    effects = Counter(each["effect"] for each in added if each["kind"] == VM)
    settings = sum(
        is_edited(change) or baseline_of(each)["state"] == BaselineState.NEW
        for each in added
        if each["kind"] != VM and each["effect"] == Effect.CONFIG
        for change in each["changes"]
    )
    problems = sum(
        each["severity"] == Severity.ERROR and is_added(each) for each in document["diagnostics"]
    )
    forecast, memory = document["forecast"], sum(map(added_bytes, added))
    details = []
    if memory:
        details.append(f"{human(abs(memory))} {'more' if memory > 0 else 'less'} memory")
    if forecast["migrations"]:
        took = wording.span(forecast["earliestSeconds"], forecast["latestSeconds"])
        details.append(f"the whole plan is done in {took}" if based else f"done in {took}")
    if pending := pending_before(document):
        details.append(f"already pending: {pending}")
    quiet = not settings and not problems and sum(effects.values()) == effects[Effect.NONE]
    answer = ", ".join(_answers(effects, settings, problems))
    if based:
        answer = f"This pull request{' changes nothing' if quiet else f': {answer}'}"
    return Headline(
        answer=answer,
        details=tuple(details),
        cluster=cluster_name or document["cluster"],
        origin=wording.origin(document["revision"], dirty=document["dirty"]),
        digest=document["digest"],
        signer=_signer(document),
    )


def run_headline(document: Mapping[str, Any], cluster_name: str | None) -> Headline:
    """Build the summary line of a JSON run report.

    If *cluster_name* is given, the line shows the name instead of the cluster's UID.
    """
    ended, plan = document["exit"], document["plan"]
    counts = ", ".join(f"{n} {result}" for result, n in document["counts"].items())
    message = ended["message"][:1].upper() + ended["message"][1:]
    return Headline(
        answer=f"{message}{_names(document)} (exit code {ended['code']}, {ended['name']})",
        details=(counts,) if counts else (),
        cluster=cluster_name or plan["cluster"],
        origin=wording.origin(plan["revision"], dirty=plan["dirty"]),
        digest=plan["digest"],
        signer=_signer(plan),
    )


def failure_headline(cluster_name: str, log: str) -> Headline:
    """Build the summary line of a run without a plan, from the last error in the run's log."""
    errors = [each for each in log.split("\n") if each.startswith(_ERROR)]
    reason = errors[-1].removeprefix(_ERROR) if errors else "the run ended with an error"
    answer = f"No plan was made: {reason.strip()}"
    return Headline(answer=answer, cluster=cluster_name, origin="", digest="")


def _signer(document: Mapping[str, Any]) -> str:
    return (document.get("commit") or {}).get("signer") or ""


def _names(document: Mapping[str, Any]) -> str:
    """Return the names of the stale or failed objects, to append to a sentence."""
    result = _NAMED.get(ExitCode(document["exit"]["code"]))
    found = [qualified_name(each) for each in document["outcomes"] if each["result"] == result]
    names = listed([printable(each, _NAME) for each in found], 3)
    return f": {names}" if names else ""


def _answers(effects: Mapping[str, int], settings: int, problems: int) -> Iterator[str]:
    if problems:
        yield f"{plural(problems, 'error')} in the desired state"
    unchanged = effects.get(Effect.NONE, 0)
    if not settings and sum(effects.values()) == unchanged:
        words = "no other change" if problems else "Nothing to do"
        verb = "is" if unchanged == 1 else "are"
        yield f"{words}: {plural(unchanged, 'VM')} {verb} as desired" if unchanged else words
        return
    live, restart = effects.get(Effect.LIVE, 0), effects.get(Effect.RESTART, 0)
    yield f"{plural(live, 'VM')} {'changes' if live == 1 else 'change'} live"
    yield f"{restart} {'needs' if restart == 1 else 'need'} a restart"
    yield _are(effects.get(Effect.BLOCKED, 0), "blocked")
    if cold := effects.get(Effect.COLD, 0):
        yield f"{cold} {'changes' if cold == 1 else 'change'} at the next start"
    if created := effects.get(Effect.CREATE, 0):
        yield _are(created, "created")
    if waiting := effects.get(Effect.WAIT, 0):
        yield f"{waiting} {'waits' if waiting == 1 else 'wait'}"
    if settings:
        yield f"{plural(settings, 'KubeVirt setting')} {'changes' if settings == 1 else 'change'}"


def _are(n: int, word: str) -> str:
    return f"{n} {'is' if n == 1 else 'are'} {word}"
