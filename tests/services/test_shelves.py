"""What `check` keeps: nothing is worked out twice, and nothing is ever taken for something else."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.lead import Lead
from sequencer.rendering.compile import compile_content
from sequencer.services import contents as compiling
from sequencer.services import shelves
from sequencer.services.compile import Compiled, compile_workspace
from sequencer.settings import variables
from sequencer.workspace import sequences
from tests.workspaces import files

SEQUENCE = """
title: Kept
state: live
topic: guides
goal: lead.stage in ["customer"] and not (lead.first_name == "Kim")
enroll:
  when: manual
  if: has(lead.pains, "cost")
from: marketing
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 2 days
    then:
      - id: park
        set: {next_attempt: in 60 days}
  - wait: 2 days
  - email: two
  - wait: 2 days
  - email: three
  - wait: 2 days
  - email: four
"""
BROKEN = SEQUENCE.replace('clicked("one", "price")', 'clicked("one", "pryce")')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the files that were worked out."""
    names: list[str] = []

    def content(source: Any, *rest: Any, **others: Any) -> Any:
        names.append(source.file)
        return compile_content(source, *rest, **others)

    def sequence(name: str, file: str, *rest: Any) -> Any:
        names.append(file)
        return real(name, file, *rest)

    real = sequences.load_sequence
    monkeypatch.setattr(compiling, "compile_content", content)
    monkeypatch.setattr(sequences, "load_sequence", sequence)
    yield names


def shown(compiled: Compiled) -> str:
    """All that it says: sequences of two compilations are two, whatever they say."""
    return repr(compiled)


def check(folder: Path, workspace: Mapping[str, str]) -> Compiled:
    return compile_workspace(workspace, shelf=shelves.opened(folder))


def mails() -> list[str]:
    return [f"content/{name}.md" for name in ("four", "one", "three", "two")]


@pytest.mark.parametrize("text", [SEQUENCE, BROKEN])
def test_what_stands_on_the_shelf_is_what_is_worked_out(folder: Path, worked: list[str], text: str) -> None:
    workspace = {**files(kept=text), "content/bad.md": "---\nsubject: Bad\n---\n{{ lead.frist_name }}\n"}
    plain, first = compile_workspace(workspace), check(folder, workspace)
    worked.clear()
    second = check(folder, workspace)
    assert worked == []
    assert shown(plain) == shown(first) == shown(second)
    assert len(second.problems) == (2 if text == BROKEN else 1)


def test_conditions_from_the_shelf_judge_as_before(folder: Path) -> None:
    class Facts:
        def __init__(self, stage: str) -> None:
            self.lead = Lead(1, "lee@harbor.example", "Lee", stage=stage, fields={"pains": ["cost"]})

    for _ in range(2):
        found = check(folder, files(kept=SEQUENCE)).workspace
        assert found is not None
        series = found.sequences["kept"]
        goal, may_enter = series.goal, series.enroll[0].condition
        assert goal is not None and may_enter is not None
        assert [goal.test(Facts(stage)) for stage in ("customer", "lead")] == [True, False]  # type: ignore[arg-type]
        assert may_enter.test(Facts("lead"))  # type: ignore[arg-type]


def test_an_edit_costs_what_it_changed(folder: Path, worked: list[str]) -> None:
    workspace = files(kept=SEQUENCE, other=SEQUENCE)
    every_sequence = ["sequences/kept.yaml", "sequences/other.yaml"]

    def edited(name: str, old: str, new: str) -> list[str]:
        worked.clear()
        workspace[name] = workspace[name].replace(old, new)
        check(folder, workspace)
        return sorted(worked)

    assert edited("content/two.md", "", "") == [*mails(), *every_sequence]
    assert edited("content/two.md", "Hello", "Good day") == ["content/two.md"]
    assert edited("sequences/kept.yaml", "Kept", "Kept too") == ["sequences/kept.yaml"]
    assert edited("content/layouts/default.mjml", "Unsubscribe", "Leave") == mails()
    assert edited("content/one.md", '"price"', '"prices"') == ["content/one.md", *every_sequence]
    assert edited("sequences/workspace.yaml", "stages: [", "stages: [new, ") == every_sequence
    assert edited("sequences/workspace.yaml", "fields:", "fields:\n  size: {number: true}") == [
        *mails(),
        *every_sequence,
    ]
    workspace["sequences/third.yaml"] = SEQUENCE
    assert edited("sequences/third.yaml", "", "") == [*every_sequence, "sequences/third.yaml"]


