"""Rows of the table come from processes of their own, which end with whoever asks for them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import apart, report

PATIENCE = 60.0
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes a module, of a name and with this text, that processes find too; it may use `Row`, `Path` and `time`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]))

    def written(name: str, text: str) -> None:
        imports = "import time\nfrom pathlib import Path\nfrom benchmarks.report import Row\n"
        (tmp_path / f"{name}.py").write_text(imports + text)

    return written


def test_none_is_measured_in_what_another_left_behind(write: Write) -> None:
    for name, size in (("large", 10**9), ("small", 0)):
        write(
            name,
            f"""
import resource
def rows(full):
    held = bytes({size}).replace(b"\\0", b".")
    yield Row("most memory", str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), "", True)
""",
        )
    large, small = (int(next(apart.rows(name, False)).measured) for name in ("large", "small"))
    assert small < large / 2


def test_a_row_comes_as_soon_as_it_is_measured_at_the_size_asked_for(write: Write, tmp_path: Path) -> None:
    write(
        "waiting",
        """
def rows(full):
    yield Row("first", f"{full}", "", True)
    while not Path(__file__).with_name("go").exists():
        time.sleep(0.01)
    yield Row("second", f"{full}", "", False)
""",
    )
    with closing(apart.rows("waiting", True)) as rows:
        assert next(rows) == report.Row("first", "True", "", True)
        (tmp_path / "go").touch()
        assert list(rows) == [report.Row("second", "True", "", False)]


def test_what_was_measured_before_a_failure_is_kept(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    write(
        "failing",
        """
def rows(full):
    yield Row("first", "", "", True)
    raise RuntimeError("the disk is full")
""",
    )
    found = []
    with pytest.raises(apart.Failed, match="failing"):
        found.extend(row.what for row in apart.rows("failing", False))
    assert (found, "the disk is full" in capfd.readouterr().err) == (["first"], True)


@pytest.mark.parametrize("to_the_terminal", [True, False], ids=["Ctrl-C", "SIGTERM"])
def test_whoever_ends_the_table_ends_all_that_was_started(write: Write, tmp_path: Path, to_the_terminal: bool) -> None:
    write(
        "long",
        """
def rows(full):
    try:
        yield Row("first", "", "", True)
        time.sleep(600)
    finally:
        time.sleep(0.2)  # what a server takes to stop: long enough for a second signal
        Path(__file__).with_name("ended").touch()
""",
    )
    write(
        "table",
        """
from benchmarks import apart, report
if __name__ == "__main__":
    report.parser("", None)
    for row in apart.rows("long", False):
        print(row.what, flush=True)
""",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "table"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == b"first\n"
        if to_the_terminal:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        code = process.wait(PATIENCE)
    assert (code != 0, (tmp_path / "ended").exists()) == (True, True)


@pytest.mark.parametrize("failed", [[], ["webhooks"]])
def test_a_failure_is_told_and_makes_the_exit_code_1(failed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = [report.Row("mails", "9 mails/s", "≥ 12 mails/s", False)]
    assert report.rows({}, found, {"sending": 60.0, "webhooks": 1.0}, failed, False) == len(failed)
    assert ("FAILED" in capsys.readouterr().out) == bool(failed)
