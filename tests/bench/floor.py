"""The least that a plan has to do, one thing after the other: its figures, and how to get them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import processes

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How long each part took, in seconds."""

    list_s: float
    """Every page of every list, and its decoding."""
    list_vms_s: float
    """The part of it that the VMs are."""
    decode_s: float
    """The decoding alone."""
    decode_cpu_s: float
    git_s: float
    yaml_s: float
    pages: int
    n_bytes: int
    n_blobs: int

    @property
    def source_s(self) -> float:
        return self.git_s + self.yaml_s

    @property
    def whole_s(self) -> float:
        return self.list_s + self.source_s


def in_a_process(path: Path | None, repo: Path) -> Floor:
    """Do it once in a process of its own."""
    arguments = ["--repo", str(repo), *(("--kubeconfig", str(path)) if path else ())]
    return Floor(**json.loads(processes.printed("bench.programs.bare", *arguments)))
