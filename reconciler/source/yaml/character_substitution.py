r"""``Substitutes``: replaces characters that libyaml cannot read, and restores them.

libyaml treats U+0085, U+2028 and U+2029 as line ends, and rejects U+FEFF. libyaml also rejects
escaped surrogate pairs such as ``\ud83d\ude00``, with which JSON can write emoji. Each of these
characters is replaced with a character that the text does not contain. The replacement has the
same length, so lines and columns stay the same.
"""

from __future__ import annotations

import re

_CHARACTERS = "\u0085\u2028\u2029\ufeff"
_NEEDED = re.compile(rf"[{_CHARACTERS}]|\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
_DIGITS = "efcba98765"
"""Digits that can replace ``d``, the first digit of a surrogate; the first unused one is used."""
_PRIVATE = range(0xE000, 0xE800)


class Substitutes:
    """YAML text that libyaml can read, and a method that restores the original characters."""

    def __init__(self, text: str) -> None:
        digit = next((each for each in _DIGITS if _is_free(each, text)), "d")
        escapes = set(_ESCAPE.findall(text.lower()))
        free = (
            each for each in _PRIVATE if chr(each) not in text and f"{each:04x}" not in escapes
        )
        others = dict(zip(map(ord, _CHARACTERS), free, strict=False))
        self.text = _swapped(text, "d", digit).translate(others)
        first = int(f"{digit}800", 16)
        self._digit = digit
        self._back = {first + n: 0xD800 + n for n in range(0x800)}
        self._back |= {substitute: code for code, substitute in others.items()}

    def restore(self, text: str) -> str:
        """Restore the original text of a scalar, without joining the halves of surrogate pairs."""
        return _swapped(text, self._digit, "d").translate(self._back)


def substitutes(text: str) -> Substitutes | None:
    """Replace the characters that libyaml cannot read; return None if *text* has none."""
    if text.isascii() and "\\u" not in text:
        return None
    return Substitutes(text) if _NEEDED.search(text) else None


def _swapped(text: str, old: str, new: str) -> str:
    r"""Replace the first digit in escapes such as ``\ud83d``, and preserve its case."""
    escape = re.compile(rf"(?<=\\u){old}(?=[89a-f][0-9a-f]{{2}})", re.IGNORECASE)
    return escape.sub(lambda match: new if match[0].islower() else new.upper(), text)


def _is_free(digit: str, text: str) -> bool:
    first = int(f"{digit}800", 16)
    used = rf"[{chr(first)}-{chr(first + 0x7FF)}]|\\u{digit}[89a-f]"
    return re.search(used, text, re.IGNORECASE) is None
