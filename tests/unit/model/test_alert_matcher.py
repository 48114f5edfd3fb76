"""Tests the syntax of the alert matchers in ``rollout.holdWhile``."""

from __future__ import annotations

import pytest

from reconciler.model.alerts.alert_matcher import MAX_LENGTH, AlertMatcher, AlertMatcherError


def conditions(text: str) -> list[tuple[str, str, str]]:
    found = AlertMatcher.parse(text).conditions
    return [(each.label, each.operator.value, each.value) for each in found]


ONE = [("alertname", "=", "CephHealthError")]
ACCEPTED = {
    "CephHealthError": ONE,
    "  CephHealthError  ": ONE,
    "CephHealthError{}": ONE,
    'CephHealthError{severity="critical"}': [*ONE, ("severity", "=", "critical")],
    "CephHealthError { severity != 'info' , }": [*ONE, ("severity", "!=", "info")],
    '{alertname="Disk full (/var)"}': [("alertname", "=", "Disk full (/var)")],
    '{a=~"x|y",b!~"z.*"}': [("a", "=~", "x|y"), ("b", "!~", "z.*")],
    '{path="C:\\\\tmp \\"x\\""}': [("path", "=", 'C:\\tmp "x"')],
    r"{pod=~`db-\d+`}": [("pod", "=~", r"db-\d+")],
    'job:errors:rate5m{env="a,b}"}': [
        ("alertname", "=", "job:errors:rate5m"),
        ("env", "=", "a,b}"),
    ],
}
REJECTED = {
    "": "is not an alert matcher",
    "Ceph-Health": "write NAME or NAME",
    "ALERTS{a='b'} or vector(1)": "is not an alert matcher",
    'up{a="b"} == 0': "is not an alert matcher",
    "{}": "would select nearly every alert",
    '{severity!="info"}': "would select nearly every alert",
    '{severity=""}': "would select nearly every alert",
    'X{severity="critical"': "is not an alert matcher",
    "X{severity=critical}": "condition 1 in the braces does not have the form",
    'X{severity=="critical"}': "the operators are",
    'X{a="b" c="d"}': "condition 1 in the braces",
    'X{a="b"}) or (up{b="c"}': "condition 1 in the braces",
    'X{alertstate="pending"}': "only firing alerts are compared with the matcher",
    'X{__name__="up"}': "only firing alerts are compared with the matcher",
    r'X{pod=~"db-\d+"}': r"contains the escape \d",
    "X" * (MAX_LENGTH + 1): "longer than 1000 characters",
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_alert_matcher_is_parsed_like_a_promql_selector(text):
    assert conditions(text) == ACCEPTED[text]
    assert str(AlertMatcher.parse(text)) == text


@pytest.mark.parametrize("text", REJECTED, ids=lambda text: text[:20])
def test_invalid_alert_matcher_is_rejected_with_a_reason(text):
    with pytest.raises(AlertMatcherError) as caught:
        AlertMatcher.parse(text)
    assert REJECTED[text] in str(caught.value)
