"""Every benchmark of the table runs, at a size that takes seconds: a change of the format or of a function that one of
them calls breaks it here, not on the day when somebody wants to measure."""

import subprocess
import sys

import pytest

from benchmarks.__main__ import ORDER, known

SMALL = {
    "sending": ["--leads", "60", "--compare"],
    "steps": ["--leads", "2400"],
    "snapshot": ["--leads", "60"],
    "journey": ["--leads", "60"],
    "ticks": ["--waiting", "200", "--against", "100", "--due", "20"],
    "memory": ["--mails", "80", "--leads", "40"],
    "editing": ["--people", "60"],
    "importing": ["--leads", "1000"],
    "webhooks": ["--events", "200", "--times", "1"],
    "halting": ["--leads", "400"],
    "outage": ["--leads", "2000", "--seconds", "1"],
    "checking": ["--sequences", "60", "--rounds", "1"],
    "helping": ["--rounds", "1"],
    "simulating": ["--people", "20"],
    "scoring": ["--events", "400", "--rounds", "1"],
    "crowding": ["--leads", "200"],
}
ELSEWHERE = {"chaos", "fuzz", "mutations"}
"""What CI or other tests run."""
LONGER = {"previewing", "visiting"}
"""They need a browser, and minutes."""


def test_every_benchmark_is_run_here_or_elsewhere() -> None:
    assert set(known()) == SMALL.keys() | ELSEWHERE | LONGER


def test_every_benchmark_of_the_table_has_rows() -> None:
    modules = known()
    assert [name for name in ORDER if not hasattr(modules[name], "rows")] == []
    assert {name for name, module in modules.items() if hasattr(module, "rows")} == set(ORDER)


@pytest.mark.parametrize("name", ["checking", "helping", "simulating"])
def test_what_needs_no_servers_runs(name: str) -> None:
    _runs(name)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(SMALL.keys() - {"checking", "helping", "simulating"}))
def test_it_runs(name: str) -> None:
    _runs(name)


def _runs(name: str) -> None:
    """To its end and a report; whether figures are as they should be is another matter, so exit code 1 will do."""
    done = subprocess.run([sys.executable, "-m", "benchmarks", name, *SMALL[name]], capture_output=True, text=True)
    assert (done.returncode in (0, 1), "Traceback" in done.stderr, bool(done.stdout)) == (True, False, True), (
        done.stdout + done.stderr
    )
