"""Nth operation: an even sample of `python -m tests.faults`, which makes every operation of a small run go wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SECONDS = "30"


def test_whatever_operation_dies_or_fails_nothing_is_lost_doubled_or_sent_after_a_halt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A process of its own: the cases are forked from it, and it must hold no connection and no thread.
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--seconds", SECONDS], cwd=ROOT, capture_output=True, text=True
    )
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
