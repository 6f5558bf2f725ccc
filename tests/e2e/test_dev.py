"""`sequencer dev`: the headless run, and starting again."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sequencer.settings import variables

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The shipped workspace with an eighth of its leads."""
    for name in ("sequences", "content"):
        shutil.copytree(ROOT / name, tmp_path / name)
    lines = (ROOT / "examples/leads.csv").read_text().splitlines()
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/leads.csv").write_text("\n".join([lines[0], *lines[1::8]]) + "\n")
    return tmp_path


def environ(workspace: Path) -> dict[str, str]:
    given = {k: v for k, v in variables().items() if k not in ("DATABASE_URL", "REDIS_URL", "SENDGRID_HOST")}
    return given | {"WORKSPACE_DIR": str(workspace)}


def race(workspace: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "sequencer", "dev", "--json", *options],
        env=environ(workspace),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_same_seed_gives_the_same_report_and_no_contradiction(workspace: Path) -> None:
    first = race(workspace, "--until", "16d", "--seed", "7")
    assert race(workspace, "--until", "16d", "--seed", "7") == first
    assert {name: count for name, count in first["contradictions"].items() if count} == {}
    assert len(first["contradictions"]) == 8
    assert sum(sum(states.values()) for steps in first["messages"].values() for states in steps.values()) > 30
    assert first["events"]["clicked"] > 0


def test_a_second_start_goes_on_where_the_first_was(workspace: Path) -> None:
    for expected in ("deployment 1", "the workspace has not changed"):
        started = subprocess.Popen(
            [sys.executable, "-m", "sequencer", "dev"],
            env=environ(workspace),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        assert started.stdout is not None
        for line in started.stdout:
            said.append(line)
            if "Ctrl-C stops everything" in line:
                break
        started.send_signal(signal.SIGINT)
        rest, _ = started.communicate(timeout=60)
        assert started.returncode == 0, rest
        assert any(expected in line for line in said), "".join(said)
        assert "the next start goes on from here" in rest
