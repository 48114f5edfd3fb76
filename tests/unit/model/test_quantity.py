"""A message does not quote a text that is no quantity, because it may be a secret."""

import pytest

from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError


@pytest.mark.parametrize("secret", ["hunter2", "hunter2 hunter2", "hunter2" * 100])
@pytest.mark.parametrize("kind", [MemoryQuantity, Duration])
def test_text_that_is_no_quantity_or_duration_is_not_quoted(kind, secret):
    with pytest.raises(QuantityError) as caught:
        kind.parse(secret)
    assert "hunter2" not in str(caught.value)
    assert f"a text of {len(secret)} characters" in str(caught.value)