def test_other_code_works_everything_out_again(
    folder: Path, worked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(folder, files(kept=SEQUENCE))
    installed = [*shelves._installed(), "a library more"]
    monkeypatch.setattr(shelves, "_installed", lambda: installed)
    worked.clear()
    check(folder, files(kept=SEQUENCE))
    assert sorted(worked) == [*mails(), "sequences/kept.yaml"]


@pytest.mark.parametrize("damage", [b"", b"x", bytes(100), None])
def test_what_is_damaged_is_worked_out_again_and_mended(folder: Path, worked: list[str], damage: bytes | None) -> None:
    good = shown(check(folder, files(kept=SEQUENCE)))
    kept = sorted(folder.glob("??/*"))
    assert len(kept) == 5
    for path in kept:
        raw = path.read_bytes()
        path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]) if damage is None else damage)
    worked.clear()
    assert shown(check(folder, files(kept=SEQUENCE))) == good
    assert sorted(worked) == [*mails(), "sequences/kept.yaml"]
    worked.clear()
    assert shown(check(folder, files(kept=SEQUENCE))) == good
    assert worked == []


def test_a_folder_that_others_can_write_to_is_not_used(folder: Path, worked: list[str]) -> None:
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    for _ in range(2):
        worked.clear()
        check(folder, files(kept=SEQUENCE))
        assert len(worked) == 5
    assert list(folder.iterdir()) == []


def test_a_folder_of_somebody_else_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    uid = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: uid)
    assert check(folder, files(kept=SEQUENCE)).problems == ()
    assert list(folder.iterdir()) == []


def test_where_no_folder_can_be_made_all_is_worked_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "cache", tmp_path / "file", None):
        shelf = shelves.opened(folder)
        assert compile_workspace(files(kept=SEQUENCE), shelf=shelf).problems == ()
        shelves.tidy(folder)


def test_a_full_disk_is_no_problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert check(folder, files(kept=SEQUENCE)).problems == ()


def test_runs_at_the_same_time_read_whole_results_only(folder: Path) -> None:
    shelf = shelves.opened(folder)
    wrong: list[object] = []

    def use(number: int) -> None:
        for _ in range(100):
            shelf.put(["x" * 20_000, "same"], "key")
            found = shelf.get("key")
            if found not in (["x" * 20_000, "same"], None):
                wrong.append(found)

    threads = [Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [path.name[:4] for path in folder.glob("??/*") if path.name.startswith("new-")] == []


def test_what_nobody_asked_for_in_two_weeks_goes(folder: Path) -> None:
    shelf = shelves.opened(folder)
    shelf.put("old", "old")
    shelf.put("used", "used")
    (old, used) = sorted(folder.glob("??/*"), key=lambda path: b"used" in path.read_bytes())
    for path in (old, used):
        os.utime(path, (0, 0))
    assert shelf.get("used") == "used"
    shelves.tidy(folder)
    assert list(folder.glob("??/*")) == [used]


def test_another_process_finds_what_one_left(tmp_path: Path) -> None:
    """Whatever order its sets have: no two processes hash strings alike."""
    tagged = "---\nsubject: Tags\nkind: guide\npains: [cost, risk]\nstage: [lead, mql, sql]\n---\nHello\n"
    for name, text in {**files(kept=SEQUENCE), "content/tagged.md": tagged}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for seed in ("1", "2", "3"):
        environ = {**variables(), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "sequencer", "check", str(tmp_path)]
        subprocess.run(command, env=environ, check=True, capture_output=True)
    assert len([path for path in (tmp_path / "cache").rglob("*") if path.is_file()]) == 6  # five mails and a sequence


def test_several_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = {**files(kept=BROKEN), "content/bad.md": "---\nsubject: Bad\n---\n{{ lead.frist_name }}\n"}
    one = compile_workspace(workspace)
    monkeypatch.setattr(compiling, "WORTH_A_PROCESS", 2)
    assert shown(compile_workspace(workspace, processes=2)) == shown(one)


keys = st.recursive(
    st.one_of(st.text(max_size=3), st.integers(0, 3), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3).map(tuple), st.dictionaries(st.text(max_size=2), inner)),
    max_leaves=6,
)


@given(keys, keys)
def test_different_things_never_stand_under_one_key(a: object, b: object) -> None:
    assert (shelves._digest(a) == shelves._digest(b)) == (repr(a) == repr(b))


def test_sets_have_one_key_in_any_order() -> None:
    names = [f"name{n}" for n in range(50)]
    assert shelves._digest(frozenset(names)) == shelves._digest(frozenset(reversed(names)))
    assert shelves._digest(frozenset(names)) != shelves._digest(frozenset(names[1:]))
