"""Tests that small hostile inputs take little time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fuzz.costly_inputs import INPUTS

TESTS = Path(__file__).resolve().parents[1]


def test_processing_of_small_hostile_inputs_stays_within_cpu_time_and_memory_limits():
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.costly_inputs"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("MB so far") == len(INPUTS)
