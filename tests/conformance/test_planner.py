"""Compares the planner's predictions with the recorded behaviour of a real control plane.

For each recorded memory change, planner.yaml has the objects before the change and, separately,
the recorded result. The planner reads the objects; the test derives the correct effect from
the result alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recordings import TABLE, predicted, true_effects, waited_before

PREDICTIONS = Path(__file__).parents[2] / ".github" / "docs" / "predictions.md"

IN_EVERY_VERSION = {
    "above-explicit-max-guest",
    "above-max-guest",
    "above-max-then-revert",
    "cluster-maxguest-reached",
    "dedicated-cpu",
    "delete-during-hotplug",
    "halted",
    "hotplug-succeeds",
    "hotplug-with-test-op",
    "hugepages-2mi",
    "instancetype-and-guest",
    "limits-memory-below",
    "migration-fails",
    "misaligned",
    "mixed-edit-one-patch",
    "not-migratable",
    "plug-refused",
    "plug-refused-then-revert",
    "requests-memory-too",
    "restart-after-restart-required",
    "same-value-other-spelling",
    "shrink-below-boot",
    "slow-then-second-change",
    "stage-then-live-update",
    "stop-during-hotplug",
    "target-unschedulable",
    "write-maxguest-on-running",
}
SETTINGS_AND_QUOTAS = {
    "evict-only",
    "misspelt-update-method",
    "no-update-methods",
    "quota-holds-one-pod",
}
FIRST = IN_EVERY_VERSION | {"gate-missing"}
SECOND = FIRST | {"migration-fails-once"} | SETTINGS_AND_QUOTAS
RECORDED = {
    "v1.2.2": SECOND,
    "v1.3.1": FIRST,
    "v1.4.1": SECOND,
    "v1.5.3": SECOND | {"instancetype-change"},
    "v1.6.3": FIRST | {"instancetype-change", "migration-fails-once"},
    "v1.7.4": SECOND | {"instancetype-change"},
    "v1.8.4": SECOND | {"instancetype-change"},
    "v1.9.0": IN_EVERY_VERSION
    | SETTINGS_AND_QUOTAS
    | {
        "instancetype-change",
        "other-edit-alone",
        "rerun-on-failure",
        "template-label",
        "too-big-then-smaller",
        "too-big-then-smaller-then-restart",
    },
}
"""All recorded scenarios, except those that planner.yaml omits for a stated reason."""

REASONS = {
    "a non-live-updatable field was changed in the template spec": {
        "gate-missing",
        "strategy-stage",
        "other-edit-pending",
    },
    "memory updated in template spec. Memory-hotplug failed and is not available for this VM "
    "configuration": {"plug-failed-before"},
    "memory updated in template spec. Memory-hotplug is only available for migratable VMs": {
        "not-migratable",
        "not-started",
    },
    "memory updated in template spec. Memory-hotplug is not available for this VM configuration": {
        "booted-before-live-update"
    },
    "memory hotplug not supported, Guest memory is greater than the configured maxGuest memory": {
        "above-max-guest"
    },
    "memory updated in template spec to a value higher than what's available": {"above-max-guest"},
    "memory hotplug not supported, Guest memory must be 2Mi aligned": {"misaligned"},
    "memory updated in template spec to a value lower than what the VM started with": {
        "below-boot-memory"
    },
}
"""The reason codes for each message of the KubeVirt condition RestartRequired."""
STICKY = {"v1.2.2", "v1.3.1", "v1.4.1", "v1.5.3", "v1.6.3"}
"""The KubeVirt versions in which later changes did not clear or update RestartRequired."""


def moments():
    for scenario, rows in TABLE["scenarios"].items():
        for row in rows:
            for version in row["versions"]:
                yield pytest.param(version, row, id=f"{version}-{scenario}-{row['at']}")


MOMENTS = list(moments())


@pytest.mark.parametrize(("version", "row"), MOMENTS)
def test_planner_predicts_the_effect_recorded_on_a_real_cluster(version, row):
    decision = predicted(version, row)
    assert decision.effect in true_effects(row), (decision.reason, decision.why.message, row)


ASKING_FOR_A_RESTART = [
    each
    for each in MOMENTS
    if each.values[1]["at"] != "the end" and true_effects(each.values[1]) == {"restart"}
]


@pytest.mark.parametrize(("version", "row"), ASKING_FOR_A_RESTART)
def test_reason_for_a_required_restart_matches_the_message_of_kubevirt(version, row):
    expected = REASONS[row["happened"]["restartRequired"]]
    if version in STICKY and waited_before(row):
        expected = {"restart-required-sticky"} | (expected & {"plug-failed-before"})
    assert predicted(version, row).reason in expected


@pytest.mark.parametrize("version", RECORDED)
def test_table_of_predictions_contains_every_recorded_scenario(version):
    found = {
        scenario
        for scenario, rows in TABLE["scenarios"].items()
        if any(version in row["versions"] for row in rows)
    }
    assert found == RECORDED[version]


WORDS = (
    (lambda facts: "denial" in facts, "denied"),
    (lambda facts: facts.get("ran") is False, "used at the next start"),
    (lambda facts: "killed" in facts, "the VM was killed, and started with the new size"),
    (lambda facts: "refused" in facts, "refused, then carried out after the change in flight"),
    (lambda facts: facts.get("hotMemoryChange") == ["True", "gone"], "migrated; the guest had it"),
    (lambda facts: "migrations" in facts, "on its way live, until: {cut_short}"),
    (lambda facts: "restartRequired" in facts, "RestartRequired"),
    (lambda facts: "hotMemoryChange" in facts, "taken up, and never carried out"),
    (lambda _: True, "nothing was left to do"),
)
"""Descriptions of recorded results; the first description whose condition is true applies."""


def described(facts):
    words = next(words for holds, words in WORDS if holds(facts))
    return words.format(cut_short=facts.get("fault") or facts.get("then"))


def foretold_and_happened():
    """Build the table for predictions.md: each scenario's prediction and recorded result."""
    lines = ["| situation | KubeVirt | the plan says | what happened |", "|---|---|---|---|"]
    for scenario, rows in TABLE["scenarios"].items():
        ways = {}
        for version in RECORDED:
            mine = [r for r in rows if version in r["versions"] and r["at"] != "the end"]
            effects = [predicted(version, row) for row in mine]
            says = ", then ".join(f"{each.effect} `{each.reason}`" for each in effects)
            happened = ", then ".join(described(row["happened"]) for row in mine)
            if mine:
                ways.setdefault((says, happened), []).append(version)
        for (says, happened), versions in ways.items():
            lines.append(f"| {scenario} | {', '.join(versions)} | {says} | {happened} |")
    return "\n".join(lines)


@pytest.mark.skipif(not PREDICTIONS.exists(), reason="the documentation is not here")
def test_predictions_page_of_the_documentation_shows_each_prediction_and_its_recorded_result():
    assert foretold_and_happened() in PREDICTIONS.read_text(encoding="utf-8")
