"""``github_outputs``: renders the numbers of a plan or run report as GitHub Actions outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable
from reconciler.model.plan.comparison import ADDED
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def github_outputs(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield ``name=value`` lines for the file to which ``$GITHUB_OUTPUT`` points.

    The values are only numbers and a digest, so strings from Git or from the cluster cannot inject
    an output. If the plan is compared with a base commit, ``added`` is the number of objects with
    a new or updated change.

    Args:
        document: A plan or a run report that is valid against its JSON schema.
    """
    if document["kind"] == "Plan":
        summary = document["summary"]
        yield f"changes={sum(len(each['actions']) for each in document['waves'])}\n"
        for effect in (Effect.LIVE, Effect.RESTART, Effect.BLOCKED):
            yield f"{effect}={int(summary.get(effect, 0))}\n"
        if "comparison" in document:
            counts = document["comparison"]["summary"]
            yield f"added={sum(int(n) for state in ADDED for n in counts[state].values())}\n"
        yield f"digest={printable(document['digest'])}\n"
        return
    for result in (Result.DONE, Result.FAILED, Result.STALE, Result.HELD, Result.RUNNING):
        yield f"{result}={int(document['counts'].get(result, 0))}\n"
    yield f"digest={printable(document['plan']['digest'])}\n"
