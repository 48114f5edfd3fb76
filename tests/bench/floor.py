"""``Floor``: measures the minimum work of a plan with bare libraries, step by step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import processes

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The duration of each part of the minimum work of a plan, in seconds."""

    list_s: float
    """The seconds to request and decode all pages of all lists."""
    list_vms_s: float
    """The part of ``list_s`` that the list of VMs takes, in seconds."""
    decode_s: float
    """The seconds to decode all pages of all lists."""
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
    """Measure the minimum work of a plan once, in a separate process."""
    arguments = ["--repo", str(repo), *(("--kubeconfig", str(path)) if path else ())]
    return Floor(**json.loads(processes.printed("bench.programs.bare", *arguments)))
