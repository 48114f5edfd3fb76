"""Characters that libyaml misreads are replaced before parsing and restored afterwards."""

import pytest

from reconciler.source.yaml.character_substitution import substitutes


@pytest.mark.parametrize("text", ["a: b\n", "a: é 日本\n", 'a: "\\u00e4"\n', "a: \U0001f600\n"])
def test_yaml_text_with_ordinary_characters_needs_no_substitution(text):
    assert substitutes(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a\u2028b\u2029c\u0085d\ufeffe",
        '"\\ud83d\\ude00"',
        '"\\uD83D\\uDe00"',
        "C:\\ud83d",
        "\ue83d \\ud83d",
        "\\ue83d \\ud83d",
        "\ue000 \\ue001 \u2028",
    ],
)
def test_special_characters_are_replaced_before_yaml_parsing_and_restored_afterwards(text):
    found = substitutes(text)
    assert len(found.text) == len(text)
    assert not any(character in found.text for character in "\u2028\u2029\u0085\ufeff")
    assert "\\ud83d" not in found.text.lower()
    assert found.restore(found.text) == text


def test_escaped_surrogate_is_replaced_before_yaml_parsing_and_restored_as_a_surrogate():
    found = substitutes('"\\ud83d"')
    decoded = found.text[1:-1].encode().decode("unicode_escape")
    assert found.restore(decoded) == "\ud83d"
