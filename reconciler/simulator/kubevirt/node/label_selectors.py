"""Evaluates label selectors (`selected`) and single requirements (`matches`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.simulator.kubevirt.object_fields import Json


def matches(requirement: Json, labels: Mapping[str, str]) -> bool:
    """Returns whether labels meet one requirement of a label selector."""
    found = labels.get(requirement["key"])
    values: list[str] = requirement.get("values") or []
    operator: str = requirement["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return (found is not None) is (operator == "Exists")
    if operator in ("In", "NotIn"):
        return (found in values) is (operator == "In")
    if found is None or not found.lstrip("-").isdigit():
        return False
    return int(found) > int(values[0]) if operator == "Gt" else int(found) < int(values[0])


def selected(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Returns whether a label selector selects an object with the given labels.

    An absent selector selects no object.
    """
    if selector is None:
        return False
    pairs = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in pairs) and all(
        matches(each, labels) for each in selector.get("matchExpressions") or ()
    )
