"""Microsoft's SARIF validator accepts each SARIF file, according to SARIF's and GitHub's rules."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from dataclasses import replace
from itertools import cycle

import pytest
from support.builders import decide, make_desired, make_live, want
from support.html.fleet_plan import NOW, fleet_plan
from support.tools.installed import tool
from support.tools.shared_folder import shared_folder

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Decision, Effect, Reason
from reconciler.model.references import Location, vm_ref
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.report.code_review.review import review_of_errors, review_of_plan
from reconciler.report.code_review.sarif import MAX_RESULTS, sarif

MAX_GZIP = 10_000_000
"""The maximum size of a compressed SARIF file that GitHub accepts, 10 MB in bytes."""
ODD = (
    "vms/a b.yaml",
    "vms/50%25#?.yaml",
    "vms/[x](y)/{0}.yaml",
    "vms/äöü/日本/\U0001f600.yaml",
    "-/../a\\b:c.yaml",
    "vms/\x1b[2J\u202e\ud800.yaml",
)
"""File paths with characters that must be escaped in a URI or in a message."""


def problem(number: int, path: str = "vms.yaml", **fields) -> Diagnostic:
    given = {
        "severity": Severity.ERROR,
        "code": "bad-quantity",
        "message": f"'{number}GB' is not a quantity",
        "at": Location(path=path, line=number + 1, column=3),
        "hint": "write {0}Gi, see [the docs](https://example.org)",
    }
    return Diagnostic(**(given | fields))


def every_effect():
    """Build a plan with each effect and each reason, with and without a line in Git."""
    plan = decide(make_desired(want("2Gi")), make_live(observed_at=NOW), PlanPolicy(), NOW)
    pairs = zip(cycle(Effect), Reason, strict=False)
    decisions = tuple(
        Decision(
            ref=vm_ref("db", f"{reason}-{line}"),
            uid=None,
            effect=effect,
            why=Explanation(reason=reason, message="the VM {0} is [odd]", hint="look at it"),
            warnings=("the warning",),
            at=Location(path="vms.yaml", line=line, column=1) if line else None,
        )
        for effect, reason in pairs
        for line in (0, 7)
    )
    return replace(plan, decisions=decisions, cluster="a/b c")


REVIEWS = {
    "every effect": lambda: review_of_plan(every_effect()),
    "no finding": lambda: review_of_errors("nothing", ()),
    "invalid repository": lambda: review_of_errors(
        "2 errors",
        (problem(1), problem(2, at=None), problem(3, severity=Severity.WARNING, code="odd code")),
    ),
    "odd names": lambda: review_of_errors(
        "odd \x1b names", [problem(n, path, message=path) for n, path in enumerate(ODD)]
    ),
    "100 VMs": lambda: review_of_plan(fleet_plan(100)),
}


def wrong() -> str:
    """Return SARIF with a wrong line and a wrong rule."""
    text = "".join(sarif(review_of_errors("1 error", (problem(1),)), "1.2.3"))
    document = json.loads(text)
    (result,) = document["runs"][0]["results"]
    result["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    result["ruleIndex"] = 5
    return json.dumps(document)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The validator's errors and warnings about each review and about `wrong`, by name.

    One process checks all files, because each takes two seconds to start.
    """
    program = tool("sarif-multitool")
    folder = tmp_path_factory.mktemp("sarif")
    # The validator unpacks 96 MB when it starts for the first time.
    unpacked = shared_folder(tmp_path_factory, "sarif-multitool", lambda _: None)
    environment = os.environ | {
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
        "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(unpacked),
    }
    texts = {
        name: "".join(sarif(review(), "1.2.3", docs_url="https://docs.example/r"))
        for name, review in REVIEWS.items()
    }
    names = {}
    for number, (name, text) in enumerate((texts | {"wrong": wrong()}).items()):
        (folder / f"{number}.sarif").write_text(text, encoding="utf-8")
        names[f"{number}.sarif"] = name
    result = folder / "result.json"
    ended = subprocess.run(
        [
            *(program, "validate", *(folder / file for file in names)),
            *("--rule-kind", "Sarif;Gh;Ghas", "--level", "Error;Warning"),
            *("--output", result, "--log", "ForceOverwrite"),
        ],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert f"{len(names)} files scanned" in ended.stdout, ended
    (run,) = json.loads(result.read_text(encoding="utf-8-sig"))["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"], invocation
    problems = {name: [] for name in names.values()}
    for each in run.get("results", ()):
        (location,) = each["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        name = names[uri.rpartition("/")[2]]
        problems[name].append(f"{each['ruleId']} {each['message']}")
    return problems


def test_microsoft_sarif_validator_rejects_a_deliberately_wrong_report_but_no_generated_report(
    found,
):
    """One test, because each worker of a parallel run would start the validator."""
    assert len(found.pop("wrong")) >= 2
    assert found == {name: [] for name in REVIEWS}


def test_sarif_with_too_many_results_is_reduced_to_the_limits_of_github():
    names = [
        f"the VM team-{n % 97}/pg-{n * 7919 % 99991:05} needs {n % 89}Gi" for n in range(26_000)
    ]
    levels = (Severity.NOTE, Severity.WARNING, Severity.ERROR)
    found = [
        problem(n, f"vms/{n}.yaml", message=each, severity=levels[n % 3])
        for n, each in enumerate(names)
    ]
    text = "".join(sarif(review_of_errors("26,000 errors", found), "1.2.3"))
    (run,) = json.loads(text)["runs"]
    assert len(run["results"]) == MAX_RESULTS == 25_000
    assert {each["level"] for each in run["results"][:5_000]} == {"error"}, "GitHub shows these"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("1000 more results are left out")
    assert len(gzip.compress(text.encode())) < MAX_GZIP
