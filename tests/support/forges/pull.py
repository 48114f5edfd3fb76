"""``Pull``: a pull request that a local server, which imitates a Git host, stores."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "8b1d2f70c3a94e5566778899aabbccddeeff0011"


@dataclass
class Pull:
    """A pull request that a local server stores; if *owner* is not ``team``, it is from a fork."""

    number: int
    head: str = HEAD
    owner: str = "team"
    branch: str = "memory"
    is_open: bool = True
