"""`sequencer deploy`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sequencer.settings import variables
from sequencer.store import tables
from tests.databases import until_waiting

from .conftest import ROOT, START, Sequencer


@pytest.fixture
def copy(tmp_path: Path, sequencer: Sequencer) -> Path:
    """A copy of the shipped workspace, which is what the commands see."""
    for folder in ("sequences", "content"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    sequencer.environ["WORKSPACE_DIR"] = str(tmp_path)
    return tmp_path


def test_the_shipped_workspace_becomes_the_first_deployment(sequencer: Sequencer) -> None:
    assert "deployment 1: 8 sequences, 35 contents\n" == sequencer("deploy")


def test_the_same_workspace_again_changes_nothing(sequencer: Sequencer) -> None:
    sequencer("deploy")
    assert "nothing changes: deployment 1 already runs this workspace\n" == sequencer("deploy")
    expected = {"ok": True, "deployment": 1, "new": False, "sequences": 8, "contents": 35}
    assert expected == sequencer.json("deploy")


def test_a_changed_workspace_is_the_next_deployment(sequencer: Sequencer, copy: Path) -> None:
    sequencer("deploy")
    file = copy / "sequences" / "handbook-delivery.yaml"
    file.write_text(file.read_text().replace("after 1 hour", "after 2 hours"))
    assert "deployment 2: 8 sequences, 35 contents\n" == sequencer("deploy")
    assert 2 == sequencer.json("status")["deployment"]


def test_problems_are_printed_as_check_prints_them_and_nothing_is_deployed(sequencer: Sequencer, copy: Path) -> None:
    sequencer("deploy")
    file = copy / "sequences" / "handbook-delivery.yaml"
    file.write_text(file.read_text().replace("topic: guides", "topic: guide").replace("state: live", "state: alive"))
    said = sequencer("deploy", code=1)
    assert sequencer("check", code=1) == said
    assert "sequences/handbook-delivery.yaml:5:8: " in said
    assert 1 == sequencer.json("status")["deployment"]
    found = json.loads(sequencer("deploy", "--json", code=1))
    assert (False, [4, 5]) == (found["ok"], [problem["line"] for problem in found["problems"]])


def test_a_step_that_lost_its_first_name_is_refused_as_check_prints_it_by_plan_too(
    sequencer: Sequencer, copy: Path
) -> None:
    file = copy / "sequences" / "handbook-delivery.yaml"
    first = next(line for line in file.read_text().splitlines(keepends=True) if "- email: " in line)
    indent, content = first.split("- email: ")
    file.write_text(
        file.read_text().replace(first, f"{indent}- id: hello\n{indent}  was: hi\n{indent}  email: {content}")
    )
    shutil.rmtree(copy / "sequences" / "scenarios")
    sequencer("deploy")
    file.write_text(file.read_text().replace(f"{indent}  was: hi\n", ""))
    sequencer("check")
    found = json.loads(sequencer("deploy", "--json", code=1))
    assert ["bad-was"] == [problem["code"] for problem in found["problems"]]
    assert "bad-was `hello` was called `hi`" in sequencer.run("plan").stderr
    assert 1 == sequencer.json("status")["deployment"]


def test_of_two_deploys_at_once_the_second_says_that_it_was_second(sequencer: Sequencer, engine: Engine) -> None:
    with engine.connect() as first:
        first.execute(tables.deployment.insert().values(number=1, release="of somebody else", at=START))
        environ = {**variables(), **sequencer.environ}
        command = [sys.executable, "-m", "sequencer", "deploy"]
        second = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until_waiting(engine, lambda: second.poll() is not None)
        first.commit()
    assert (
        "",
        "Error: another deploy came first: look at what it deployed, then deploy again\n",
    ) == second.communicate()


def test_a_folder_that_is_none_is_refused(sequencer: Sequencer) -> None:
    sequencer.environ["WORKSPACE_DIR"] = "/nowhere/at/all"
    assert sequencer.refusal("deploy").startswith("WORKSPACE_DIR: expected a folder")
