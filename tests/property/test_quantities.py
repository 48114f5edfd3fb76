"""Checks that quantities are parsed as in Kubernetes, and compared by value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError, canonical

BYTES = st.integers(0, 2**62)


@given(BYTES)
def test_canonical_notation_of_a_quantity_is_parsed_to_the_same_number_of_bytes(n_bytes):
    assert MemoryQuantity.parse(canonical(n_bytes)).n_bytes == n_bytes


@given(st.integers(0, 2**20))
def test_quantities_with_the_same_value_in_different_notations_are_equal(gib):
    spellings = (f"{gib}Gi", f"{gib * 1024}Mi", gib * 2**30, f"{gib}.0Gi")
    values = {MemoryQuantity.parse(each) for each in spellings}
    assert len(values) == 1


@given(BYTES)
def test_quantity_preserves_the_notation_of_its_input(n_bytes):
    assert MemoryQuantity.parse(str(n_bytes)).raw == str(n_bytes)
    assert MemoryQuantity.parse(n_bytes).raw == n_bytes


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("1Gi", 1073741824),
        ("1.5Gi", 1610612736),
        (".5Gi", 536870912),
        ("2G", 2000000000),
        ("1e9", 1000000000),
        ("1E9", 1000000000),
        ("1E", 10**18),
        ("1k", 1000),
        ("1500m", 2),  # rounded up to whole bytes
        ("1n", 1),
        ("+1Ki", 1024),
        ("0", 0),
        (1.5, 2),
        (2147483648, 2147483648),
    ],
)
def test_parsed_quantity_has_the_value_that_kubernetes_computes(text, n_bytes):
    """Source: apimachinery v0.33 pkg/api/resource/quantity_test.go."""
    assert MemoryQuantity.parse(text).n_bytes == n_bytes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2GB", "did you mean 2Gi, or 2G"),
        ("2gb", "did you mean 2Gi"),
        ("4 GiB", "did you mean 4Gi?"),
        ("1K", "did you mean 1Ki, or 1k"),
        ("", "is not a quantity"),
        ("lots", "write a size such as 2Gi"),
        ("-1Gi", "is negative"),
        ("1e99", "exponent"),
        ("9Ei", "more than 2^63-1"),
        (True, "is not a quantity"),
        (None, "is not a quantity"),
    ],
)
def test_invalid_quantity_is_rejected_with_a_hint(text, says):
    with pytest.raises(QuantityError, match=says.replace("^", r"\^").replace("?", r"\?")):
        MemoryQuantity.parse(text)


@pytest.mark.parametrize(
    ("left", "right"), [("60s", "1m0s"), ("1h", "60m"), ("1.5h", "90m"), ("0", "0s")]
)
def test_durations_with_the_same_value_in_different_notations_are_equal(left, right):
    assert Duration.parse(left) == Duration.parse(right)


@pytest.mark.parametrize("text", ["60", "1d", "", "s", 60, None])
def test_duration_that_the_go_standard_library_rejects_is_rejected(text):
    with pytest.raises(QuantityError, match="is not a duration"):
        Duration.parse(text)
