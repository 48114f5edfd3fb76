"""Tests that every reader returns a value, a problem or a typed error for hostile input."""

from __future__ import annotations

import pytest
from fuzz.decoding_calls import NOT_FOREIGN, READ_BY, decoding_modules
from fuzz.readers import READERS

INPUTS = 80
"""The minimum number of inputs for each reader; ``python -m fuzz.run`` reads many more."""


@pytest.mark.parametrize("reader", READERS, ids=lambda each: each.name)
def test_input_reader_raises_only_typed_errors_for_hostile_input(reader):
    n_inputs = max(len(reader.table), INPUTS // reader.weight)
    found = {seed: failure for seed in range(n_inputs) if (failure := reader.fail(seed))}

    assert not found


def test_every_module_that_decodes_data_is_fuzzed_or_listed_with_a_reason_for_its_omission():
    names = {each.name for each in READERS}
    read_by = {each for each in READ_BY.values() if not each.startswith(NOT_FOREIGN)}

    assert decoding_modules() == READ_BY.keys()
    assert read_by <= names
