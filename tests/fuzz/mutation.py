"""``mutated_json`` and ``mutated_text``: mutate valid inputs into hostile ones, from a seed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

DEEP = 10_000
"""The number of nested lists or mappings in a deep value."""
DIGITS = 5_000
"""The number of digits in a long number; Python refuses to convert more than 4300."""

NUMBERS = (
    b"-1",
    b"0",
    b"-0.0",
    b"1e400",
    b"1e999999999",
    b"-1e-999999999",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"1" * DIGITS,
    b"-" + b"9" * DIGITS,
    b"0." + b"0" * DIGITS + b"1",
    b"NaN",
    b"-Infinity",
    b"0x" + b"f" * DIGITS,
)
TEXTS = (
    "",
    " ",
    "\0",
    "\ufeff",
    "\x1b[31m\x9b31m",
    "\u202e\u2066",
    "\u0661\u0662",
    "²",
    "1\u0660Gi",
    "😀" * 3,
    "a" * 70_000,
    "../" * 50,
    "=" * 300,
    "1" * DIGITS,
    "1" * DIGITS + "Gi",
    "0." + "0" * DIGITS + "1",
    "1e999999999",
    "1e-999999999",
    "1e" + "9" * DIGITS,
    "-1Gi",
    "9223372036854775808",
    "0x" + "f" * DIGITS,
    "." * 300,
    "1" * DIGITS + "h",
    "0." + "1" * DIGITS + "ns",
    "1h" * 3_000,
    "9" * DIGITS + "." + "9" * DIGITS + ".0",
    "v" + "1" * DIGITS + ".2.3",
    "v1.9.\u0663",
    "\u0661.\u0662",
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "99999-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-23T00:48:52",
    "2026-W01-1",
    "2026-11-23T24:00:00Z",
    "2026-11-23T00:00:00+99:99",
    "0 0 30 2 *",
    "1" * DIGITS + " * * * *",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Mon, 23 Nov " + "9" * 30 + " 00:48:52 GMT",
    "*/0 * * * *",
    "0-99999999999 * * * *",
    "* * * * 5#" + "9" * 50,
    "L L L L L",
    "NaN",
    "inf",
    "null",
    "None",
    "true",
    "[" * DEEP,
    "{{ .Values.x }}",
    "${HOME}",
    "<<",
    "a\r\nb\u2028c",
    "a/b/c",
    "%00%ff",
)
STRUCTURES = (
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'[null, 1, "a", [], {}]',
    b'{"": null, "\\u0000": 1}',
    b'{"a": 1, "a": 2}',
    b'["\\ud800"]',
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\xc0\x80"',
    b'{"\xff": "\xff"}',
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b"[" * 300 + b"]" * 300,
    b"[" * DEEP,
)
"""Strings that replace a JSON value, some of which are not valid JSON."""
BYTES = (
    b"\xff",
    b"\0",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff\x00",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\n",
    b"\r",
    b"\t",
    b"\n---\n",
    b"\n...\n",
    b"---",
    b": ",
    b"- ",
    b"&a ",
    b"*a ",
    b"!!binary ",
    b"!!int ",
    b"! ",
    b"!!python/object:os.system ",
    b"<<: ",
    b"? ",
    b"| ",
    b"%YAML 9.9\n",
    b"%TAG ! tag:x,2000:\n",
    b"'",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"#",
    b"\\ud800",
    b"\\x00",
    b"\\",
    b"\x1b[2J",
    b"1" * DIGITS,
    b"[" * DEEP,
    b"{" * 300,
    b" " * 3_000,
    b"-" * 3_000,
    b"- " * 1_000,
)
_MARK = "@mutated-{}@"


def nasty(rng: Random) -> bytes:
    """Return an unexpected JSON value, or a string that replaces a JSON value."""
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(NUMBERS)
    if kind < 0.7:
        return json.dumps(rng.choice(TEXTS), ensure_ascii=rng.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )
    return rng.choice(STRUCTURES)


def mutated_json(rng: Random, document: Any, *, at_most: int = 3) -> bytes:
    """Convert a document to JSON after one to *at_most* random changes."""
    document = json.loads(json.dumps(document))
    changes: dict[bytes, bytes] = {}
    for n in range(rng.randint(1, at_most)):
        document = _changed(rng, document, _MARK.format(n), changes)
    text = json.dumps(document, separators=rng.choice(((",", ":"), (", ", ": ")))).encode()
    for mark, value in changes.items():
        text = text.replace(mark, value)
    return mutated_bytes(rng, text) if rng.random() < 0.15 else text


def _changed(rng: Random, document: Any, mark: str, changes: dict[bytes, bytes]) -> Any:
    places = list(_places(document))
    value = nasty(rng)
    changes[f'"{mark}"'.encode()] = value
    if not places or rng.random() < 0.02:
        return mark
    holder, key = rng.choice(places)
    action = rng.random()
    if action < 0.12:
        del holder[key]
    elif action < 0.2 and isinstance(holder, dict):
        # The new key may be an equal key, a key of another type or not text at all.
        holder[mark] = holder[key]
        changes[f'"{mark}"'.encode()] = rng.choice((json.dumps(key).encode(), b'"\xff"', value))
    elif action < 0.27:
        others = rng.choice(places)
        holder[key] = json.loads(json.dumps(others[0][others[1]]))
    elif action < 0.32 and isinstance(holder, list):
        holder.extend([holder[key]] * 50)
    else:
        holder[key] = mark
    return document


def _places(value: Any):
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])


def mutated_bytes(rng: Random, data: bytes) -> bytes:
    """Return bytes in which random parts were inserted, replaced, removed or repeated."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(data))
        end = min(len(data), start + rng.choice((0, 0, 1, 3, 20)))
        action = rng.random()
        if action < 0.7:
            data = data[:start] + rng.choice(BYTES) + data[end:]
        elif action < 0.8:
            data = data[:start] + bytes([rng.randrange(256)]) + data[end:]
        elif action < 0.9:
            data = data[:start] + data[end:]
        else:
            data = data[:start] + data[start:end] * rng.choice((2, 100)) + data[end:]
    return data


def mutated_text(rng: Random, seeds: tuple[str, ...]) -> str:
    """Return a string that is similar to one of *seeds*, or unrelated to all of them."""
    if rng.random() < 0.3:
        return rng.choice(TEXTS)
    text = rng.choice(seeds)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        other = rng.choice((*TEXTS, *seeds, *"0123456789.,:/-+*#eEmKMGi!=() \ud800\x00"))
        text = text[:at] + other + text[rng.choice((at, at + 1, len(text))) :]
    return text[:100_000]
