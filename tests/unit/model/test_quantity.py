"""Tests that a message does not quote an invalid quantity, which might be a secret."""

import pytest

from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError


@pytest.mark.parametrize("secret", ["hunter2", "hunter2 hunter2", "hunter2" * 100])
@pytest.mark.parametrize("kind", [MemoryQuantity, Duration])
def test_error_message_about_an_invalid_quantity_or_duration_does_not_quote_the_value(
    kind, secret
):
    with pytest.raises(QuantityError) as caught:
        kind.parse(secret)
    assert "hunter2" not in str(caught.value)
    assert f"a string of {len(secret)} characters" in str(caught.value)
